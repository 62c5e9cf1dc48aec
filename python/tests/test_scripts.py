"""Scripts as readers of the book write them print what they print with the original.

Text must be the same; numbers may differ by the tolerance that a script names (``# tolerance: 1e-5``, where float32 or
a long training needs one), otherwise by 1e-10, and never need to agree past their last printed digit.
"""

import re

import pytest
from conftest import HERE, has_dot, missing

SCRIPTS = sorted((HERE / "scripts").glob("*.py"))
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+|nan|inf)(?![\w])")


def header(script, key):
    found = re.search(rf"^# {key}: (.*)$", script.read_text(), re.MULTILINE)
    return found and found[1]


@pytest.fixture(scope="module")
def outputs(both_sides, tmp_path_factory):
    runnable = [s for s in SCRIPTS if not (header(s, "needs") and missing(header(s, "needs")))]
    return both_sides("run_scripts.py", tmp_path_factory.mktemp("scripts"), *runnable)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.stem)
def test_prints_the_same(script, outputs):
    need = header(script, "needs")
    if need and missing(need):
        pytest.skip(missing(need))
    if "plot_dot_graph" in script.read_text() and not has_dot:
        pytest.skip("no Graphviz")
    original, ours = ((folder / f"{script.stem}.out").read_text() for folder in outputs)
    assert original.endswith("exit code 0\n"), "the script fails with the original:\n" + original
    assert ours.endswith("exit code 0\n"), "the script fails with ours:\n" + ours[-3000:]
    problem = difference(original, ours, float(header(script, "tolerance") or 1e-10))
    assert problem is None, problem


def difference(original, ours, tolerance):
    """The first place where two texts differ by more than their numbers may, or None."""
    if original == ours:
        return None
    numbers, other_numbers = NUMBER.findall(original), NUMBER.findall(ours)
    texts = [re.sub(r"\s+", " ", NUMBER.sub("#", text)).replace("[ ", "[").replace(" ]", "]") for text in (original, ours)]
    if texts[0] != texts[1]:
        at = next((i for i, (a, b) in enumerate(zip(*texts)) if a != b), min(map(len, texts)))
        there = slice(max(at - 80, 0), at + 80)
        return f"the original prints ...{texts[0][there]!r}\nours prints         ...{texts[1][there]!r}"
    if numbers == other_numbers:
        return "only the spaces differ:\n" + original + ours
    for i, (a, b) in enumerate(zip(numbers, other_numbers)):
        if not close(a, b, tolerance):
            return f"number {i} is {a} with the original, {b} with ours (tolerance {tolerance})"
    return None


def close(a, b, tolerance):
    if is_whole(a) != is_whole(b):
        return False  # an integer is not a float, though they may be equal
    x, y = float(a), float(b)
    if x != x or y != y:
        return (x != x) == (y != y)
    if abs(x) == float("inf"):
        return x == y
    return abs(x - y) <= tolerance * abs(x) + tolerance * 1e-3 + 1.5 * max(last_digit(a), last_digit(b))


def is_whole(number):
    return number.lstrip("+-").isdigit()


def last_digit(number):
    """The value of one in the last printed digit."""
    mantissa, _, exponent = number.partition("e")
    decimals = len(mantissa.partition(".")[2]) if "." in mantissa else 0
    if not decimals and not exponent:
        return 0.0  # an integer, or a float that is one
    return 10.0 ** (int(exponent or 0) - decimals)


def test_the_comparison_sees_differences():
    assert difference("a 1.0 b", "a 1.0 b", 1e-10) is None
    assert difference("[0.12345678 1.]", "[0.12345679 1.]", 1e-10) is None
    assert difference("[0.12345678 1.]", "[0.12345778 1.]", 1e-10)
    assert difference("0.30000000000000004", "0.3000000000000001", 1e-10) is None
    assert difference("3 x", "4 x", 1e-10)
    assert difference("variable(2)", "variable(2.0)", 1e-10)
    assert difference("variable(2)", "variabel(2)", 1e-10)
    assert difference("[1 2]", "[1  2]", 1e-10)

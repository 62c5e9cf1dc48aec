"""Random programs compute with ours what they compute with the original: values, gradients, gradients of gradients."""

import json

import numpy as np
import pytest

COUNT = 2000
TOLERANCE = {"f8": 1e-10, "i8": 1e-10, "f4": 1e-6}


@pytest.fixture(scope="module")
def results(both_sides, tmp_path_factory):
    folders = both_sides("random_programs.py", tmp_path_factory.mktemp("programs"), COUNT)
    loaded = [dict(np.load(folder / "results.npz")) for folder in folders]
    programs = [{}, {}]
    for side, arrays in zip(programs, loaded):
        for key, value in arrays.items():
            name, _, what = key.partition("/")
            side.setdefault(name, {})[what] = value
    return programs


def test_enough_programs_say_something(results):
    original, _ = results
    assert len(original) == COUNT + COUNT // 10
    assert not [name for name, values in original.items() if "error" in values]
    keys = [key for values in original.values() for key in values]
    assert sum(key.startswith("gg") for key in keys) > COUNT // 4
    assert sum(key.startswith("g") and not key.startswith("gg") for key in keys) > COUNT


@pytest.mark.parametrize("kind", ["f8", "f4", "i8", "training"])
def test_same_numbers(results, kind):
    original, ours = results
    problems, count = [], 0
    for name, values in original.items():
        dtype, order, *trace = json.loads(str(values["trace"]))
        if ("training" if name.startswith("train") else dtype) != kind:
            continue
        count += 1
        tolerance = 1e-5 if kind == "training" else TOLERANCE[dtype]
        if dtype == "f4" and any("batch_nrom" in line for line in trace):
            tolerance = 1e-4  # of a few examples: ill-conditioned
        problem = difference(values, ours[name], tolerance, dtype)
        if problem:
            problems.append(f"program {name} ({dtype}, order {order}): {problem}\n    " + "\n    ".join(trace))
    assert count > 50
    assert not problems, f"{len(problems)} of {count} programs differ:\n" + "\n".join(problems[:12])


def difference(original, ours, tolerance, dtype):
    if "error" in ours:
        return str(ours["error"])
    if original.keys() != ours.keys():
        return f"results {sorted(original)} with the original, {sorted(ours)} with ours"
    if str(original["trace"]) != str(ours["trace"]):
        return f"takes another way: {ours['trace']}"
    for key, a in original.items():
        b = ours[key]
        if key == "trace":
            continue
        if a.shape != b.shape:
            return f"{key} has shape {a.shape} with the original, {b.shape} with ours"
        # A number and a float32 array without axes made float64 in the NumPy of the original's day, and so did what
        # followed from it.
        if a.dtype != b.dtype and not (dtype == "f4" and a.dtype == "f8" and b.dtype == "f4"):
            return f"{key} is {a.dtype} with the original, {b.dtype} with ours"
        scale = max(1.0, np.abs(a).max()) if a.size else 1.0
        if not np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True):
            return (
                f"{key} is {a.ravel()[:6]} with the original, {b.ravel()[:6]} with ours, apart by {np.abs(a - b).max()}"
            )
    return None

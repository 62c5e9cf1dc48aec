"""Every public name of the original is here, with the same arguments and defaults."""

import json

import pytest

# What differs on purpose, and why.
EXCEPTIONS = {
    "dezero.dataloaders.pil_available": "nothing reads it",
    "dezero.__version__": "ours has its own",
    "dezero.transforms.RandomHorizontalFlip": "an empty class in the original; here it can be called",
}

# Of how things are built inside, not of what scripts read.
INSIDE = {"_init_params", "_flatten_params"}


@pytest.fixture(scope="module")
def interfaces(both_sides, tmp_path_factory):
    folders = both_sides("interface.py", tmp_path_factory.mktemp("interface"))
    return [json.loads((folder / "interface.json").read_text()) for folder in folders]


def test_names_arguments_and_defaults(interfaces):
    original, ours = (side["modules"] for side in interfaces)
    problems, count = [], 0
    for module, names in original.items():
        for name, value in names.items():
            full = f"{module}.{name}"
            if full in EXCEPTIONS:
                continue
            count += 1
            if name not in ours[module]:
                problems.append(f"{full} is missing")
                continue
            other = ours[module][name]
            if not isinstance(value, dict):
                if value != other and not (value == "value" and isinstance(other, str)):
                    problems.append(f"{full}: {value} in the original, {other} in ours")
            elif not isinstance(other, dict):
                problems.append(f"{full} is a class in the original, {other} in ours")
            else:
                for member, arguments in value.items():
                    if member.startswith("_") and not member.startswith("__"):
                        continue
                    count += 1
                    if member not in other:
                        problems.append(f"{full}.{member} is missing")
                    elif member.startswith("__"):
                        continue  # of a class in Rust, their arguments have no names
                    elif other[member] == "property" and isinstance(arguments, str):
                        continue
                    elif arguments != other[member] and arguments != ours_extended(arguments, other[member]):
                        problems.append(f"{full}.{member}: {arguments} in the original, {other[member]} in ours")
    assert count > 500
    assert not problems, "\n".join(problems)


def ours_extended(arguments, others):
    """Ours without the arguments that it has besides, all optional."""
    if not isinstance(others, list) or not isinstance(arguments, list):
        return others
    extra = others[len(arguments) :]
    return others[: len(arguments)] if all(kind == "KEYWORD_ONLY" or default for _, kind, default in extra) else others


def test_attributes_of_instances(interfaces):
    original, ours = (side["instances"] for side in interfaces)
    problems = []
    for name, attributes in original.items():
        assert "error" not in attributes, attributes
        if "error" in ours[name]:
            problems.append(f"{name}: {ours[name]['error']}")
            continue
        for attribute, kind in attributes.items():
            if attribute in INSIDE:
                continue
            other = ours[name].get(attribute)
            callable_kinds = {"method", "function", "builtin_function_or_method"}
            if other is None:
                problems.append(f"{name}.{attribute} is missing")
            elif (
                kind != other
                and not {kind, other} <= callable_kinds
                and {kind, other} != {"dtype[float64]", "Float64DType"}
            ):
                problems.append(f"{name}.{attribute} is a {kind} in the original, a {other} in ours")
    assert not problems, "\n".join(problems)


def test_signatures_can_be_looked_up(interfaces):
    for module, names in interfaces[1]["modules"].items():
        for name, value in names.items():
            for member, arguments in value.items() if isinstance(value, dict) else [("", value)]:
                assert not str(arguments).startswith("no signature"), f"{module}.{name}.{member}: {arguments}"

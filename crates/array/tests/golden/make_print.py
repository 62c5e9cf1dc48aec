"""Writes print.txt, NumPy's `str` and `repr` of some hundred arrays, that tests/print.rs compares.

Run with NumPy 2.4:  python3 make_print.py

A case is a line `# dtype shape precision elements` (elements as hexadecimal bits, or `range` for
0, 1, 2, ...), then the lines of `str` after `s|` and those of `repr` after `r|`.
"""

import pathlib

import numpy as np

random = np.random.RandomState(0)
bits = {"float32": np.uint32, "float64": np.uint64, "int64": np.uint64, "bool": np.uint8}
out = []


def case(array, precision=None, elements=None):
    array = np.asarray(array, order="C")
    if elements is None:
        elements = " ".join(f"{x:x}" for x in array.reshape(-1).view(bits[array.dtype.name]))
    shape = ",".join(map(str, array.shape)) or "()"
    dtype, digits = array.dtype.name, "-" if precision is None else precision
    out.append(f"# {dtype} {shape} {digits} {elements}".rstrip())
    with np.printoptions(precision=8 if precision is None else precision):
        # The str of a scalar knows no precision.
        text = np.array2string(array) if precision is not None else str(array)
        out.extend("s|" + line for line in text.split("\n"))
        out.extend("r|" + line for line in repr(array).split("\n"))


def cases(array, precision=None):
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.asarray(array, np.float64)
        case(array, precision)
        case(array.astype(np.float32), precision)


nan, inf = np.nan, np.inf
# Single numbers.
for x in [0, -0.0, 1, -1, 0.1, 1 / 3, 2 / 3, 100, 123456.789, 1e5, 999999.5, 1e6, 1e7, 99999999.5]:
    cases(x)
for x in [1e8, 123456789.0, 1e15, 1e16, 1.5e16, 1e17, 1e22, 1e23, 1e-3, 1e-4, 9.99e-5, 1e-5]:
    cases(x)
for x in [1.5e-10, 1e100, -1e-100, 1e308, 5e-324, 1e-45, nan, inf, -inf, 0.1 + 0.2, 2**53 + 1]:
    cases(x)

# Small vectors, each for its rule.
for values in [
    [], [1], [1, 2, 3], [1.5, 2.25, 3.125], [0.1, 0.2, 0.3], [0.1 + 0.2, 1], [1, -2, 3], [0, 0],
    [-0.0, 0.0], [1e8, 1], [99999999, 1], [999999, 1000], [1000000, 1001], [1e6, 1e6], [1, 1000],
    [1, 1001], [1, 1000.01], [0.001, 1], [0.001, 1.001], [1e-4, 1e-2], [9.9e-5, 1e-4], [1e-5],
    [1e-5, 0], [1e-10, 1, 1e10], [1e100, 1], [1e-100, 1e100], [1e99, 1e-100], [-1e10, 1e-10],
    [nan], [inf], [-inf], [nan, inf, -inf], [nan, 1], [1, inf], [1, -inf], [-1.5, -inf, nan],
    [nan, 1e10], [-inf, 1e-10, -2], [1.123456789, 2.1], [0.123456785, 1], [0.5, 1.5, 2.5],
    [1 / 3, 2 / 3, 1], [16777216, 1], [123456.7, 0.1], [0.00012345678901, 0.1], [1e16, 1e16],
    [9.999999999, 1], [0.999999999], [99.9999999999], [9.9999999999e9], [5e-324], [1e-45, 1e-40],
    [1.7976931348623157e308], [3.4028235e38], [0.1, 1e8], [0.3, 12345678901], [1 / 3, 1e7 / 3],
]:  # fmt: skip
    cases(values)

for precision in [0, 1, 2, 3, 4, 12, 17]:
    for values in [[1 / 3, 2, -1000 / 7], [0.5, 1.5, 2.5], [0.125, 0.375], [1e10 / 3, 1], [nan, 0.25]]:
        cases(values, precision)
    cases(np.pi, precision)
    cases([[1e-7 / 3, 1]], precision)

# Random ones of many scales and shapes.
shapes = [(3,), (2, 3), (3, 1), (1, 4), (2, 2, 2), (2, 1, 3), (1, 1, 1, 2), (12,), (30,), (3, 14)]
for shape in shapes:
    for scale in [1, 0.01, 100, 1e4, 1e7, 1e10, 1e-6]:
        cases(random.randn(*shape) * scale)
    cases(np.round(random.randn(*shape), 2))
    cases(np.round(random.randn(*shape) * 10))
    cases(np.exp(random.randn(*shape) * 10))
    holes = random.randn(*shape)
    holes[random.rand(*shape) < 0.3] = nan
    holes[random.rand(*shape) < 0.1] = -inf
    cases(holes)
    case(random.randint(-(10 ** random.randint(1, 18)), 10 ** random.randint(1, 18), shape))
    case(random.randint(-3, 10, shape))
    case(random.rand(*shape) < 0.5)
for _ in range(60):
    case(random.randint(0, 2**32, 4, dtype=np.uint32).view(np.float32))
    case(random.randint(0, 2**63, 3, dtype=np.uint64).view(np.float64))
case(np.array([2**63 - 1, -(2**63)]))
case(np.array(-5))
case(np.array(True))
case(np.array(False))

# Empty ones.
for shape in [(0,), (0, 3), (3, 0), (2, 0, 2)]:
    for dtype in bits:
        case(np.zeros(shape, dtype))

# Long ones: wrapped lines and summaries.
for shape in [
    (25,), (100,), (1000,), (1001,), (10, 100), (7, 143), (1, 1001), (1001, 1), (2, 3, 200),
    (40, 40), (6, 7, 50), (11, 10, 10), (2, 2, 2, 200), (4, 4, 4, 4, 4), (1000000,), (3, 8, 6, 20),
]:  # fmt: skip
    small = len(shape) < 3 or shape[0] > 10
    for dtype in ["int64", "float64", "float32"] if small else ["float64"]:
        case(np.arange(np.prod(shape)).reshape(shape).astype(dtype), elements="range")
case(np.arange(2000) % 2 == 1, elements="range")
case(np.zeros((1001, 0)))
case(np.ones([1] * 20))

path = pathlib.Path(__file__).parent / "print.txt"
path.write_text("\n".join(out) + "\n")
print(sum(line.startswith("#") for line in out), "cases")

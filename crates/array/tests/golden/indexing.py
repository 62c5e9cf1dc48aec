"""Writes indexing.txt: what NumPy gives for the cases of ../indexing.rs.

Run as `python3 indexing.py` in this folder, with NumPy 2. Each line is
`name | dtype | shape | elements`.
"""

import numpy as np

x = np.arange(120).reshape(2, 3, 4, 5)
m23 = np.array([[True, False, True], [False, True, False]])
m34 = np.arange(12).reshape(3, 4) % 5 == 0
m2 = np.array([False, True])
m4 = np.array([True, False, True, True])
i4 = np.array([1, 1, 0, -1])
nan = np.nan
f = np.array([[3.0, nan, -1.0, 2.5], [nan, nan, 0.0, -0.0], [7.0, 1.0, 7.0, 1.0]])
cases = {}


def case(name, y):
    assert name not in cases, name
    cases[name] = np.asarray(y)


# Reading: where the axes of index arrays land.
case("int", x[1])
case("ints", x[1, -1, 0])
case("steps", x[::-1, 1:, ::2, 3:0:-2])
case("out-of-range slices", x[5:, -9:2, 2:1, :99])
case("ellipsis", x[..., 0])
case("empty ellipsis", x[0, 1, ..., 2, 3])
case("new axes", x[None, 0, ..., None, 2, None])
case("one array", x[[1, 0, 1]])
case("array on axis 1", x[:, [0, 2]])
case("matrix of positions", x[:, [[0, 2], [1, 1]]])
case("negative positions", x[[-1, 0], ::-1])
case("int, slice, array", x[0, :, [0, 1]])
case("slice, int, array", x[:, 0, [0, 1]])
case("array, slice, array", x[[0, 1], :, [0, 1]])
case("arrays side by side", x[:, [0, 1], [0, 2]])
case("arrays that broadcast", x[:, [[0], [1]], [0, 2, 3]])
case("arrays apart that broadcast", x[[[0], [1]], :, [0, 2, 3]])
case("array, int", x[:, [0, 1], 0])
case("int after slice after array", x[:, [0, 1], :, 0])
case("array in the end", x[..., [0, 1]])
case("new axis before", x[None, [0, 1]])
case("new axis between", x[[0, 1], None, [0, 2]])
case("int, new axis, array", x[0, None, [1, 2]])
case("array, ellipsis, array", x[[0, 1], ..., [0, 2]])
case("array, empty ellipsis, array", x[[0, 1], [0, 2], ..., [1, 2], [0, 0]])
case("array, empty ellipsis, int", x[[0, 1], [0, 2], [1, 2], ..., 0])
case("leading ellipsis", x[..., 0, [0, 1]])
case("zero-dimensional array", x[np.array(1), :, [0, 1]])
case("zero-dimensional array alone", x[:, np.array(1)])
case("strided rest", x[::-1, [0, 2, 0], 1:3, ::-2])
case("no positions", x[:, np.zeros(0, int)])
case("mask", x[m23])
case("mask on axes 1 and 2", x[:, m34])
case("mask after int", x[0, m34])
case("mask, slice, mask", x[m2, :, m4])
case("mask of all", x[x % 7 == 0])
case("mask and array", x[m2, [0, 2, 1]])
case("mask beside mask", x[:, [True, True, True], m4])
case("scalar mask true", x[np.array(True)])
case("scalar mask false", x[np.array(False)])
case("empty mask", x[np.zeros(2, bool)])
case("transposed", x.T[[4, 0], :, 1])
case("take", np.take(x, [[3, 0], [1, 1]], 2))
case("take_along_axis", np.take_along_axis(x, np.argsort(-x[:, :1] % 4, axis=2), axis=2))


# Writing.
def written(name, index, values):
    y = x.copy()
    y[index] = values
    case("set " + name, y)
    y = x.copy()
    np.add.at(y, index, values)
    case("add " + name, y)


written("int", 1, 1000)
written("slices", np.s_[:, ::-1, 1:3, ::2], np.arange(3) * 1000)
written("column", np.s_[..., 0], np.arange(12).reshape(3, 4))
written("rows", i4, np.arange(5) * 1000)
written("rows of their own", i4, np.arange(240).reshape(4, 3, 4, 5) * 1000)
written("array on axis 2", np.s_[:, :, i4], np.arange(20).reshape(1, 1, 4, 5) * 1000)
written("array, slice, array", np.s_[[0, 1, 1], :, i4[:3]], np.arange(15).reshape(3, 1, 5) * 1000)
written("mask", m23, np.arange(60).reshape(3, 4, 5) * 1000)
written("mask of all", x % 7 == 0, -5)
written("everything", np.s_[...], np.arange(5) * 1000)
y = x.copy()
y[0] = np.arange(5).reshape(1, 1, 1, 1, 5)
case("set extra leading axes", y)

# Order.
case("sort", np.sort(f, axis=1, kind="stable"))
case("sort axis 0", np.sort(f, axis=0, kind="stable"))
case("argsort", np.argsort(f, axis=1, kind="stable"))
case("argsort axis 0", np.argsort(f, axis=0, kind="stable"))
case("unique", np.unique(np.abs(f)))
case("cumsum", np.cumsum(x, axis=1))
case("cumprod", np.cumprod(f[2:], axis=1))
case("cumsum bool", np.cumsum(m34, axis=0))

# Creation.
case("arange", np.arange(-3, 11, 4))
case("arange down", np.arange(5, -5, -3))
case("arange empty", np.arange(5, 1, 2))
case("arange float", np.arange(0.1, 2.0, 0.3))
case("arange float 32", np.arange(0.1, 2.0, 0.3, dtype=np.float32))
case("arange overshoot", np.arange(1.0, 1.3, 0.1))
case("linspace", np.linspace(-1.3, 2.1, 7))
case("linspace one", np.linspace(2.0, 3.0, 1))
case("linspace none", np.linspace(2.0, 3.0, 0))
case("eye", np.eye(3))

# Joining.
case("concatenate", np.concatenate([x, x[:, :1], x[:, :0]], axis=1))
case("stack", np.stack([x, -x], axis=-2))
case("split", np.split(x, [1, 1, 3], axis=2)[2])
case("pad", np.pad(x[0, 0], [(1, 2), (0, 3)], constant_values=9))
case("repeat", np.repeat(x, 2, axis=2))
case("tile", np.tile(x[0, 0], (2, 1, 3)))
case("tile fewer", np.tile(x, 2))
case("flip", np.flip(x, 2))
case("roll", np.roll(x, -7, 3))
case("diag of vector", np.diag([1, 2, 3], -2))
case("diag of matrix", np.diag(x[0, 0], 2))
case("diagonal", np.diagonal(x, -1, 3, 1))
case("tril", np.tril(x, -1))
case("triu", np.triu(x, 2))


def text(v):
    return repr(v.item()).lower() if v.dtype != bool else str(int(v))


with open("indexing.txt", "w") as out:
    for name, y in cases.items():
        shape = ",".join(map(str, y.shape))
        elements = " ".join(text(v) for v in y.reshape(-1))
        out.write(f"{name} | {y.dtype} | {shape} | {elements}\n")

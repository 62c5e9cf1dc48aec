"""Mistakes are ValueError (TypeError and IndexError where NumPy raises those) and say what is wrong; never a panic."""

import dezero.functions as F
import dezero.layers as L
import numpy as np
import pytest

import dezero
from dezero import Variable

A = Variable(np.ones((2, 3)))
B = Variable(np.ones((4, 5)))
IMAGE = Variable(np.ones((1, 2, 4, 4)))

MISTAKES = {
    "add": lambda: A + B,
    "sub": lambda: A - B,
    "mul": lambda: A * np.ones(4),
    "div": lambda: np.ones((3, 3)) / A,
    "matmul": lambda: F.matmul(A, B),
    "matmul of arrays": lambda: F.matmul(np.ones((2, 3)), np.ones((2, 3))),
    "linear": lambda: F.linear(A, B),
    "linear bias": lambda: F.linear(A, np.ones((3, 4)), np.ones(5)),
    "reshape": lambda: F.reshape(A, (7,)),
    "reshape method": lambda: A.reshape(4, -1),
    "transpose": lambda: F.transpose(A, (0, 0)),
    "transpose axes": lambda: A.transpose(0, 1, 2),
    "sum axis": lambda: F.sum(A, axis=2),
    "max axis": lambda: F.max(A, axis=-3),
    "broadcast_to": lambda: F.broadcast_to(A, (3, 3)),
    "sum_to": lambda: F.sum_to(A, (5,)),
    "softmax": lambda: F.softmax(A, axis=5),
    "softmax_cross_entropy": lambda: F.softmax_cross_entropy(A, np.array([0, 1, 2])),
    "mean_squared_error": lambda: F.mean_squared_error(A, B),
    "mean_squared_error of a column and a row": lambda: F.mean_squared_error(np.ones((3, 1)), np.ones(3)),
    "conv2d channels": lambda: F.conv2d(IMAGE, np.ones((1, 3, 2, 2))),
    "conv2d size": lambda: F.conv2d(IMAGE, np.ones((1, 2, 9, 9))),
    "conv2d rank": lambda: F.conv2d(A, np.ones((1, 2, 2, 2))),
    "deconv2d channels": lambda: F.deconv2d(IMAGE, np.ones((5, 2, 2, 2))),
    "pooling size": lambda: F.pooling(IMAGE, 9),
    "im2col": lambda: F.im2col(A, 2),
    "batch_nrom": lambda: F.batch_nrom(A, np.ones(2), np.ones(3), np.zeros(3), np.ones(3)),
    "Linear layer": lambda: L.Linear(3, in_size=5)(A),
    "Conv2d layer": lambda: L.Conv2d(3, 3, in_channels=5)(IMAGE),
    "kernel": lambda: F.conv2d(IMAGE, np.ones((1, 2, 2, 2)), stride="x"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_wrong_shapes_and_axes(name):
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        MISTAKES[name]()
    assert str(caught.value).strip(), "an error without a message"
    assert "panicked" not in str(caught.value)


def test_the_message_has_the_shapes():
    with pytest.raises(ValueError, match=r"\[2, 3\].*\[4, 5\]|\(2, 3\).*\(4, 5\)"):
        F.matmul(A, B)
    with pytest.raises(ValueError, match=r"\[2, 3\].*\[4, 5\]|\(2, 3\).*\(4, 5\)"):
        A + B


@pytest.mark.parametrize("index", [2, -3, (0, 3), np.array([0, 5]), (0, 0, 0), (slice(None), [4])])
def test_indices_out_of_bounds(index):
    with pytest.raises(IndexError):
        A[index]


def test_labels_out_of_bounds():
    with pytest.raises((IndexError, ValueError)):
        F.softmax_cross_entropy(A, np.array([0, 3]))
    with pytest.raises((IndexError, ValueError)):
        L.EmbedID(3, 2)(np.array([3]))


@pytest.mark.parametrize("wrong", [None, "x", [1.0], object(), {}])
def test_not_an_array(wrong):
    for function in (F.sin, F.exp, F.relu, lambda x: F.matmul(A, x), lambda x: F.sum(A + x)):
        with pytest.raises((TypeError, AttributeError, ValueError)):
            function(wrong)


def test_panics_are_no_way_to_tell():
    """Whatever a call gets, it raises an Exception (a PanicException is not one) or works."""
    values = [
        A,
        B,
        IMAGE,
        Variable(np.array(1.0)),
        Variable(np.zeros((0, 3))),
        Variable(np.array([1, 2])),
        np.ones(3),
        2,
        -1,
        None,
        (2, 3),
        "x",
        1e400,
        [0],
    ]
    names = [
        n
        for n in dir(F)
        if n[0].islower()
        and callable(getattr(F, n))
        and getattr(getattr(F, n), "__module__", "").startswith(("dezero", "_dezero"))
    ]
    names = [n for n in names if n not in ("as_array", "as_variable")]
    assert len(names) > 45
    for name in names:
        function = getattr(F, name)
        for first in values:
            for rest in ([], *([v] for v in values), *([v, w] for v in values[:6] for w in values[4:9])):
                try:
                    y = function(first, *rest)
                    if isinstance(y, Variable) and y.creator is not None:
                        y.backward()
                except Exception as error:
                    assert type(error).__module__ != "pyo3_runtime", f"{name}{(first, *rest)}: {error}"
                except BaseException as error:
                    pytest.fail(f"{name}{(first, *rest)}: {type(error)}: {error}")
        for v in values:
            if isinstance(v, Variable):
                v.cleargrad()


def test_after_a_mistake_all_is_well():
    for mistake in MISTAKES.values():
        try:
            mistake()
        except Exception:
            pass
    x = Variable(np.ones(2))
    (x * 3).backward()
    assert x.grad.data.tolist() == [3, 3]
    assert dezero.Config.enable_backprop and dezero.Config.train

"""The functions: each takes variables, arrays or numbers, and gives a variable.

Where the original has a class for a function, there is one here under the same name; the creators of variables are its
instances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dezero import _dezero
from dezero._dezero import (
    abs,
    accuracy,
    binary_cross_entropy,
    broadcast_to,
    clip,
    cos,
    exp,
    gelu,
    get_item,
    leaky_relu,
    linear,
    log,
    log_softmax,
    matmul,
    max,
    mean,
    mean_squared_error,
    min,
    relu,
    reshape,
    sigmoid,
    sigmoid_cross_entropy,
    silu,
    sin,
    softmax,
    softmax_cross_entropy,
    softplus,
    sqrt,
    sum,
    sum_to,
    tan,
    tanh,
    transpose,
)
from dezero.core import (  # noqa: F401
    Config,
    Function,
    Variable,
    add,
    as_array,
    as_variable,
    div,
    mul,
    neg,
    pow,
    rsub,
    sub,
)
from dezero.engine_function import engine_function
from dezero.functions_conv import (  # noqa: F401
    average_pooling,
    col2im,
    conv2d,
    conv2d_simple,
    deconv2d,
    im2col,
    pooling,
    pooling_simple,
)

if TYPE_CHECKING:
    from dezero._dezero import Array

average = mean


# --- shapes ---


def expand_dims(x: Variable | np.ndarray, axis: int) -> Variable:
    """x with a new axis of size 1 before `axis`."""
    x = as_variable(x)
    shape = list(x.shape)
    shape.insert(axis, 1)
    return reshape(x, tuple(shape))


def flatten(x: Variable | np.ndarray) -> Variable:
    """x with all axes but the first in one."""
    return reshape(x, (x.shape[0], -1))


# --- the same in simpler terms ---


def linear_simple(x: Array, W: Array, b: Array | None = None) -> Variable:
    """`linear`, written with `matmul` and `+`."""
    y = matmul(x, W)
    return y if b is None else y + b


def sigmoid_simple(x: Variable | np.ndarray) -> Variable:
    """`sigmoid`, written with `exp`."""
    return 1 / (1 + exp(-as_variable(x)))


def softmax_simple(x: Array, axis: int = 1) -> Variable:
    """`softmax`, written with `exp` and `sum`; large elements overflow."""
    y = exp(x)
    return y / sum(y, axis=axis, keepdims=True)


def mean_squared_error_simple(x0: Variable | np.ndarray, x1: Variable | np.ndarray) -> Variable:
    """`mean_squared_error`, written with `**` and `sum`."""
    diff = as_variable(x0) - as_variable(x1)
    return sum(diff**2) / len(diff)


def softmax_cross_entropy_simple(x: Variable | np.ndarray, t: Variable | np.ndarray) -> Variable:
    """`softmax_cross_entropy`, written with `softmax` and `log`."""
    x, t = as_variable(x), as_variable(t)
    n = x.shape[0]
    log_p = log(clip(softmax(x), 1e-15, 1.0))
    return -sum(log_p[np.arange(n), t.data.ravel()]) / n


# --- layers ---


def embed_id(x: Variable | np.ndarray, W: Variable) -> Variable:
    """Rows of W by number."""
    return W[x]


def dropout(x: Variable | np.ndarray, dropout_ratio: float = 0.5) -> Variable:
    """While training, sets elements to 0 with probability `dropout_ratio` and scales the others up.

    NumPy's generator draws.
    """
    x = as_variable(x)
    if not Config.train:
        return x
    kept = np.random.rand(*x.shape) > dropout_ratio
    dtype = x.dtype if x.dtype.kind == "f" else np.float64
    # Where all are dropped, there is nothing to scale up.
    return x * np.divide(kept, 1.0 - dropout_ratio or 1.0, dtype=dtype)


def batch_nrom(
    x: Array, gamma: Array, beta: Array, mean: Array, var: Array, decay: float = 0.9, eps: float = 2e-5
) -> Variable:
    """Batch normalisation of x (N, C) or (N, C, H, W); while training, `mean` and `var` follow the batches.

    Args:
        x: the batch.
        gamma, beta: factor and shift of each channel.
        mean, var: running statistics, arrays that are changed in place.
        decay: share of the old statistics in the new ones.
        eps: keeps the division finite.
    """
    return _dezero.batch_norm(x, gamma, beta, mean, var, decay, eps, Config.train)


batch_norm = batch_nrom


# --- classes ---

Sin = engine_function("Sin", "sin", sin, "x")
Cos = engine_function("Cos", "cos", cos, "x")
Tanh = engine_function("Tanh", "tanh", tanh, "x")
Exp = engine_function("Exp", "exp", exp, "x")
Log = engine_function("Log", "log", log, "x")
Reshape = engine_function("Reshape", "reshape", reshape, "x", required="shape")
Sum = engine_function("Sum", "sum", sum, "x", required="axis keepdims")
SumTo = engine_function("SumTo", "sum_to", sum_to, "x", required="shape")
BroadcastTo = engine_function("BroadcastTo", "broadcast_to", broadcast_to, "x", required="shape")
MatMul = engine_function("MatMul", "matmul", matmul, "x W")
Linear = engine_function("Linear", "linear", linear, "x W b")
Transpose = engine_function("Transpose", "transpose", transpose, "x", axes=None)
GetItem = engine_function("GetItem", "get_item", get_item, "x", required="slices")
GetItemGrad = engine_function(
    "GetItemGrad", "get_item_grad", _dezero.get_item_grad, "gy", required="slices in_shape", gys="ggx"
)
Sigmoid = engine_function("Sigmoid", "sigmoid", sigmoid, "x")
ReLU = engine_function("ReLU", "relu", relu, "x")
Softmax = engine_function("Softmax", "softmax", softmax, "x", axis=1)
LogSoftmax = engine_function("LogSoftmax", "log_softmax", log_softmax, "x", axis=1)
LeakyReLU = engine_function("LeakyReLU", "leaky_relu", leaky_relu, "x", required="slope")
MeanSquaredError = engine_function("MeanSquaredError", "mean_squared_error", mean_squared_error, "x0 x1")
SoftmaxCrossEntropy = engine_function(
    "SoftmaxCrossEntropy", "softmax_cross_entropy", softmax_cross_entropy, "x t"
)
BatchNorm = engine_function(
    "BatchNorm", "batch_norm", batch_nrom, "x gamma beta", required="mean var decay eps"
)
Max = engine_function("Max", "max", max, "x", axis=None, keepdims=False)
Min = engine_function("Min", "min", min, "x", base=Max, axis=None, keepdims=False)
Clip = engine_function("Clip", "clip", clip, "x", required="x_min x_max")

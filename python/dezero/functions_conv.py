"""Convolutions, pooling, and the windows that they read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dezero._dezero import (  # noqa: F401
    average_pooling,
    broadcast_to,
    col2im,
    conv2d,
    deconv2d,
    im2col,
    linear,
    pooling,
)
from dezero._dezero import Variable
from dezero.core import Function, as_variable, no_grad  # noqa: F401
from dezero.engine_function import engine_function
from dezero.utils import get_conv_outsize, get_deconv_outsize, pair  # noqa: F401

if TYPE_CHECKING:
    from dezero._dezero import Array, Pair

__all__ = [
    "AveragePooling",
    "Col2im",
    "Conv2DGradW",
    "Conv2d",
    "Deconv2d",
    "Im2col",
    "Pooling",
    "Pooling2DGrad",
    "Pooling2DWithIndexes",
    "average_pooling",
    "col2im",
    "col2im_array",
    "conv2d",
    "conv2d_simple",
    "deconv2d",
    "im2col",
    "im2col_array",
    "pooling",
    "pooling_simple",
]


def _sizes(x: Variable, kernel_size: Pair, stride: Pair, pad: Pair) -> tuple[int, int]:
    (rows, columns), (KH, KW) = x.shape[2:], pair(kernel_size)
    (SH, SW), (PH, PW) = pair(stride), pair(pad)
    return get_conv_outsize(rows, KH, SH, PH), get_conv_outsize(columns, KW, SW, PW)


def conv2d_simple(
    x: Variable | np.ndarray, W: Variable | np.ndarray, b: Array | None = None, stride: Pair = 1, pad: Pair = 0
) -> Variable:
    """`conv2d`, written with `im2col` and `linear`."""
    x, W = as_variable(x), as_variable(W)
    OC, _, KH, KW = W.shape
    OH, OW = _sizes(x, (KH, KW), stride, pad)
    windows = im2col(x, (KH, KW), stride, pad, to_matrix=True)
    y = linear(windows, W.reshape(OC, -1).transpose(), b)
    return y.reshape(x.shape[0], OH, OW, OC).transpose(0, 3, 1, 2)


def pooling_simple(
    x: Variable | np.ndarray, kernel_size: Pair, stride: Pair = 1, pad: Pair = 0
) -> Variable:
    """`pooling`, written with `im2col` and `max`."""
    x = as_variable(x)
    N, C = x.shape[:2]
    KH, KW = pair(kernel_size)
    OH, OW = _sizes(x, kernel_size, stride, pad)
    windows = im2col(x, kernel_size, stride, pad, to_matrix=True).reshape(-1, KH * KW)
    return windows.max(axis=1).reshape(N, OH, OW, C).transpose(0, 3, 1, 2)


def im2col_array(
    img: np.ndarray, kernel_size: Pair, stride: Pair, pad: Pair, to_matrix: bool = True
) -> np.ndarray:
    """`im2col` of a NumPy array, to a NumPy array."""
    with no_grad():
        return im2col(img, kernel_size, stride, pad, to_matrix).data.astype(img.dtype, copy=False)


def col2im_array(
    col: np.ndarray, img_shape: Sequence[int], kernel_size: Pair, stride: Pair, pad: Pair, to_matrix: bool = True
) -> np.ndarray:
    """`col2im` of a NumPy array, to a NumPy array."""
    with no_grad():
        return col2im(col, img_shape, kernel_size, stride, pad, to_matrix).data.astype(col.dtype, copy=False)


Conv2d = engine_function("Conv2d", "conv2d", conv2d, "x W b", stride=1, pad=0)
Deconv2d = engine_function("Deconv2d", "conv_transpose2d", deconv2d, "x W b", stride=1, pad=0, outsize=None)
Conv2DGradW = engine_function("Conv2DGradW", "conv2d_weight_grad", None, "x gy", required="conv2d", gys="gys")
Pooling = engine_function("Pooling", "max_pool2d", pooling, "x", required="kernel_size", stride=1, pad=0)
Pooling2DGrad = engine_function("Pooling2DGrad", "scatter_planes", None, "gy", required="mpool2d", gys="ggx")
Pooling2DWithIndexes = engine_function(
    "Pooling2DWithIndexes", "gather_planes", None, "x", required="mpool2d", gys="gys"
)
AveragePooling = engine_function(
    "AveragePooling", "avg_pool2d", average_pooling, "x", required="kernel_size", stride=1, pad=0
)
Im2col = engine_function("Im2col", "im2col", im2col, "x", required="kernel_size stride pad to_matrix")
Col2im = engine_function(
    "Col2im", "col2im", col2im, "x", required="input_shape kernel_size stride pad to_matrix"
)

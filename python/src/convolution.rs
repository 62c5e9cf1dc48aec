//! Two-dimensional convolutions.

use dezero::functions::{self, Conv2dParams};
use pyo3::prelude::*;

use crate::call::{HEAVY, call_detached};
use crate::functions::{operands, optional};
use crate::pair::Pair;
use crate::variable::{PyVariable, wrap_new};

type Result<'py> = PyResult<Bound<'py, PyVariable>>;

/// The engine's form of the arguments.
pub fn convolution(stride: Pair, pad: Pair) -> Conv2dParams {
    Conv2dParams {
        stride: stride.into(),
        padding: pad.into(),
        ..Conv2dParams::default()
    }
}

/// Two-dimensional convolution.
///
/// Args:
///     x: images (N, C, H, W).
///     W: filters (OC, C, KH, KW).
///     b: bias (OC), or None.
///     stride: step of the filters, a number or a pair.
///     pad: zeros around the images, a number or a pair.
#[pyfunction]
#[pyo3(signature = (x, W, b=None, stride=Pair(1, 1), pad=Pair(0, 0)), text_signature = "(x, W, b=None, stride=1, pad=0)")]
#[allow(non_snake_case)]
pub fn conv2d<'py>(
    x: &Bound<'py, PyAny>,
    W: &Bound<'py, PyAny>,
    b: Option<&Bound<'py, PyAny>>,
    stride: Pair,
    pad: Pair,
) -> Result<'py> {
    let py = x.py();
    let (x, w) = operands(x, W)?;
    let b = optional(b, w.dtype())?;
    let params = convolution(stride, pad);
    let heavy = x.size() >= HEAVY;
    wrap_new(
        py,
        call_detached(py, heavy, || functions::conv2d(&x, &w, b.as_ref(), params))?,
    )
}

/// Transposed two-dimensional convolution.
///
/// Args:
///     x: images (N, C, H, W).
///     W: filters (C, OC, KH, KW).
///     b: bias (OC), or None.
///     stride: step between the places of two neighbours, a number or a pair.
///     pad: what is cut off around the result, a number or a pair.
///     outsize: height and width of the result, where the stride leaves a choice.
#[pyfunction]
#[pyo3(
    signature = (x, W, b=None, stride=Pair(1, 1), pad=Pair(0, 0), outsize=None),
    text_signature = "(x, W, b=None, stride=1, pad=0, outsize=None)"
)]
#[allow(non_snake_case)]
pub fn deconv2d<'py>(
    x: &Bound<'py, PyAny>,
    W: &Bound<'py, PyAny>,
    b: Option<&Bound<'py, PyAny>>,
    stride: Pair,
    pad: Pair,
    outsize: Option<Pair>,
) -> Result<'py> {
    let py = x.py();
    let (x, w) = operands(x, W)?;
    let b = optional(b, w.dtype())?;
    let params = convolution(stride, pad);
    let outsize = outsize.map(Pair::into);
    let heavy = x.size() >= HEAVY;
    let y = call_detached(py, heavy, || {
        functions::conv_transpose2d(&x, &w, b.as_ref(), outsize, params)
    })?;
    wrap_new(py, y)
}

//! Two-dimensional pooling.

use dezero::Variable;
use dezero::functions::Pool2dParams;
use pyo3::prelude::*;

use crate::call::{HEAVY, call_detached};
use crate::functions::operand;
use crate::pair::Pair;
use crate::variable::{PyVariable, wrap_new};

type Result<'py> = PyResult<Bound<'py, PyVariable>>;

/// Puts the zeros of the padding around the images, where there is any.
fn padded(x: &Variable, params: Pool2dParams) -> (Variable, Pool2dParams) {
    let (rows, columns) = params.padding;
    if params.padding == (0, 0) || x.ndim() != 4 {
        return (x.clone(), params);
    }
    let x = x.pad([(0, 0), (0, 0), (rows, rows), (columns, columns)], 0.0);
    let padding = (0, 0);
    (x, Pool2dParams { padding, ..params })
}

fn pool<'py>(
    x: &Bound<'py, PyAny>,
    kernel_size: Pair,
    stride: Pair,
    pad: Pair,
    function: impl FnOnce(&Variable, Pool2dParams) -> Variable + Send,
) -> Result<'py> {
    let (py, x) = (x.py(), operand(x)?);
    let params = Pool2dParams {
        stride: stride.into(),
        padding: pad.into(),
        ..Pool2dParams::new(kernel_size.into())
    };
    let heavy = x.size() >= HEAVY;
    wrap_new(py, call_detached(py, heavy, || function(&x, params))?)
}

/// The largest element of each window.
///
/// Args:
///     x: images (N, C, H, W).
///     kernel_size: size of the windows, a number or a pair.
///     stride: step of the windows, a number or a pair.
///     pad: zeros around the images, which count (the engine's own pooling leaves them out), a number or a pair.
#[pyfunction]
#[pyo3(
    signature = (x, kernel_size, stride=Pair(1, 1), pad=Pair(0, 0)),
    text_signature = "(x, kernel_size, stride=1, pad=0)"
)]
pub fn pooling<'py>(
    x: &Bound<'py, PyAny>,
    kernel_size: Pair,
    stride: Pair,
    pad: Pair,
) -> Result<'py> {
    pool(x, kernel_size, stride, pad, |x, params| {
        let (x, params) = padded(x, params);
        x.max_pool2d(params)
    })
}

/// The mean of each window; zeros around the images count.
#[pyfunction]
#[pyo3(
    signature = (x, kernel_size, stride=Pair(1, 1), pad=Pair(0, 0)),
    text_signature = "(x, kernel_size, stride=1, pad=0)"
)]
pub fn average_pooling<'py>(
    x: &Bound<'py, PyAny>,
    kernel_size: Pair,
    stride: Pair,
    pad: Pair,
) -> Result<'py> {
    pool(x, kernel_size, stride, pad, |x, params| {
        // The engine has no windows that lie outside of the images altogether.
        let (rows, columns) = params.padding;
        let (kernel_rows, kernel_columns) = params.kernel;
        if 2 * rows <= kernel_rows && 2 * columns <= kernel_columns {
            return x.avg_pool2d(params, true);
        }
        let (x, params) = padded(x, params);
        x.avg_pool2d(params, true)
    })
}

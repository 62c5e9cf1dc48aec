//! The windows of images that convolutions and pooling read, as arrays.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::call::{HEAVY, call_detached};
use crate::convolution::convolution;
use crate::functions::operand;
use crate::pair::Pair;
use crate::variable::{PyVariable, wrap_new};

type Result<'py> = PyResult<Bound<'py, PyVariable>>;

/// The windows of images, as a convolution reads them.
///
/// Args:
///     x: images (N, C, H, W).
///     kernel_size: size of the windows, a number or a pair.
///     stride: step of the windows, a number or a pair.
///     pad: zeros around the images, a number or a pair.
///     to_matrix: one row for each window, (N OH OW, C KH KW), rather than (N, C, KH, KW, OH, OW).
#[pyfunction]
#[pyo3(
    signature = (x, kernel_size, stride=Pair(1, 1), pad=Pair(0, 0), to_matrix=true),
    text_signature = "(x, kernel_size, stride=1, pad=0, to_matrix=True)"
)]
pub fn im2col<'py>(
    x: &Bound<'py, PyAny>,
    kernel_size: Pair,
    stride: Pair,
    pad: Pair,
    to_matrix: bool,
) -> Result<'py> {
    let (py, x) = (x.py(), operand(x)?);
    let (kernel, params) = (kernel_size.into(), convolution(stride, pad));
    let heavy = x.size() >= HEAVY;
    let y = call_detached(py, heavy, || {
        let y = x.im2col(kernel, params);
        if !to_matrix {
            return y;
        }
        let shape = y.shape();
        let windows = shape[0] * shape[4] * shape[5];
        let row = shape[1] * shape[2] * shape[3];
        y.permute([0, 4, 5, 1, 2, 3]).reshape([windows, row])
    })?;
    wrap_new(py, y)
}

/// Adds windows to where `im2col` takes them from.
///
/// Args:
///     x: windows as `im2col` gives them.
///     input_shape: the shape of the images, (N, C, H, W).
///     kernel_size, stride, pad, to_matrix: as those of `im2col`.
#[pyfunction]
#[pyo3(
    signature = (x, input_shape, kernel_size, stride=Pair(1, 1), pad=Pair(0, 0), to_matrix=true),
    text_signature = "(x, input_shape, kernel_size, stride=1, pad=0, to_matrix=True)"
)]
pub fn col2im<'py>(
    x: &Bound<'py, PyAny>,
    input_shape: &Bound<'py, PyAny>,
    kernel_size: Pair,
    stride: Pair,
    pad: Pair,
    to_matrix: bool,
) -> Result<'py> {
    let (py, x) = (x.py(), operand(x)?);
    let shape = crate::functions::shape_of(input_shape)?;
    let &[n, c, rows, columns] = &shape[..] else {
        return Err(PyValueError::new_err(format!(
            "col2im: input_shape takes four sizes (N, C, H, W), got {input_shape}"
        )));
    };
    let kernel: (usize, usize) = kernel_size.into();
    let params = convolution(stride, pad);
    let heavy = x.size() >= HEAVY;
    let y = call_detached(py, heavy, || {
        let image = (rows, columns);
        if !to_matrix {
            return x.col2im(image, params);
        }
        let places = |size: usize, kernel: usize, pad: usize, stride: usize| {
            (size + 2 * pad).saturating_sub(kernel) / stride.max(1) + 1
        };
        let out_rows = places(rows, kernel.0, params.padding.0, params.stride.0);
        let out_columns = places(columns, kernel.1, params.padding.1, params.stride.1);
        x.reshape([n, out_rows, out_columns, c, kernel.0, kernel.1])
            .permute([0, 3, 4, 5, 1, 2])
            .col2im(image, params)
    })?;
    wrap_new(py, y)
}

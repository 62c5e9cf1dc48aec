//! The functions of `dezero.functions_conv`, and the normalisation of channels.

use dezero::Variable;
use dezero::functions::{self, Conv2dParams, Pool2dParams};
use dezero_array::Array;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::call::{HEAVY, call_detached};
use crate::functions::{constant_operand, numbers, operand, operands, optional};
use crate::ndarray;
use crate::variable::{PyVariable, wrap_new};

type Result<'py> = PyResult<Bound<'py, PyVariable>>;
type Pair = (usize, usize);

/// One number for rows and columns, or a pair.
fn pair(what: &str, object: &Bound<'_, PyAny>) -> PyResult<Pair> {
    let size = |n: isize| {
        usize::try_from(n).map_err(|_| PyValueError::new_err(format!("{what}: {n} is negative")))
    };
    match numbers(object)?[..] {
        [n] => Ok((size(n)?, size(n)?)),
        [rows, columns] => Ok((size(rows)?, size(columns)?)),
        _ => Err(PyValueError::new_err(format!(
            "{what}: takes a number or a pair, got {object}"
        ))),
    }
}

/// A number where none was given.
fn pair_or(what: &str, object: Option<&Bound<'_, PyAny>>, default: usize) -> PyResult<Pair> {
    object.map_or(Ok((default, default)), |object| pair(what, object))
}

fn convolution(
    stride: Option<&Bound<'_, PyAny>>,
    pad: Option<&Bound<'_, PyAny>>,
) -> PyResult<Conv2dParams> {
    Ok(Conv2dParams {
        stride: pair_or("stride", stride, 1)?,
        padding: pair_or("pad", pad, 0)?,
        ..Conv2dParams::default()
    })
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
#[pyo3(signature = (x, W, b=None, stride=None, pad=None), text_signature = "(x, W, b=None, stride=1, pad=0)")]
#[allow(non_snake_case)]
pub fn conv2d<'py>(
    x: &Bound<'py, PyAny>,
    W: &Bound<'py, PyAny>,
    b: Option<&Bound<'py, PyAny>>,
    stride: Option<&Bound<'py, PyAny>>,
    pad: Option<&Bound<'py, PyAny>>,
) -> Result<'py> {
    let py = x.py();
    let (x, w) = operands(x, W)?;
    let b = optional(b, w.dtype())?;
    let params = convolution(stride, pad)?;
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
    signature = (x, W, b=None, stride=None, pad=None, outsize=None),
    text_signature = "(x, W, b=None, stride=1, pad=0, outsize=None)"
)]
#[allow(non_snake_case)]
pub fn deconv2d<'py>(
    x: &Bound<'py, PyAny>,
    W: &Bound<'py, PyAny>,
    b: Option<&Bound<'py, PyAny>>,
    stride: Option<&Bound<'py, PyAny>>,
    pad: Option<&Bound<'py, PyAny>>,
    outsize: Option<&Bound<'py, PyAny>>,
) -> Result<'py> {
    let py = x.py();
    let (x, w) = operands(x, W)?;
    let b = optional(b, w.dtype())?;
    let params = convolution(stride, pad)?;
    let outsize = outsize.map(|size| pair("outsize", size)).transpose()?;
    let heavy = x.size() >= HEAVY;
    let y = call_detached(py, heavy, || {
        functions::conv_transpose2d(&x, &w, b.as_ref(), outsize, params)
    })?;
    wrap_new(py, y)
}

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
    kernel_size: &Bound<'py, PyAny>,
    stride: Option<&Bound<'py, PyAny>>,
    pad: Option<&Bound<'py, PyAny>>,
    function: impl FnOnce(&Variable, Pool2dParams) -> Variable + Send,
) -> Result<'py> {
    let (py, x) = (x.py(), operand(x)?);
    let params = Pool2dParams {
        stride: pair_or("stride", stride, 1)?,
        padding: pair_or("pad", pad, 0)?,
        ..Pool2dParams::new(pair("kernel_size", kernel_size)?)
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
    signature = (x, kernel_size, stride=None, pad=None),
    text_signature = "(x, kernel_size, stride=1, pad=0)"
)]
pub fn pooling<'py>(
    x: &Bound<'py, PyAny>,
    kernel_size: &Bound<'py, PyAny>,
    stride: Option<&Bound<'py, PyAny>>,
    pad: Option<&Bound<'py, PyAny>>,
) -> Result<'py> {
    pool(x, kernel_size, stride, pad, |x, params| {
        let (x, params) = padded(x, params);
        x.max_pool2d(params)
    })
}

/// The mean of each window; zeros around the images count.
#[pyfunction]
#[pyo3(
    signature = (x, kernel_size, stride=None, pad=None),
    text_signature = "(x, kernel_size, stride=1, pad=0)"
)]
pub fn average_pooling<'py>(
    x: &Bound<'py, PyAny>,
    kernel_size: &Bound<'py, PyAny>,
    stride: Option<&Bound<'py, PyAny>>,
    pad: Option<&Bound<'py, PyAny>>,
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
    signature = (x, kernel_size, stride=None, pad=None, to_matrix=true),
    text_signature = "(x, kernel_size, stride=1, pad=0, to_matrix=True)"
)]
pub fn im2col<'py>(
    x: &Bound<'py, PyAny>,
    kernel_size: &Bound<'py, PyAny>,
    stride: Option<&Bound<'py, PyAny>>,
    pad: Option<&Bound<'py, PyAny>>,
    to_matrix: bool,
) -> Result<'py> {
    let (py, x) = (x.py(), operand(x)?);
    let kernel = pair("kernel_size", kernel_size)?;
    let params = convolution(stride, pad)?;
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
    signature = (x, input_shape, kernel_size, stride=None, pad=None, to_matrix=true),
    text_signature = "(x, input_shape, kernel_size, stride=1, pad=0, to_matrix=True)"
)]
pub fn col2im<'py>(
    x: &Bound<'py, PyAny>,
    input_shape: &Bound<'py, PyAny>,
    kernel_size: &Bound<'py, PyAny>,
    stride: Option<&Bound<'py, PyAny>>,
    pad: Option<&Bound<'py, PyAny>>,
    to_matrix: bool,
) -> Result<'py> {
    let (py, x) = (x.py(), operand(x)?);
    let shape = crate::functions::shape_of(input_shape)?;
    let &[n, c, rows, columns] = &shape[..] else {
        return Err(PyValueError::new_err(format!(
            "col2im: input_shape takes four sizes (N, C, H, W), got {input_shape}"
        )));
    };
    let kernel = pair("kernel_size", kernel_size)?;
    let params = convolution(stride, pad)?;
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

/// `avg * decay + (1 - decay) * new`, in place.
fn move_average(avg: &Bound<'_, PyAny>, decay: f64, new: Array) -> PyResult<()> {
    let moved = |old: &Array| old * decay + new.to_dtype(old.dtype()) * (1.0 - decay);
    if let Ok(avg) = avg.cast::<PyVariable>() {
        return PyVariable::update(avg, |avg| *avg = moved(avg));
    }
    let old = ndarray::from_numpy(avg)?;
    avg.set_item(
        avg.py().Ellipsis(),
        ndarray::to_numpy(avg.py(), moved(&old))?,
    )
}

/// Batch normalisation of x (N, C) or (N, C, H, W).
///
/// Args:
///     x: the batch.
///     gamma, beta: factor and shift of each channel.
///     mean, var: running statistics, updated in place while training.
///     decay: share of the old statistics in the new ones.
///     eps: keeps the division finite.
///     train: use the statistics of the batch.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn batch_norm<'py>(
    x: &Bound<'py, PyAny>,
    gamma: &Bound<'py, PyAny>,
    beta: &Bound<'py, PyAny>,
    mean: &Bound<'py, PyAny>,
    var: &Bound<'py, PyAny>,
    decay: f64,
    eps: f64,
    train: bool,
) -> Result<'py> {
    let py = x.py();
    let (x, gamma) = operands(x, gamma)?;
    let beta = constant_operand(beta, gamma.dtype())?;
    let heavy = x.size() >= HEAVY;
    if !train {
        let mean = constant_operand(mean, x.dtype())?.data();
        let var = constant_operand(var, x.dtype())?.data();
        let y = call_detached(py, heavy, || {
            functions::fixed_batch_norm(&x, &gamma, &beta, &mean, &var, eps)
        })?;
        return wrap_new(py, y);
    }
    let (y, statistics) =
        call_detached(py, heavy, || functions::batch_norm(&x, &gamma, &beta, eps))?;
    let m = statistics.count as f64;
    // Corrected for being estimated from the batch.
    let adjust = m / (m - 1.0).max(1.0);
    move_average(mean, decay, statistics.mean)?;
    move_average(var, decay, statistics.var * adjust)?;
    wrap_new(py, y)
}

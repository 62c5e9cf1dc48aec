//! The functions of `dezero.functions` that the engine computes.

use dezero::{DType, Shape, Variable, functions};
use dezero_array::Axes;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyTuple};

use crate::call::{HEAVY, call, call_detached, is_recording};
use crate::operators::constant;
use crate::variable::{PyVariable, unsupported, wrap, wrap_new};

type Result<'py> = PyResult<Bound<'py, PyVariable>>;

/// A variable, or an array or number as the only operand of a function. It becomes a leaf, so that
/// the result has a creator as in the original.
pub fn operand(object: &Bound<'_, PyAny>) -> PyResult<Variable> {
    if let Ok(x) = object.cast::<PyVariable>() {
        return PyVariable::engine(x).cloned();
    }
    match constant(object, DType::F64)? {
        Some(x) if is_recording() => Ok(Variable::new(x)),
        Some(x) => Ok(Variable::constant(x)),
        None => Err(unsupported(object)),
    }
}

/// An operand beside a variable: arrays and numbers are constants.
pub fn constant_operand(object: &Bound<'_, PyAny>, dtype: DType) -> PyResult<Variable> {
    if let Ok(x) = object.cast::<PyVariable>() {
        return PyVariable::engine(x).cloned();
    }
    match constant(object, dtype)? {
        Some(x) => Ok(Variable::constant(x)),
        None => Err(unsupported(object)),
    }
}

/// Two operands; arrays are constants, unless there are only arrays.
pub fn operands(x0: &Bound<'_, PyAny>, x1: &Bound<'_, PyAny>) -> PyResult<(Variable, Variable)> {
    if !x0.is_instance_of::<PyVariable>() && x1.is_instance_of::<PyVariable>() {
        let x1 = operand(x1)?;
        return Ok((constant_operand(x0, x1.dtype())?, x1));
    }
    let x0 = operand(x0)?;
    let x1 = constant_operand(x1, x0.dtype())?;
    Ok((x0, x1))
}

/// An operand that may be None, also as the variable that the original makes of None.
pub fn optional(object: Option<&Bound<'_, PyAny>>, dtype: DType) -> PyResult<Option<Variable>> {
    let Some(object) = object else {
        return Ok(None);
    };
    if let Ok(x) = object.cast::<PyVariable>()
        && x.get().is_nothing()
    {
        return Ok(None);
    }
    constant_operand(object, dtype).map(Some)
}

/// Whole numbers given one by one, or as one tuple or list.
pub fn unpacked<'py>(numbers: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    if numbers.len() == 1 {
        let only = numbers.get_item(0)?;
        if only.is_instance_of::<PyTuple>() || only.is_instance_of::<PyList>() || only.is_none() {
            return Ok(only);
        }
    }
    Ok(numbers.clone().into_any())
}

/// A number or a sequence of numbers.
pub fn numbers(object: &Bound<'_, PyAny>) -> PyResult<Vec<isize>> {
    if object.is_instance_of::<PyInt>() {
        return Ok(vec![object.extract()?]);
    }
    object.try_iter()?.map(|number| number?.extract()).collect()
}

pub fn shape_of(object: &Bound<'_, PyAny>) -> PyResult<Shape> {
    numbers(object)?
        .into_iter()
        .map(|n| {
            usize::try_from(n).map_err(|_| {
                pyo3::exceptions::PyValueError::new_err(format!(
                    "negative dimension {n} in a shape"
                ))
            })
        })
        .collect()
}

fn axes(axis: Option<&Bound<'_, PyAny>>) -> PyResult<Axes> {
    match axis {
        Some(axis) if !axis.is_none() => Ok(Axes::from(&numbers(axis)?[..])),
        _ => Ok(Axes::ALL),
    }
}

fn unary<'py>(
    object: &Bound<'py, PyAny>,
    function: impl FnOnce(&Variable) -> Variable + Send,
) -> Result<'py> {
    let (py, x) = (object.py(), operand(object)?);
    let heavy = x.size() >= HEAVY;
    wrap_new(py, call_detached(py, heavy, || function(&x))?)
}

macro_rules! elementwise {
    ($($(#[$attributes:meta])* $name:ident;)*) => {$(
        $(#[$attributes])*
        #[pyfunction]
        pub fn $name<'py>(x: &Bound<'py, PyAny>) -> Result<'py> {
            unary(x, |x| x.$name())
        }
    )*};
}

elementwise! {
    /// Sine of each element, in radians.
    sin;
    /// Cosine of each element, in radians.
    cos;
    /// Tangent of each element, in radians.
    tan;
    /// Hyperbolic tangent of each element.
    tanh;
    /// e to the power of each element.
    exp;
    /// Natural logarithm of each element.
    log;
    /// Square root of each element.
    sqrt;
    /// Magnitude of each element.
    abs;
    /// 1 / (1 + exp(-x)) of each element.
    sigmoid;
    /// max(x, 0) of each element.
    relu;
    /// x Φ(x) of each element, with the normal distribution Φ.
    gelu;
    /// x sigmoid(x) of each element.
    silu;
    /// log(1 + exp(x)) of each element.
    softplus;
}

macro_rules! arithmetic {
    ($($(#[$attributes:meta])* $name:ident($x0:ident, $x1:ident) $operator:tt;)*) => {$(
        $(#[$attributes])*
        #[pyfunction]
        pub fn $name<'py>(x0: &Bound<'py, PyAny>, x1: &Bound<'py, PyAny>) -> Result<'py> {
            let py = x0.py();
            let ($x0, $x1) = operands(x0, x1)?;
            let heavy = $x0.size().max($x1.size()) >= HEAVY;
            wrap_new(py, call_detached(py, heavy, || &$x0 $operator &$x1)?)
        }
    )*};
}

arithmetic! {
    /// x0 + x1; the shapes broadcast.
    add(a, b) +;
    /// x0 - x1; the shapes broadcast.
    sub(a, b) -;
    /// x0 * x1; the shapes broadcast.
    mul(a, b) *;
    /// x0 / x1; the shapes broadcast.
    div(a, b) /;
}

/// x1 - x0; the shapes broadcast.
#[pyfunction]
pub fn rsub<'py>(x0: &Bound<'py, PyAny>, x1: &Bound<'py, PyAny>) -> Result<'py> {
    sub(x1, x0)
}

/// x1 / x0; the shapes broadcast.
#[pyfunction]
pub fn rdiv<'py>(x0: &Bound<'py, PyAny>, x1: &Bound<'py, PyAny>) -> Result<'py> {
    div(x1, x0)
}

/// -x
#[pyfunction]
pub fn neg<'py>(x: &Bound<'py, PyAny>) -> Result<'py> {
    unary(x, |x| -x)
}

/// x to the power of c: a number, or exponents that broadcast.
#[pyfunction]
pub fn pow<'py>(x: &Bound<'py, PyAny>, c: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
    let x = match x.cast::<PyVariable>() {
        Ok(x) => x.clone(),
        Err(_) => wrap(x.py(), operand(x)?)?,
    };
    crate::operators::power(&x, c)
}

/// The same elements under another shape; one size may be -1 and follows from the others.
///
/// Args:
///     x: a variable or an array.
///     shape: a tuple of sizes, or one size.
#[pyfunction]
pub fn reshape<'py>(x: &Bound<'py, PyAny>, shape: &Bound<'py, PyAny>) -> Result<'py> {
    let (py, sizes) = (x.py(), numbers(shape)?);
    let y = operand(x)?;
    if let Ok(x) = x.cast::<PyVariable>()
        && y.ndim() == sizes.len()
        && y.shape().iter().zip(&sizes).all(|(&n, &m)| n as isize == m)
    {
        return Ok(x.clone());
    }
    wrap(py, call(|| y.reshape(sizes))?)
}

/// The axes in another order: reversed, or as `axes` says.
#[pyfunction]
#[pyo3(signature = (x, axes=None))]
pub fn transpose<'py>(x: &Bound<'py, PyAny>, axes: Option<&Bound<'py, PyAny>>) -> Result<'py> {
    match axes {
        Some(axes) if !axes.is_none() => {
            let axes = numbers(axes)?;
            unary(x, |x| x.permute(axes))
        }
        _ => unary(x, Variable::transpose),
    }
}

/// Sum over all elements, or along one axis or a tuple of axes.
#[pyfunction]
#[pyo3(signature = (x, axis=None, keepdims=false))]
pub fn sum<'py>(
    x: &Bound<'py, PyAny>,
    axis: Option<&Bound<'py, PyAny>>,
    keepdims: bool,
) -> Result<'py> {
    let axes = axes(axis)?;
    unary(x, |x| x.sum_axis(axes, keepdims))
}

/// Mean over all elements, or along one axis or a tuple of axes.
#[pyfunction]
#[pyo3(signature = (x, axis=None, keepdims=false))]
pub fn mean<'py>(
    x: &Bound<'py, PyAny>,
    axis: Option<&Bound<'py, PyAny>>,
    keepdims: bool,
) -> Result<'py> {
    let axes = axes(axis)?;
    unary(x, |x| x.mean_axis(axes, keepdims))
}

/// Largest element, of all or along axes. Equal maxima share the gradient.
#[pyfunction]
#[pyo3(signature = (x, axis=None, keepdims=false))]
pub fn max<'py>(
    x: &Bound<'py, PyAny>,
    axis: Option<&Bound<'py, PyAny>>,
    keepdims: bool,
) -> Result<'py> {
    let axes = axes(axis)?;
    unary(x, |x| x.max_axis(axes, keepdims))
}

/// Smallest element, of all or along axes. Equal minima share the gradient.
#[pyfunction]
#[pyo3(signature = (x, axis=None, keepdims=false))]
pub fn min<'py>(
    x: &Bound<'py, PyAny>,
    axis: Option<&Bound<'py, PyAny>>,
    keepdims: bool,
) -> Result<'py> {
    let axes = axes(axis)?;
    unary(x, |x| x.min_axis(axes, keepdims))
}

/// x stretched to `shape` by NumPy's broadcasting.
#[pyfunction]
pub fn broadcast_to<'py>(x: &Bound<'py, PyAny>, shape: &Bound<'py, PyAny>) -> Result<'py> {
    to_shape(x, shape, |x, shape| x.broadcast_to(shape))
}

/// Sums along the axes that broadcasting would stretch, down to `shape`.
#[pyfunction]
pub fn sum_to<'py>(x: &Bound<'py, PyAny>, shape: &Bound<'py, PyAny>) -> Result<'py> {
    to_shape(x, shape, |x, shape| x.sum_to(shape))
}

fn to_shape<'py>(
    x: &Bound<'py, PyAny>,
    shape: &Bound<'py, PyAny>,
    function: impl FnOnce(&Variable, Shape) -> Variable + Send,
) -> Result<'py> {
    let (py, shape, y) = (x.py(), shape_of(shape)?, operand(x)?);
    if let Ok(x) = x.cast::<PyVariable>()
        && y.shape() == shape
    {
        return Ok(x.clone());
    }
    let heavy = y.size() >= HEAVY;
    wrap(py, call_detached(py, heavy, || function(&y, shape))?)
}

/// The matrix product of x and W.
#[pyfunction]
#[allow(non_snake_case)]
pub fn matmul<'py>(x: &Bound<'py, PyAny>, W: &Bound<'py, PyAny>) -> Result<'py> {
    let py = x.py();
    let (x, w) = operands(x, W)?;
    let heavy = x.size().max(w.size()) >= HEAVY;
    wrap_new(py, call_detached(py, heavy, || x.matmul(&w))?)
}

/// x W + b, the affine map of a fully connected layer.
///
/// Args:
///     x: (n, inputs).
///     W: (inputs, outputs).
///     b: (outputs), or None.
#[pyfunction]
#[pyo3(signature = (x, W, b=None))]
#[allow(non_snake_case)]
pub fn linear<'py>(
    x: &Bound<'py, PyAny>,
    W: &Bound<'py, PyAny>,
    b: Option<&Bound<'py, PyAny>>,
) -> Result<'py> {
    let py = x.py();
    let (x, w) = operands(x, W)?;
    let b = optional(b, w.dtype())?;
    let heavy = x.size().max(w.size()) >= HEAVY;
    wrap_new(
        py,
        call_detached(py, heavy, || functions::linear(&x, &w, b.as_ref()))?,
    )
}

/// exp(x) / Σ exp(x) along `axis`.
#[pyfunction]
#[pyo3(signature = (x, axis=1))]
pub fn softmax<'py>(x: &Bound<'py, PyAny>, axis: isize) -> Result<'py> {
    unary(x, |x| x.softmax(axis))
}

/// log softmax(x) along `axis`, without overflow.
#[pyfunction]
#[pyo3(signature = (x, axis=1))]
pub fn log_softmax<'py>(x: &Bound<'py, PyAny>, axis: isize) -> Result<'py> {
    unary(x, |x| x.log_softmax(axis))
}

/// x where it is positive, slope x elsewhere.
#[pyfunction]
#[pyo3(signature = (x, slope=0.2))]
pub fn leaky_relu<'py>(x: &Bound<'py, PyAny>, slope: f64) -> Result<'py> {
    unary(x, |x| x.leaky_relu(slope))
}

/// Each element brought between x_min and x_max; the gradient is 0 where it was outside.
#[pyfunction]
pub fn clip<'py>(x: &Bound<'py, PyAny>, x_min: f64, x_max: f64) -> Result<'py> {
    unary(x, |x| x.clip(x_min, x_max))
}

fn loss<'py>(
    x0: &Bound<'py, PyAny>,
    x1: &Bound<'py, PyAny>,
    function: impl FnOnce(&Variable, &Variable) -> Variable + Send,
) -> Result<'py> {
    let py = x0.py();
    let (x0, x1) = operands(x0, x1)?;
    let heavy = x0.size() >= HEAVY;
    wrap_new(py, call_detached(py, heavy, || function(&x0, &x1))?)
}

/// Σ (x0 - x1)² / n, with the length n of the first axis.
#[pyfunction]
pub fn mean_squared_error<'py>(x0: &Bound<'py, PyAny>, x1: &Bound<'py, PyAny>) -> Result<'py> {
    loss(x0, x1, |x0, x1| functions::mean_squared_error(x0, x1))
}

/// Mean of -log softmax(x)[label] over a batch.
///
/// Args:
///     x: scores (n, classes).
///     t: labels, n integers.
#[pyfunction]
pub fn softmax_cross_entropy<'py>(x: &Bound<'py, PyAny>, t: &Bound<'py, PyAny>) -> Result<'py> {
    loss(x, t, |x, t| {
        let n = t.size();
        functions::softmax_cross_entropy(x, t.detach().reshape([n]))
    })
}

/// Cross entropy of two-way decisions, from scores before the sigmoid.
#[pyfunction]
pub fn sigmoid_cross_entropy<'py>(x: &Bound<'py, PyAny>, t: &Bound<'py, PyAny>) -> Result<'py> {
    loss(x, t, |x, t| functions::sigmoid_cross_entropy(x, t))
}

/// Cross entropy of two-way decisions, from probabilities.
#[pyfunction]
pub fn binary_cross_entropy<'py>(p: &Bound<'py, PyAny>, t: &Bound<'py, PyAny>) -> Result<'py> {
    loss(p, t, |p, t| functions::binary_cross_entropy(p, t))
}

/// The share of rows of y whose largest element is at the label. Not differentiable.
#[pyfunction]
pub fn accuracy<'py>(y: &Bound<'py, PyAny>, t: &Bound<'py, PyAny>) -> Result<'py> {
    let py = y.py();
    let (y, t) = (operand(y)?, operand(t)?);
    wrap_new(
        py,
        call(|| Variable::new(functions::accuracy(&y, &t).data()))?,
    )
}

//! `+ - * / @ **` between variables, arrays and numbers.

use dezero::{Array, DType, Variable};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

use crate::call::{HEAVY, call_detached};
use crate::ndarray;
use crate::variable::{PyVariable, unsupported, wrap_new};

#[derive(Clone, Copy)]
pub enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    MatMul,
}

impl Operator {
    #[inline]
    fn apply(self, x0: &Variable, x1: &Variable) -> Variable {
        match self {
            Operator::Add => x0 + x1,
            Operator::Sub => x0 - x1,
            Operator::Mul => x0 * x1,
            Operator::Div => x0 / x1,
            Operator::Pow => x0.pow(x1),
            Operator::MatMul => x0.matmul(x1),
        }
    }
}

/// `slf op other`, or `other op slf` where `reflected`.
#[inline]
pub fn binary<'py>(
    slf: &Bound<'py, PyVariable>,
    other: &Bound<'py, PyAny>,
    operator: Operator,
    reflected: bool,
) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let x = PyVariable::engine(slf)?;
    // `2 + x` has the inputs x and 2 in the original's graph.
    let reflected = reflected && !matches!(operator, Operator::Add | Operator::Mul);
    let run = |other: &Variable| {
        let heavy = x.size().max(other.size()) >= HEAVY;
        let y = call_detached(py, heavy, || {
            if reflected {
                operator.apply(other, x)
            } else {
                operator.apply(x, other)
            }
        })?;
        Ok(wrap_new(py, y)?.into_any().unbind())
    };
    if let Ok(other) = other.cast::<PyVariable>() {
        return run(PyVariable::engine(other)?);
    }
    match constant(other, x.dtype())? {
        Some(other) => run(&Variable::constant(other)),
        // Another class may know what to do; what comes with Python does not.
        None if is_builtin(other)? => Err(unsupported(other)),
        None => Ok(py.NotImplemented()),
    }
}

fn is_builtin(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.get_type().module()? == "builtins")
}

/// An array, or a number in the type that it takes beside elements of `dtype`; None for anything else.
#[inline]
pub fn constant(object: &Bound<'_, PyAny>, dtype: DType) -> PyResult<Option<Array>> {
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(Some(Array::scalar_of(number.extract()?, dtype.to_float())));
    }
    if let Ok(number) = object.cast::<PyInt>() {
        return Ok(Some(match number.extract::<i64>() {
            Ok(number) if !dtype.is_float() => Array::scalar(number),
            Ok(number) => Array::scalar_of(number as f64, dtype),
            Err(_) => Array::scalar_of(number.extract()?, dtype.to_float()),
        }));
    }
    if ndarray::is_ndarray(object) {
        return ndarray::from_numpy(object).map(Some);
    }
    if ndarray::is_numpy_scalar(object)? {
        return constant(&object.call_method0("item")?, dtype);
    }
    Ok(None)
}

/// `x ** c`, where c is a number, or a variable or an array of exponents.
pub fn power<'py>(x: &Bound<'py, PyVariable>, c: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
    let py = x.py();
    let is_number = c.is_instance_of::<PyFloat>()
        || c.is_instance_of::<PyInt>()
        || ndarray::is_numpy_scalar(c)?;
    if !is_number {
        return binary(x, c, Operator::Pow, false);
    }
    let x = PyVariable::engine(x)?;
    let heavy = x.size() >= HEAVY;
    let c: f64 = c.extract()?;
    let y = call_detached(py, heavy, || x.pow(c))?;
    Ok(wrap_new(py, y)?.into_any().unbind())
}

#[pymethods]
impl PyVariable {
    fn __add__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::Add, false)
    }

    fn __radd__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::Add, true)
    }

    fn __sub__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::Sub, false)
    }

    fn __rsub__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::Sub, true)
    }

    fn __mul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::Mul, false)
    }

    fn __rmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::Mul, true)
    }

    fn __truediv__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::Div, false)
    }

    fn __rtruediv__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::Div, true)
    }

    fn __matmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::MatMul, false)
    }

    fn __rmatmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::MatMul, true)
    }

    fn __pow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        _modulo: &Bound<'py, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        power(slf, other)
    }

    fn __rpow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        _modulo: &Bound<'py, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        binary(slf, other, Operator::Pow, true)
    }

    fn __neg__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyVariable>> {
        let x = PyVariable::engine(slf)?;
        let heavy = x.size() >= HEAVY;
        wrap_new(slf.py(), call_detached(slf.py(), heavy, || -x)?)
    }
}

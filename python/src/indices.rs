//! What stands between the brackets of `x[…]`.

use dezero_array::{Array, Index, Indices, Slice};
use pyo3::exceptions::PyIndexError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyInt, PyList, PySlice, PyTuple};

use crate::call::{HEAVY, call_detached};
use crate::functions::operand;
use crate::ndarray;
use crate::variable::{PyVariable, wrap_new};

/// `x[slices]`, by NumPy's rules.
///
/// Args:
///     x: a variable or an array.
///     slices: numbers, slices, None, ..., arrays of positions or masks, or a tuple of them.
#[pyfunction]
pub fn get_item<'py>(
    x: &Bound<'py, PyAny>,
    slices: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyVariable>> {
    let (py, x) = (x.py(), operand(x)?);
    let indices = indices(slices)?;
    let heavy = x.size() >= HEAVY;
    wrap_new(py, call_detached(py, heavy, || x.get(indices))?)
}

pub fn indices(slices: &Bound<'_, PyAny>) -> PyResult<Indices> {
    match slices.cast::<PyTuple>() {
        Ok(slices) => slices.iter().map(|slice| index(&slice)).collect(),
        Err(_) => index(slices).map(Indices::from),
    }
}

fn index(object: &Bound<'_, PyAny>) -> PyResult<Index> {
    if object.is_instance_of::<PyBool>() {
        return Ok(Index::Array(Array::scalar(object.extract::<bool>()?)));
    }
    if object.is_instance_of::<PyInt>() {
        return object.extract().map(Index::At);
    }
    if let Ok(slice) = object.cast::<PySlice>() {
        let py = object.py();
        let bound = |name| -> PyResult<Option<isize>> {
            let bound = slice.getattr(name)?;
            match bound.is_none() {
                true => Ok(None),
                false => position(&bound).map(Some),
            }
        };
        let step = bound(intern!(py, "step"))?.unwrap_or(1);
        if step == 0 {
            return Err(pyo3::exceptions::PyValueError::new_err(
                "slice step cannot be zero",
            ));
        }
        return Ok(Index::Slice(Slice {
            start: bound(intern!(py, "start"))?,
            stop: bound(intern!(py, "stop"))?,
            step,
        }));
    }
    if object.is_none() {
        return Ok(Index::NewAxis);
    }
    if object.is_instance_of::<PyEllipsis>() {
        return Ok(Index::Ellipsis);
    }
    if let Ok(x) = object.cast::<PyVariable>() {
        return Ok(Index::Array(PyVariable::engine(x)?.data()));
    }
    if ndarray::is_ndarray(object) {
        return positions(object);
    }
    if object.is_instance_of::<PyList>() {
        let array = ndarray::as_ndarray(object)?;
        if array.len()? == 0 {
            return Ok(Index::Array(Array::zeros([0], dezero::DType::I64)));
        }
        return positions(&array);
    }
    position(object).map(Index::At)
}

fn positions(array: &Bound<'_, PyAny>) -> PyResult<Index> {
    let array = ndarray::from_numpy(array)?;
    if array.dtype().is_float() {
        return Err(only_integers());
    }
    Ok(Index::Array(array))
}

/// A whole number, also NumPy's.
fn position(object: &Bound<'_, PyAny>) -> PyResult<isize> {
    let index = object.call_method0(intern!(object.py(), "__index__"));
    index.map_err(|_| only_integers())?.extract()
}

fn only_integers() -> PyErr {
    PyIndexError::new_err(
        "only integers, slices (`:`), ellipsis (`...`), None and integer or boolean arrays are \
         valid indices",
    )
}

/// Zeros of `in_shape` with `gy` added at `slices`: the gradient of `get_item`.
#[pyfunction]
pub fn get_item_grad<'py>(
    gy: &Bound<'py, PyAny>,
    slices: &Bound<'py, PyAny>,
    in_shape: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyVariable>> {
    let (py, gy) = (gy.py(), operand(gy)?);
    let (indices, shape) = (indices(slices)?, crate::functions::shape_of(in_shape)?);
    let dtype = gy.dtype();
    let gx = crate::call::call(|| {
        // The gradient with respect to zeros that are looked up, which is linear in gy.
        let x = dezero::Variable::new(Array::zeros(shape, dtype));
        let y = dezero::enable_grad(|| x.get(indices));
        y.creator().expect("recorded").backward(&[Some(gy)])
    })?;
    wrap_new(py, gx.into_iter().flatten().next().expect("one input"))
}

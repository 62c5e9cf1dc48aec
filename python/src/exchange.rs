//! How a variable's value goes to others: NumPy, DLPack, pickle.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::variable::PyVariable;

#[pymethods]
impl PyVariable {
    /// The value, for NumPy's functions.
    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let data = PyVariable::array(slf)?.into_bound(py);
        match (dtype, copy) {
            (Some(dtype), _) => data.call_method1(intern!(py, "astype"), (dtype,)),
            (None, Some(true)) => data.call_method0(intern!(py, "copy")),
            _ => Ok(data),
        }
    }

    /// The only element as a Python number.
    fn item(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        PyVariable::array(slf)?.call_method0(py, intern!(py, "item"))
    }

    /// The value as a DLPack capsule, without a copy.
    #[pyo3(signature = (**options))]
    fn __dlpack__<'py>(
        slf: &Bound<'py, Self>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = PyVariable::array(slf)?.into_bound(slf.py());
        array.call_method("__dlpack__", (), options)
    }

    fn __dlpack_device__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let array = PyVariable::array(slf)?.into_bound(slf.py());
        array.call_method0("__dlpack_device__")
    }

    /// Pickles value, name, gradient and attributes; not the graph.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let data = PyVariable::array(slf)?;
        let grad = match PyVariable::get_grad(slf)? {
            Some(grad) => PyVariable::array(&grad)?,
            None => py.None(),
        };
        let attributes = slf.getattr("__dict__")?;
        let rebuild = py.import("dezero.core")?.getattr("_rebuild_variable")?;
        let arguments = (slf.get_type(), data, slf.get().get_name(), grad, attributes);
        PyTuple::new(py, [rebuild, arguments.into_pyobject(py)?.into_any()])
    }
}

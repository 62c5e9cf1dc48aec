//! Functions that are methods of variables too.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::functions;
use crate::indices;
use crate::variable::PyVariable;

#[pymethods]
impl PyVariable {
    /// The axes in reverse order.
    #[getter(T)]
    fn transposed<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyVariable>> {
        functions::transpose(slf.as_any(), None)
    }

    /// The same elements under another shape, given as numbers or one tuple.
    #[pyo3(signature = (*shape))]
    fn reshape<'py>(
        slf: &Bound<'py, Self>,
        shape: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyVariable>> {
        let shape = functions::unpacked(shape)?;
        functions::reshape(slf.as_any(), &shape)
    }

    /// The axes in another order, given as numbers or one tuple; reversed without one.
    #[pyo3(signature = (*axes))]
    fn transpose<'py>(
        slf: &Bound<'py, Self>,
        axes: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyVariable>> {
        if axes.is_empty() {
            return functions::transpose(slf.as_any(), None);
        }
        let axes = functions::unpacked(axes)?;
        functions::transpose(slf.as_any(), Some(&axes))
    }

    /// Sum over all elements, or along axes.
    #[pyo3(signature = (axis=None, keepdims=false))]
    fn sum<'py>(
        slf: &Bound<'py, Self>,
        axis: Option<&Bound<'py, PyAny>>,
        keepdims: bool,
    ) -> PyResult<Bound<'py, PyVariable>> {
        functions::sum(slf.as_any(), axis, keepdims)
    }

    /// Largest element, of all or along axes.
    #[pyo3(signature = (axis=None, keepdims=false))]
    fn max<'py>(
        slf: &Bound<'py, Self>,
        axis: Option<&Bound<'py, PyAny>>,
        keepdims: bool,
    ) -> PyResult<Bound<'py, PyVariable>> {
        functions::max(slf.as_any(), axis, keepdims)
    }

    /// Smallest element, of all or along axes.
    #[pyo3(signature = (axis=None, keepdims=false))]
    fn min<'py>(
        slf: &Bound<'py, Self>,
        axis: Option<&Bound<'py, PyAny>>,
        keepdims: bool,
    ) -> PyResult<Bound<'py, PyVariable>> {
        functions::min(slf.as_any(), axis, keepdims)
    }

    /// The matrix product with `W`.
    #[allow(non_snake_case)]
    fn dot<'py>(slf: &Bound<'py, Self>, W: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyVariable>> {
        functions::matmul(slf.as_any(), W)
    }

    /// The matrix product with `W`, under the original's name.
    #[allow(non_snake_case)]
    fn matmaul<'py>(
        slf: &Bound<'py, Self>,
        W: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyVariable>> {
        functions::matmul(slf.as_any(), W)
    }

    /// The matrix product with `W`.
    #[allow(non_snake_case)]
    fn matmul<'py>(
        slf: &Bound<'py, Self>,
        W: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyVariable>> {
        functions::matmul(slf.as_any(), W)
    }

    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        slices: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyVariable>> {
        indices::get_item(slf.as_any(), slices)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let n = PyVariable::__len__(slf)?;
        let items = (0..n).map(|i| {
            let i = i.into_pyobject(slf.py())?;
            indices::get_item(slf.as_any(), i.as_any())
        });
        let items = items.collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(slf.py(), items)?
            .try_iter()
            .map(Bound::into_any)
    }
}

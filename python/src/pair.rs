//! [`Pair`]: a size, a step or a padding of images.

use pyo3::Borrowed;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::functions::numbers;

/// One number for rows and columns, or one for each, as an argument.
#[derive(Clone, Copy)]
pub struct Pair(pub usize, pub usize);

impl From<Pair> for (usize, usize) {
    fn from(Pair(rows, columns): Pair) -> (usize, usize) {
        (rows, columns)
    }
}

impl<'py> FromPyObject<'_, 'py> for Pair {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Pair> {
        let wrong = |_| {
            PyValueError::new_err(format!(
                "sizes, strides and paddings take a number or a pair, none negative; got {}",
                &*object
            ))
        };
        match numbers(&object)?[..] {
            [n] => {
                let n = usize::try_from(n).map_err(wrong)?;
                Ok(Pair(n, n))
            }
            [rows, columns] => Ok(Pair(
                usize::try_from(rows).map_err(wrong)?,
                usize::try_from(columns).map_err(wrong)?,
            )),
            ref all => Err(PyValueError::new_err(format!(
                "sizes, strides and paddings take a number or a pair, got {} numbers",
                all.len()
            ))),
        }
    }
}

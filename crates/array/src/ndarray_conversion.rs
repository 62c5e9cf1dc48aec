//! From and to the arrays of the `ndarray` crate.

use ::ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn, OwnedRepr};

use crate::{Array, DType, Element};

/// Why an [`Array`] cannot become an array of the `ndarray` crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// The elements have another type.
    #[error("expected an array of {expected}, found {found}; cast it with `to_dtype` first")]
    DType {
        /// The type asked for.
        expected: DType,
        /// The array's.
        found: DType,
    },
    /// The number of axes is another.
    #[error("expected {expected} axes, found {found}")]
    Axes {
        /// The number asked for.
        expected: usize,
        /// The array's.
        found: usize,
    },
}

/// Copies an `ndarray` array or view of `bool`, `i64`, `f32` or `f64`.
///
/// ```
/// use dezero_array::Array;
/// let x = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(Array::from(x.t()), Array::new([[1.0, 3.0], [2.0, 4.0]]));
/// ```
impl<T, S, D> From<ArrayBase<S, D>> for Array
where
    T: Element,
    S: Data<Elem = T>,
    D: Dimension,
{
    fn from(array: ArrayBase<S, D>) -> Array {
        Array::from(&array)
    }
}

/// Copies an `ndarray` array or view of `bool`, `i64`, `f32` or `f64`.
impl<T, S, D> From<&ArrayBase<S, D>> for Array
where
    T: Element,
    S: Data<Elem = T>,
    D: Dimension,
{
    fn from(array: &ArrayBase<S, D>) -> Array {
        match array.as_slice() {
            Some(elements) => Array::from_slice(elements, array.shape()),
            None => Array::from_vec(array.iter().copied().collect(), array.shape()),
        }
    }
}

/// Copies into an `ndarray` array of the same dtype, of a fixed number of axes or of any
/// (`ArrayD`).
///
/// ```
/// use dezero_array::Array;
/// use ndarray::Array2;
/// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(Array2::<f64>::try_from(&x)?, ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
/// assert!(Array2::<i64>::try_from(&x).is_err());
/// # Ok::<(), dezero_array::ConversionError>(())
/// ```
impl<T: Element, D: Dimension> TryFrom<&Array> for ArrayBase<OwnedRepr<T>, D> {
    type Error = ConversionError;

    fn try_from(array: &Array) -> Result<Self, ConversionError> {
        if array.dtype() != T::DTYPE {
            return Err(ConversionError::DType {
                expected: T::DTYPE,
                found: array.dtype(),
            });
        }
        let wrong_axes = ConversionError::Axes {
            expected: D::NDIM.unwrap_or(array.ndim()),
            found: array.ndim(),
        };
        ArrayD::from_shape_vec(IxDyn(array.shape()), array.to_vec())
            .expect("as many elements as the shape takes")
            .into_dimensionality()
            .map_err(|_| wrong_axes)
    }
}

/// As for `&Array`.
impl<T: Element, D: Dimension> TryFrom<Array> for ArrayBase<OwnedRepr<T>, D> {
    type Error = ConversionError;

    fn try_from(array: Array) -> Result<Self, ConversionError> {
        Self::try_from(&array)
    }
}

#[cfg(test)]
mod tests {
    use ::ndarray::{Array0, Array1, Array2, Array3, ArrayD, IxDyn, array, s};

    use crate::{Array, ConversionError, DType};

    #[test]
    fn every_dtype_round_trips() {
        let bools = array![[true, false], [false, true]];
        assert_eq!(Array2::<bool>::try_from(Array::from(&bools)), Ok(bools));
        let integers = array![[1i64, -2, i64::MAX]];
        assert_eq!(
            Array2::<i64>::try_from(Array::from(&integers)),
            Ok(integers)
        );
        let singles = Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (i * 12 + j * 4 + k) as f32);
        assert_eq!(Array::from(&singles).dtype(), DType::F32);
        assert_eq!(Array3::<f32>::try_from(Array::from(&singles)), Ok(singles));
        let scalar = Array0::from_elem((), 2.5);
        assert_eq!(Array::from(&scalar), Array::new(2.5));
        assert_eq!(Array0::<f64>::try_from(Array::new(2.5)), Ok(scalar));
        let empty = ArrayD::<f64>::zeros(IxDyn(&[2, 0, 3]));
        assert_eq!(Array::from(&empty).shape(), [2, 0, 3]);
        assert_eq!(ArrayD::<f64>::try_from(Array::from(&empty)), Ok(empty));
    }

    #[test]
    fn views_are_read_in_their_own_order() {
        let x = Array2::from_shape_fn((3, 4), |(i, j)| (i * 4 + j) as f64);
        let slice = x.slice(s![..;-1, 1..;2]);
        assert_eq!(
            Array::from(slice),
            Array::new([[9.0, 11.0], [5.0, 7.0], [1.0, 3.0]])
        );
        let ours = Array::from(&x).transpose();
        assert_eq!(Array2::<f64>::try_from(&ours).unwrap(), x.t());
        let repeated = Array::new([1.5]).broadcast_to([2, 3]);
        assert_eq!(ArrayD::<f64>::try_from(&repeated).unwrap().sum(), 9.0);
    }

    #[test]
    fn mismatches_are_named() {
        let x = Array::new([[1.0, 2.0]]);
        assert_eq!(
            Array1::<f64>::try_from(&x).unwrap_err().to_string(),
            "expected 1 axes, found 2"
        );
        assert_eq!(
            Array2::<f32>::try_from(&x),
            Err(ConversionError::DType {
                expected: DType::F32,
                found: DType::F64,
            })
        );
    }
}

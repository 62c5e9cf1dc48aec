//! `==` between whole arrays.

use crate::{Array, Element, match_dtype};

/// Arrays are equal if they have the same shape, the same dtype and equal elements. As with
/// floats, an array that holds a NaN is not equal to itself. (For a bool of each pair of elements,
/// there are the comparison methods.)
///
/// ```
/// use dezero_array::Array;
/// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(x.transpose(), Array::new([[1.0, 3.0], [2.0, 4.0]]));
/// assert_ne!(x, Array::new([[1, 2], [3, 4]]));
/// ```
impl PartialEq for Array {
    fn eq(&self, other: &Array) -> bool {
        fn elements_equal<T: Element>(x0: &Array, x1: &Array) -> bool {
            let (x0, x1) = (x0.to_contiguous(), x1.to_contiguous());
            x0.as_slice::<T>() == x1.as_slice::<T>()
        }
        self.dtype() == other.dtype()
            && self.shape() == other.shape()
            && match_dtype!(self.dtype(), T => elements_equal::<T>(self, other))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Array, DType};

    #[test]
    fn shape_dtype_and_elements_count() {
        let x = Array::new([1.0, 2.0]);
        assert_eq!(x, x.clone());
        assert_ne!(x, Array::new([1.0, 2.5]));
        assert_ne!(x, Array::new([1.0f32, 2.0]));
        assert_ne!(x, Array::new([[1.0, 2.0]]));
        assert_ne!(x, Array::new([1.0]));
        assert_ne!(Array::new(f64::NAN), Array::new(f64::NAN));
        assert_eq!(Array::new(-0.0), Array::new(0.0));
        assert_eq!(
            Array::zeros([2, 3], DType::Bool),
            Array::new([[false; 3]; 2])
        );
        assert_eq!(
            Array::zeros([0, 3], DType::F32),
            Array::zeros([0, 3], DType::F32)
        );
        assert_ne!(
            Array::zeros([0, 3], DType::F32),
            Array::zeros([3, 0], DType::F32)
        );
    }
}

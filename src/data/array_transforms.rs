//! Transforms of arrays.

use dezero_array::{Array, DType};

use super::Transform;

/// All axes as one: `[..]` to `[n]`.
///
/// ```
/// use dezero::Array;
/// use dezero::data::{Flatten, Transform};
/// assert_eq!(Flatten.apply(Array::new([[1, 2], [3, 4]])).shape(), &[4]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

impl Transform<Array> for Flatten {
    type Output = Array;

    fn apply(&self, x: Array) -> Array {
        x.reshape([x.size()])
    }
}

/// Elements of another type.
///
/// ```
/// use dezero::data::{AsType, Transform};
/// use dezero::{Array, DType};
/// assert_eq!(AsType(DType::F64).apply(Array::new([1, 2])).to_vec::<f64>(), [1.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AsType(pub DType);

impl Transform<Array> for AsType {
    type Output = Array;

    fn apply(&self, x: Array) -> Array {
        x.to_dtype(self.0)
    }
}

/// Elements as `f32`: `AsType(DType::F32)`, by the book's name.
///
/// ```
/// use dezero::Array;
/// use dezero::data::{ToFloat, Transform};
/// assert_eq!(ToFloat.apply(Array::new([1, 2])).to_vec::<f32>(), [1.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ToFloat;

impl Transform<Array> for ToFloat {
    type Output = Array;

    fn apply(&self, x: Array) -> Array {
        x.to_dtype(DType::F32)
    }
}

/// (x − mean) / std, for the whole array or for each channel, which is the first axis.
///
/// The result is `f32`, unless the array is `f64`.
///
/// ```
/// use dezero::Array;
/// use dezero::data::{Normalize, Transform};
///
/// let image = Array::new([[[1.0f32, 2.0]], [[3.0, 4.0]]]); // 2 channels of 1 x 2
/// let y = Normalize::new(&[1.0, 3.0], &[1.0, 0.5]).apply(image);
/// assert_eq!(y.to_vec::<f32>(), [0.0, 1.0, 0.0, 2.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Normalize {
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Normalize {
    /// One mean and standard deviation for all, or one for each channel.
    ///
    /// # Panics
    /// If there is none, if there are not as many of one as of the other, or if a standard deviation is 0.
    #[track_caller]
    pub fn new(mean: &[f64], std: &[f64]) -> Normalize {
        assert!(
            mean.len() == std.len() && !mean.is_empty(),
            "Normalize: {} means and {} standard deviations; there must be one of each for a channel",
            mean.len(),
            std.len()
        );
        assert!(
            std.iter().all(|&s| s != 0.0),
            "Normalize: the standard deviations {std:?} must not be 0"
        );
        Normalize {
            mean: mean.to_vec(),
            std: std.to_vec(),
        }
    }
}

impl Transform<Array> for Normalize {
    type Output = Array;

    #[track_caller]
    fn apply(&self, x: Array) -> Array {
        let channels = self.mean.len();
        if channels > 1 && x.shape().first() != Some(&channels) {
            panic!(
                "Normalize: {channels} means, but the array is {:?}; its first axis must be {channels}",
                x.shape()
            );
        }
        let mut x = match x.dtype() {
            DType::F32 | DType::F64 => x,
            _ => x.to_dtype(DType::F32),
        };
        let channel = (x.size() / channels).max(1);
        let parameters = self.mean.iter().zip(&self.std);
        match x.dtype() {
            DType::F64 => {
                let chunks = x.as_mut_slice::<f64>().chunks_mut(channel);
                for (chunk, (&mean, &std)) in chunks.zip(parameters) {
                    chunk.iter_mut().for_each(|x| *x = (*x - mean) / std);
                }
            }
            _ => {
                let chunks = x.as_mut_slice::<f32>().chunks_mut(channel);
                for (chunk, (&mean, &std)) in chunks.zip(parameters) {
                    let (mean, std) = (mean as f32, std as f32);
                    chunk.iter_mut().for_each(|x| *x = (*x - mean) / std);
                }
            }
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalized_by_channel() {
        let x = Array::from_vec((0..12).collect::<Vec<i64>>(), [3, 2, 2]);
        let y = Normalize::new(&[0.0, 4.0, 8.0], &[1.0, 2.0, 4.0]).apply(x.clone());
        let golden = [0.0, 1.0, 2.0, 3.0, 0.0, 0.5, 1.0, 1.5, 0.0, 0.25, 0.5, 0.75];
        assert_eq!(y.to_vec::<f32>(), golden);
        let y = Normalize::new(&[1.0], &[2.0]).apply(x.to_dtype(DType::F64));
        assert_eq!(y.to_vec::<f64>()[..3], [-0.5, 0.0, 0.5]);
        // A view is copied, not written through.
        let x = Array::new([[1.0f32, 2.0], [3.0, 4.0]]);
        let y = Normalize::new(&[1.0, 2.0], &[1.0, 1.0]).apply(x.transpose());
        assert_eq!(y.to_vec::<f32>(), [0.0, 2.0, 0.0, 2.0]);
        assert_eq!(x.to_vec::<f32>(), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    #[should_panic(expected = "3 means, but the array is [1, 2, 2]; its first axis must be 3")]
    fn another_number_of_channels() {
        let _ = Normalize::new(&[0.0; 3], &[1.0; 3]).apply(Array::zeros([1, 2, 2], DType::F32));
    }

    #[test]
    #[should_panic(expected = "1 means and 2 standard deviations")]
    fn unequal_numbers() {
        let _ = Normalize::new(&[0.0], &[1.0, 1.0]);
    }
}

//! Transforms of arrays.

use dezero_array::{Array, DType, Element, match_dtype};

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
            _ => to_f32(&x),
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

fn to_f32(x: &Array) -> Array {
    match_dtype!(x.dtype(), T => {
        let elements: Vec<f32> = x.to_vec::<T>().iter().map(|x| x.to_f64() as f32).collect();
        Array::from_vec(elements, x.shape())
    })
}

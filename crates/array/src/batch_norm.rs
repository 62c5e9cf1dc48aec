//! Batch normalisation: statistics of channels, and each pass over the images fused to one.

use crate::cpu::batch_norm as cpu;
use crate::{Array, match_dtype};

/// Images as (N, C, pixels), contiguous.
///
/// Of vectors (N, C) the channels are taken for rows: (1, C, N), so that a channel is contiguous.
struct Channels {
    x: Array,
    planes: cpu::Planes,
    is_vectors: bool,
}

impl Channels {
    #[track_caller]
    fn of(operation: &str, x: &Array) -> Channels {
        if !x.dtype().is_float() {
            panic!("{operation}: takes floats, got {}", x.dtype());
        }
        let &[images, channels, ref pixels @ ..] = x.shape() else {
            panic!(
                "{operation}: takes two axes (N, C) or more, got {:?}",
                x.shape()
            );
        };
        let is_vectors = pixels.is_empty();
        if is_vectors {
            let planes = cpu::Planes {
                images: 1,
                channels,
                pixels: images,
            };
            return Channels {
                x: x.transpose().to_contiguous(),
                planes,
                is_vectors,
            };
        }
        let planes = cpu::Planes {
            images,
            channels,
            pixels: pixels.iter().product(),
        };
        Channels {
            x: x.to_contiguous(),
            planes,
            is_vectors,
        }
    }

    /// An array laid out as `x`, in the axes that the caller knows.
    fn back(&self, y: Array) -> Array {
        if self.is_vectors { y.transpose() } else { y }
    }
}

#[track_caller]
fn check_channels(operation: &str, x: &Array, others: &[&Array]) {
    for other in others {
        if other.shape() != &x.shape()[1..2] || other.dtype() != x.dtype() {
            panic!(
                "{operation}: {} of shape {:?} takes {} of shape {:?} for its channels, got {} of shape {:?}",
                x.dtype(),
                x.shape(),
                x.dtype(),
                &x.shape()[1..2],
                other.dtype(),
                other.shape()
            );
        }
    }
}

fn slice<T: crate::Element>(x: &Array) -> &[T] {
    x.as_slice().expect("contiguous")
}

impl Array {
    /// Mean and variance (the mean squared distance from the mean) of each channel: (N, C, …) to twice
    /// (C).
    ///
    /// # Panics
    /// If there are fewer than two axes, or the array is not float.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let (mean, var) = Array::new([[1.0, 5.0], [3.0, 5.0]]).channel_statistics();
    /// assert_eq!(mean.to_vec::<f64>(), [2.0, 5.0]);
    /// assert_eq!(var.to_vec::<f64>(), [1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn channel_statistics(&self) -> (Array, Array) {
        let Channels { x, planes, .. } = Channels::of("channel_statistics", self);
        let shape = [planes.channels];
        match_dtype!(floats x.dtype(), T => {
            let mean = Array::build::<T>(&shape, |mean| cpu::mean(&planes, slice(&x), mean));
            let var = Array::build::<T>(&shape, |var| {
                cpu::variance(&planes, slice(&x), slice(&mean), var);
            });
            (mean, var)
        }, else unreachable!("checked"))
    }

    /// `(x - mean) · scale + shift` with numbers of shape (C) for each channel of (N, C, …).
    ///
    /// # Panics
    /// If there are fewer than two axes, the array is not float, or the numbers have another shape or
    /// type.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0, 5.0], [3.0, 5.0]]);
    /// let y = x.channel_affine(&Array::new([2.0, 5.0]), &Array::new([1.0, 1.0]), &Array::new([0.0, 7.0]));
    /// assert_eq!(y.to_vec::<f64>(), [-1.0, 7.0, 1.0, 7.0]);
    /// ```
    #[track_caller]
    pub fn channel_affine(&self, mean: &Array, scale: &Array, shift: &Array) -> Array {
        let operation = "channel_affine";
        let of = Channels::of(operation, self);
        check_channels(operation, self, &[mean, scale, shift]);
        let [mean, scale, shift] = [mean, scale, shift].map(Array::to_contiguous);
        match_dtype!(floats self.dtype(), T => of.back(Array::build::<T>(of.x.shape(), |y| {
            cpu::affine(&of.planes, slice(&of.x), slice(&mean), slice(&scale), slice(&shift), y);
        })), else unreachable!("checked"))
    }

    /// For each channel of (N, C, …) the sums Σ gy · (x - mean) · scale and Σ gy, where `self` is x: the
    /// gradients of gamma and beta in batch normalisation.
    ///
    /// # Panics
    /// If gy differs from the array in shape or type, or as [`channel_affine`](Array::channel_affine).
    #[track_caller]
    pub fn batch_norm_sums(&self, gy: &Array, mean: &Array, scale: &Array) -> (Array, Array) {
        let operation = "batch_norm_sums";
        let of = Channels::of(operation, self);
        check_channels(operation, self, &[mean, scale]);
        check_gradient(operation, self, gy);
        let gy = Channels::of(operation, gy).x;
        let [mean, scale] = [mean, scale].map(Array::to_contiguous);
        let shape = [of.planes.channels];
        match_dtype!(floats self.dtype(), T => (
            Array::build::<T>(&shape, |sums| {
                cpu::product(&of.planes, slice(&gy), slice(&of.x), slice(&mean), slice(&scale), sums);
            }),
            Array::build::<T>(&shape, |sums| cpu::total(&of.planes, slice(&gy), sums)),
        ), else unreachable!("checked"))
    }

    /// `a · gy + b · (x - mean) + c` with numbers of shape (C) for each channel of (N, C, …), where
    /// `self` is x: the gradient of x in batch normalisation.
    ///
    /// # Panics
    /// As [`batch_norm_sums`](Array::batch_norm_sums).
    #[track_caller]
    pub fn batch_norm_combine(
        &self,
        gy: &Array,
        mean: &Array,
        (a, b, c): (&Array, &Array, &Array),
    ) -> Array {
        let operation = "batch_norm_combine";
        let of = Channels::of(operation, self);
        check_channels(operation, self, &[mean, a, b, c]);
        check_gradient(operation, self, gy);
        let gy = Channels::of(operation, gy).x;
        let [mean, a, b, c] = [mean, a, b, c].map(Array::to_contiguous);
        match_dtype!(floats self.dtype(), T => of.back(Array::build::<T>(of.x.shape(), |gx| {
            let numbers = (slice(&a), slice(&b), slice(&c));
            cpu::combine(&of.planes, (slice(&gy), slice(&of.x)), slice(&mean), numbers, gx);
        })), else unreachable!("checked"))
    }
}

#[track_caller]
fn check_gradient(operation: &str, x: &Array, gy: &Array) {
    if gy.shape() != x.shape() || gy.dtype() != x.dtype() {
        panic!(
            "{operation}: x is {} of shape {:?}, the gradient {} of shape {:?}",
            x.dtype(),
            x.shape(),
            gy.dtype(),
            gy.shape()
        );
    }
}

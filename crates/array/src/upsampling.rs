//! Images of another size: nearest and bilinear interpolation.

use crate::convolution::four_axes;
use crate::cpu::upsampling::{self as cpu, Axis};
use crate::{Array, match_dtype};

/// How the pixels of a resized image are made.
///
/// ```
/// use dezero_array::{Array, Interpolation};
/// let x = Array::new([[[[0.0, 4.0]]]]);
/// let nearest = x.interpolate2d((1, 4), Interpolation::Nearest);
/// assert_eq!(nearest.to_vec::<f64>(), [0.0, 0.0, 4.0, 4.0]);
/// let smooth = x.interpolate2d((1, 4), Interpolation::Bilinear { align_corners: false });
/// assert_eq!(smooth.to_vec::<f64>(), [0.0, 1.0, 3.0, 4.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The pixel at ⌊i · size / new size⌋ along each axis.
    Nearest,
    /// The weighted mean of the four pixels around; the corner pixels' centres lie on each other
    /// if `align_corners`, else the corners of the images do.
    Bilinear {
        /// Whether the first and last pixels keep their places.
        align_corners: bool,
    },
}

impl Array {
    /// The images (N, C, H, W) in another size, (N, C, OH, OW), as PyTorch's `interpolate`.
    ///
    /// # Panics
    /// If the array does not have four axes or is not float, or an image has no pixels.
    ///
    /// ```
    /// use dezero_array::{Array, Interpolation};
    /// let x = Array::new([[[[1.0, 2.0]]]]);
    /// let y = x.interpolate2d((2, 2), Interpolation::Nearest);
    /// assert_eq!(y.to_vec::<f64>(), [1.0, 2.0, 1.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn interpolate2d(&self, size: (usize, usize), interpolation: Interpolation) -> Array {
        let operation = "interpolate2d";
        let [n, c, h, w] = four_axes(operation, "input", self);
        let axes = axes(operation, (h, w), size, interpolation);
        check_float(operation, self);
        let x = self.to_contiguous();
        let shape = [n, c, size.0, size.1];
        match_dtype!(floats x.dtype(), T => Array::build::<T>(&shape, |y| {
            cpu::resize(&axes, x.as_slice().expect("contiguous"), y);
        }), else unreachable!())
    }

    /// The gradient of [`interpolate2d`](Array::interpolate2d) with respect to its input of rows
    /// and columns `image`, from the gradient of its output (`self`): its transpose.
    ///
    /// # Panics
    /// As [`interpolate2d`](Array::interpolate2d).
    ///
    /// ```
    /// use dezero_array::{Array, Interpolation};
    /// let gy = Array::new([[[[1.0, 2.0], [3.0, 4.0]]]]);
    /// let gx = gy.interpolate2d_grad((1, 2), Interpolation::Nearest);
    /// assert_eq!(gx.to_vec::<f64>(), [4.0, 6.0]);
    /// ```
    #[track_caller]
    pub fn interpolate2d_grad(&self, image: (usize, usize), interpolation: Interpolation) -> Array {
        let operation = "interpolate2d_grad";
        let [n, c, rows, columns] = four_axes(operation, "output gradient", self);
        let axes = axes(operation, image, (rows, columns), interpolation);
        check_float(operation, self);
        let gy = self.to_contiguous();
        match_dtype!(floats gy.dtype(), T => Array::build::<T>(&[n, c, image.0, image.1], |gx| {
            cpu::resize_transposed(&axes, gy.as_slice().expect("contiguous"), gx);
        }), else unreachable!())
    }
}

#[track_caller]
fn axes(
    operation: &str,
    image: (usize, usize),
    size: (usize, usize),
    interpolation: Interpolation,
) -> (Axis, Axis) {
    if image.0 * image.1 == 0 || size.0 * size.1 == 0 {
        panic!("{operation}: takes images with pixels, got {image:?} and {size:?}");
    }
    (
        Axis::new(image.0, size.0, interpolation),
        Axis::new(image.1, size.1, interpolation),
    )
}

#[track_caller]
fn check_float(operation: &str, x: &Array) {
    if !x.dtype().is_float() {
        panic!("{operation}: takes floats, got {}", x.dtype());
    }
}

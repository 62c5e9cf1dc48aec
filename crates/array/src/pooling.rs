//! Pooling: one number for each window of each plane of an image.

use crate::convolution::four_axes;
use crate::cpu::pooling as cpu;
use crate::{Array, Conv2dParams, DType, match_dtype};

/// How a pooling window moves over an image: (rows, columns) each.
///
/// ```
/// use dezero_array::Pool2dParams;
/// let params = Pool2dParams::new((2, 2));
/// assert_eq!(params.output_size((224, 224)), (112, 112));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2dParams {
    /// Size of the window.
    pub kernel: (usize, usize),
    /// Steps between windows.
    pub stride: (usize, usize),
    /// Pixels added around the image, on each side.
    pub padding: (usize, usize),
    /// Steps between the pixels of a window.
    pub dilation: (usize, usize),
}

impl Pool2dParams {
    /// Windows of `kernel` side by side, no padding.
    pub fn new(kernel: (usize, usize)) -> Pool2dParams {
        Pool2dParams {
            kernel,
            stride: kernel,
            padding: (0, 0),
            dilation: (1, 1),
        }
    }

    /// Rows and columns of the result for an image; see [`Conv2dParams::output_size`].
    ///
    /// # Panics
    /// If the window does not fit into the padded image, the padding is more than half a window
    /// (a window could lie outside), or stride, dilation or kernel is zero.
    #[track_caller]
    pub fn output_size(&self, image: (usize, usize)) -> (usize, usize) {
        self.windows("pool2d", image)
    }

    #[track_caller]
    fn windows(&self, operation: &str, image: (usize, usize)) -> (usize, usize) {
        let params = Conv2dParams {
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: 1,
        };
        let out = params.windows(operation, image, self.kernel);
        let span = |kernel: usize, dilation: usize| (kernel - 1) * dilation + 1;
        let half = (
            span(self.kernel.0, self.dilation.0) / 2,
            span(self.kernel.1, self.dilation.1) / 2,
        );
        if self.padding.0 > half.0 || self.padding.1 > half.1 {
            panic!(
                "{operation}: padding {:?} is more than half of kernel {:?} with dilation {:?}",
                self.padding, self.kernel, self.dilation
            );
        }
        out
    }
}

/// Planes, and the windows on them.
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) image: (usize, usize),
    pub(crate) out: (usize, usize),
    pub(crate) params: Pool2dParams,
}

impl Windows {
    #[track_caller]
    fn of(operation: &str, image: (usize, usize), params: &Pool2dParams) -> Windows {
        Windows {
            image,
            out: params.windows(operation, image),
            params: *params,
        }
    }
}

impl Array {
    /// The largest number of each window, and where it lies: (N, C, H, W) to twice
    /// (N, C, OH, OW).
    ///
    /// The second result holds, as i64, the position of the maximum in its plane (`row · W +
    /// column`), the first one where several are equal. Padding never wins; NaN does.
    ///
    /// # Panics
    /// If the array does not have four axes or is not numeric, or the window does not fit.
    ///
    /// ```
    /// use dezero_array::{Array, Pool2dParams};
    /// let x = Array::new([[[[1.0, 5.0], [2.0, 3.0]]]]);
    /// let (y, at) = x.max_pool2d(&Pool2dParams::new((2, 2)));
    /// assert_eq!((y.item(), at.item()), (5.0, 1.0));
    /// ```
    #[track_caller]
    pub fn max_pool2d(&self, params: &Pool2dParams) -> (Array, Array) {
        let [n, c, h, w] = four_axes("max_pool2d", "input", self);
        let windows = Windows::of("max_pool2d", (h, w), params);
        check_not_empty("max_pool2d", (h, w));
        let shape = [n, c, windows.out.0, windows.out.1];
        let x = self.to_contiguous();
        match_dtype!(numbers x.dtype(), T => {
            let mut indices = None;
            let y = Array::build::<T>(&shape, |y| {
                indices = Some(Array::build::<i64>(&shape, |indices| {
                    cpu::max(&windows, x.as_slice().expect("contiguous"), y, indices);
                }));
            });
            (y, indices.expect("built with the values"))
        }, else panic!("max_pool2d: takes numbers, got bool"))
    }

    /// Adds each number of (N, C, OH, OW) to its position in the plane of zeros (N, C, H, W) with
    /// (H, W) = `image`: the gradient of [`max_pool2d`](Array::max_pool2d) from that of its
    /// values, and "unpooling".
    ///
    /// # Panics
    /// If the shapes differ, the indices are not i64, or one lies outside the plane.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let gy = Array::new([[[[1.0]]]]);
    /// let gx = gy.scatter_planes(&Array::new([[[[2]]]]), (2, 2));
    /// assert_eq!(gx.to_vec::<f64>(), [0.0, 0.0, 1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn scatter_planes(&self, indices: &Array, image: (usize, usize)) -> Array {
        let operation = "scatter_planes";
        let [n, c, ..] = four_axes(operation, "input", self);
        if self.shape() != indices.shape() {
            panic!(
                "{operation}: values {:?} and indices {:?} differ in shape",
                self.shape(),
                indices.shape()
            );
        }
        let indices = plane_indices(operation, indices);
        let windows = self.shape()[2] * self.shape()[3];
        let (x, mut all_inside) = (self.to_contiguous(), true);
        let y = match_dtype!(numbers x.dtype(), T => Array::build::<T>(&[n, c, image.0, image.1], |y| {
            let (x, at) = (x.as_slice().expect("contiguous"), indices.as_slice().expect("contiguous"));
            all_inside = cpu::scatter(x, at, windows, image.0 * image.1, y);
        }), else panic!("{operation}: takes numbers, got bool"));
        if !all_inside {
            panic_outside(operation, &indices, image);
        }
        y
    }

    /// The numbers at the given positions of each plane: (N, C, H, W) and indices (N, C, OH, OW)
    /// to (N, C, OH, OW); the transpose of [`scatter_planes`](Array::scatter_planes).
    ///
    /// # Panics
    /// If the first two axes differ, the indices are not i64, or one lies outside the plane.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[[[1.0, 5.0], [2.0, 3.0]]]]);
    /// assert_eq!(x.gather_planes(&Array::new([[[[2]]]])).item(), 2.0);
    /// ```
    #[track_caller]
    pub fn gather_planes(&self, indices: &Array) -> Array {
        let operation = "gather_planes";
        let [n, c, h, w] = four_axes(operation, "input", self);
        let [m, d, ..] = four_axes(operation, "indices", indices);
        if (n, c) != (m, d) {
            panic!(
                "{operation}: the first two axes of {:?} and indices {:?} differ",
                self.shape(),
                indices.shape()
            );
        }
        let indices = plane_indices(operation, indices);
        let windows = indices.shape()[2] * indices.shape()[3];
        let (x, mut all_inside) = (self.to_contiguous(), true);
        let y = match_dtype!(x.dtype(), T => Array::build::<T>(indices.shape(), |y| {
            let (x, at) = (x.as_slice().expect("contiguous"), indices.as_slice().expect("contiguous"));
            all_inside = cpu::gather(x, at, windows, h * w, y);
        }));
        if !all_inside {
            panic_outside(operation, &indices, (h, w));
        }
        y
    }

    /// The mean of each window: (N, C, H, W) to (N, C, OH, OW).
    ///
    /// Pixels of the padding are zeros; `count_include_pad` says whether they count in the
    /// divisor (PyTorch's default is that they do).
    ///
    /// # Panics
    /// If the array does not have four axes or is not float, or the window does not fit.
    ///
    /// ```
    /// use dezero_array::{Array, Pool2dParams};
    /// let x = Array::new([[[[1.0, 5.0], [2.0, 4.0]]]]);
    /// assert_eq!(x.avg_pool2d(&Pool2dParams::new((2, 2)), true).item(), 3.0);
    /// ```
    #[track_caller]
    pub fn avg_pool2d(&self, params: &Pool2dParams, count_include_pad: bool) -> Array {
        let operation = "avg_pool2d";
        let [n, c, h, w] = four_axes(operation, "input", self);
        let means =
            cpu::Means::of_windows(&Windows::of(operation, (h, w), params), count_include_pad);
        means.forward(operation, self, [n, c])
    }

    /// The gradient of [`avg_pool2d`](Array::avg_pool2d) with respect to its input of rows and
    /// columns `image`, from the gradient of its output (`self`): each number is spread evenly
    /// over its window.
    ///
    /// # Panics
    /// As [`avg_pool2d`](Array::avg_pool2d), and if the output of such an image has another shape.
    ///
    /// ```
    /// use dezero_array::{Array, Pool2dParams};
    /// let gx = Array::new([[[[4.0]]]]).avg_pool2d_grad((2, 2), &Pool2dParams::new((2, 2)), true);
    /// assert_eq!(gx.to_vec::<f64>(), [1.0; 4]);
    /// ```
    #[track_caller]
    pub fn avg_pool2d_grad(
        &self,
        image: (usize, usize),
        params: &Pool2dParams,
        count_include_pad: bool,
    ) -> Array {
        let operation = "avg_pool2d_grad";
        let means =
            cpu::Means::of_windows(&Windows::of(operation, image, params), count_include_pad);
        means.backward(operation, self)
    }

    /// The means of `out` windows that cover each plane: (N, C, H, W) to (N, C, OH, OW).
    ///
    /// Window i of an axis runs from ⌊i·H / OH⌋ to ⌈(i + 1)·H / OH⌉, as PyTorch's; `(1, 1)` is
    /// global average pooling.
    ///
    /// # Panics
    /// If the array does not have four axes, is not float, or has no pixels.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[[[1.0, 2.0, 3.0]]]]);
    /// assert_eq!(x.adaptive_avg_pool2d((1, 2)).to_vec::<f64>(), [1.5, 2.5]);
    /// ```
    #[track_caller]
    pub fn adaptive_avg_pool2d(&self, out: (usize, usize)) -> Array {
        let operation = "adaptive_avg_pool2d";
        let [n, c, h, w] = four_axes(operation, "input", self);
        check_not_empty(operation, (h, w));
        cpu::Means::adaptive((h, w), out).forward(operation, self, [n, c])
    }

    /// The gradient of [`adaptive_avg_pool2d`](Array::adaptive_avg_pool2d) with respect to its
    /// input of rows and columns `image`, from the gradient of its output (`self`).
    ///
    /// # Panics
    /// If the array does not have four axes or is not float, or the image has no pixels.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let gx = Array::new([[[[2.0, 4.0]]]]).adaptive_avg_pool2d_grad((1, 3));
    /// assert_eq!(gx.to_vec::<f64>(), [1.0, 3.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn adaptive_avg_pool2d_grad(&self, image: (usize, usize)) -> Array {
        let operation = "adaptive_avg_pool2d_grad";
        let [_, _, rows, columns] = four_axes(operation, "output gradient", self);
        check_not_empty(operation, image);
        cpu::Means::adaptive(image, (rows, columns)).backward(operation, self)
    }
}

impl cpu::Means {
    #[track_caller]
    fn forward(&self, operation: &str, x: &Array, [n, c]: [usize; 2]) -> Array {
        check_float(operation, x);
        let x = x.to_contiguous();
        let shape = [n, c, self.rows.windows.len(), self.columns.windows.len()];
        match_dtype!(floats x.dtype(), T => Array::build::<T>(&shape, |y| {
            cpu::mean(self, x.as_slice().expect("contiguous"), y);
        }), else unreachable!())
    }

    #[track_caller]
    fn backward(&self, operation: &str, gy: &Array) -> Array {
        check_float(operation, gy);
        let [n, c, rows, columns] = four_axes(operation, "output gradient", gy);
        let (image, out) = (
            (self.rows.size, self.columns.size),
            (self.rows.windows.len(), self.columns.windows.len()),
        );
        if (rows, columns) != out {
            panic!(
                "{operation}: image {image:?} gives an output of {out:?}, got {:?}",
                gy.shape()
            );
        }
        let gy = gy.to_contiguous();
        match_dtype!(floats gy.dtype(), T => Array::build::<T>(&[n, c, image.0, image.1], |gx| {
            cpu::spread(self, gy.as_slice().expect("contiguous"), gx);
        }), else unreachable!())
    }
}

#[track_caller]
fn check_float(operation: &str, x: &Array) {
    if !x.dtype().is_float() {
        panic!("{operation}: takes floats, got {}", x.dtype());
    }
}

#[track_caller]
fn check_not_empty(operation: &str, image: (usize, usize)) {
    if image.0 == 0 || image.1 == 0 {
        panic!("{operation}: an image of {image:?} has no pixels");
    }
}

/// The indices, contiguous.
#[track_caller]
fn plane_indices(operation: &str, indices: &Array) -> Array {
    if indices.dtype() != DType::I64 {
        panic!("{operation}: indices are int64, got {}", indices.dtype());
    }
    indices.to_contiguous()
}

/// For indices of which a kernel found some outside of planes of `image`.
#[cold]
#[track_caller]
fn panic_outside(operation: &str, indices: &Array, image: (usize, usize)) -> ! {
    let pixels = (image.0 * image.1) as i64;
    let mut indices = indices.to_vec::<i64>().into_iter();
    let i = indices.find(|&i| i < 0 || i >= pixels).expect("found");
    panic!("{operation}: index {i} lies outside a plane of {image:?}");
}

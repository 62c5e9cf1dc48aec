//! Convolution: windows of images as columns, the product of windows with filters, its gradients.

use crate::cpu::convolution as cpu;
use crate::cpu::weight_gradient::weight_gradient;
use crate::{Array, DType, match_dtype};

/// How a filter moves over an image: (rows, columns) each.
///
/// ```
/// use dezero_array::Conv2dParams;
/// let params = Conv2dParams { stride: (2, 2), padding: (1, 1), ..Default::default() };
/// assert_eq!(params.output_size((224, 224), (3, 3)), (112, 112));
/// assert_eq!(params.transposed_output_size((112, 112), (3, 3), (1, 1)), (224, 224));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2dParams {
    /// Steps between windows.
    pub stride: (usize, usize),
    /// Zeros around the image, on each side.
    pub padding: (usize, usize),
    /// Steps between the pixels of a window.
    pub dilation: (usize, usize),
    /// Channels are split into as many groups, each with filters of its own.
    pub groups: usize,
}

impl Default for Conv2dParams {
    /// Stride 1, no padding, no dilation, one group.
    fn default() -> Self {
        Conv2dParams {
            stride: (1, 1),
            padding: (0, 0),
            dilation: (1, 1),
            groups: 1,
        }
    }
}

impl Conv2dParams {
    /// Rows and columns of the result for an image and a kernel.
    ///
    /// `(size + 2 padding - dilation (kernel - 1) - 1) / stride + 1` along each axis.
    ///
    /// # Panics
    /// If the kernel does not fit into the padded image, or stride, dilation or kernel is zero.
    #[track_caller]
    pub fn output_size(&self, image: (usize, usize), kernel: (usize, usize)) -> (usize, usize) {
        self.windows("conv2d", image, kernel)
    }

    /// Rows and columns of the result of the transposed convolution of an image.
    ///
    /// `(size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1` along each
    /// axis. Where the stride is not 1, several sizes convolve to the same; `output_padding`,
    /// less than the stride or the dilation, picks one.
    ///
    /// # Panics
    /// If the padding leaves no pixel, or stride, dilation or kernel is zero.
    #[track_caller]
    pub fn transposed_output_size(
        &self,
        image: (usize, usize),
        kernel: (usize, usize),
        output_padding: (usize, usize),
    ) -> (usize, usize) {
        let operation = "conv_transpose2d";
        self.check(operation, kernel);
        let allowed = (
            self.stride.0.max(self.dilation.0),
            self.stride.1.max(self.dilation.1),
        );
        if output_padding.0 >= allowed.0 || output_padding.1 >= allowed.1 {
            panic!(
                "{operation}: output_padding {output_padding:?} takes less than stride {:?} or \
                 dilation {:?}",
                self.stride, self.dilation
            );
        }
        let size = |image: usize,
                    kernel: usize,
                    stride: usize,
                    padding: usize,
                    dilation: usize,
                    extra: usize| {
            (image.checked_sub(1)? * stride + dilation * (kernel - 1) + extra + 1)
                .checked_sub(2 * padding)
        };
        let rows = size(
            image.0,
            kernel.0,
            self.stride.0,
            self.padding.0,
            self.dilation.0,
            output_padding.0,
        );
        let columns = size(
            image.1,
            kernel.1,
            self.stride.1,
            self.padding.1,
            self.dilation.1,
            output_padding.1,
        );
        match (rows, columns) {
            (Some(rows), Some(columns)) if rows > 0 && columns > 0 => (rows, columns),
            _ => panic!(
                "{operation}: image {image:?} and kernel {kernel:?} with stride {:?} leave no \
                 pixel inside padding {:?}",
                self.stride, self.padding
            ),
        }
    }

    #[track_caller]
    fn check(&self, operation: &str, kernel: (usize, usize)) {
        let positive = |name: &str, (rows, columns): (usize, usize)| {
            (rows == 0 || columns == 0)
                .then(|| format!("{operation}: {name} ({rows}, {columns}) has a zero"))
        };
        let wrong = positive("stride", self.stride)
            .or_else(|| positive("dilation", self.dilation))
            .or_else(|| positive("kernel", kernel));
        if let Some(message) = wrong {
            panic!("{message}");
        }
        if self.groups == 0 {
            panic!("{operation}: takes at least 1 group, got 0");
        }
    }

    #[track_caller]
    pub(crate) fn windows(
        &self,
        operation: &str,
        image: (usize, usize),
        kernel: (usize, usize),
    ) -> (usize, usize) {
        self.check(operation, kernel);
        let count = |image: usize, kernel: usize, stride, padding: usize, dilation: usize| {
            let span = (kernel - 1).checked_mul(dilation)?.checked_add(1)?;
            Some((image + 2 * padding).checked_sub(span)? / stride + 1)
        };
        let rows = count(
            image.0,
            kernel.0,
            self.stride.0,
            self.padding.0,
            self.dilation.0,
        );
        let columns = count(
            image.1,
            kernel.1,
            self.stride.1,
            self.padding.1,
            self.dilation.1,
        );
        match (rows, columns) {
            (Some(rows), Some(columns)) => (rows, columns),
            _ => panic!(
                "{operation}: kernel {kernel:?} with dilation {:?} is larger than image {image:?} \
                 with padding {:?}",
                self.dilation, self.padding
            ),
        }
    }
}

/// Sizes of one convolution, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    pub(crate) images: usize,
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    pub(crate) image: (usize, usize),
    pub(crate) kernel: (usize, usize),
    pub(crate) out: (usize, usize),
    pub(crate) params: Conv2dParams,
}

impl Geometry {
    #[track_caller]
    fn of(
        operation: &str,
        images: usize,
        in_channels: usize,
        image: (usize, usize),
        w: &[usize],
        params: &Conv2dParams,
    ) -> Geometry {
        let &[out_channels, group_channels, kernel_rows, kernel_columns] = w else {
            panic!(
                "{operation}: the weight takes four axes (out, in / groups, rows, columns), got {w:?}"
            );
        };
        let kernel = (kernel_rows, kernel_columns);
        params.check(operation, kernel);
        let groups = params.groups;
        if !out_channels.is_multiple_of(groups) {
            panic!(
                "{operation}: {out_channels} filters of weight {w:?} do not split into {groups} groups"
            );
        }
        if in_channels != group_channels * groups {
            panic!(
                "{operation}: weight {w:?} in {groups} groups takes {} input channels, got {in_channels}",
                group_channels * groups
            );
        }
        Geometry {
            images,
            in_channels,
            out_channels,
            image,
            kernel,
            out: params.windows(operation, image, kernel),
            params: *params,
        }
    }

    #[track_caller]
    fn check_gradient(&self, operation: &str, gy: &[usize]) {
        let expected = [self.images, self.out_channels, self.out.0, self.out.1];
        if *gy != expected {
            panic!(
                "{operation}: image {:?} and kernel {:?} give an output of shape {expected:?}, got {gy:?}",
                self.image, self.kernel
            );
        }
    }
}

#[track_caller]
pub(crate) fn four_axes(operation: &str, what: &str, x: &Array) -> [usize; 4] {
    match *x.shape() {
        [n, c, h, w] => [n, c, h, w],
        ref shape => panic!("{operation}: the {what} takes four axes (N, C, H, W), got {shape:?}"),
    }
}

/// The float type of the result; convolutions of integers are not defined.
#[track_caller]
fn float_type(operation: &str, x0: &Array, x1: &Array) -> DType {
    let dtype = x0.dtype().promote(x1.dtype());
    if !dtype.is_float() {
        panic!(
            "{operation}: takes floats, got {} and {}",
            x0.dtype(),
            x1.dtype()
        );
    }
    dtype
}

impl Array {
    /// The windows of a convolution or pooling: (N, C, H, W) to (N, C, KH, KW, OH, OW).
    ///
    /// Pixels of the padding are zero. The groups of `params` play no role.
    ///
    /// # Panics
    /// If the array does not have four axes, or the kernel does not fit.
    ///
    /// ```
    /// use dezero_array::{Array, Conv2dParams};
    /// let x = Array::new([[[[1.0, 2.0, 3.0]]]]);
    /// let windows = x.im2col((1, 2), &Conv2dParams::default());
    /// assert_eq!(windows.shape(), &[1, 1, 1, 2, 1, 2]);
    /// assert_eq!(windows.to_vec::<f64>(), [1.0, 2.0, 2.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn im2col(&self, kernel: (usize, usize), params: &Conv2dParams) -> Array {
        let [n, c, h, w] = four_axes("im2col", "image", self);
        let out = params.windows("im2col", (h, w), kernel);
        let geometry = Geometry {
            images: n,
            in_channels: c,
            out_channels: c,
            image: (h, w),
            kernel,
            out,
            params: *params,
        };
        let x = self.to_contiguous();
        let shape = [n, c, kernel.0, kernel.1, out.0, out.1];
        match_dtype!(x.dtype(), T => Array::build::<T>(&shape, |columns| {
            cpu::im2col(&geometry, x.as_slice().expect("contiguous"), columns);
        }))
    }

    /// Adds windows (N, C, KH, KW, OH, OW) up to the image (N, C, H, W) that they were cut from:
    /// the transpose of [`im2col`](Array::im2col).
    ///
    /// # Panics
    /// If the windows do not come from images of `image_shape`, or hold bools.
    ///
    /// ```
    /// use dezero_array::{Array, Conv2dParams};
    /// let x = Array::new([[[[1.0, 2.0, 3.0]]]]);
    /// let params = Conv2dParams::default();
    /// let y = x.im2col((1, 2), &params).col2im((1, 3), &params);
    /// assert_eq!(y.to_vec::<f64>(), [1.0, 4.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn col2im(&self, image: (usize, usize), params: &Conv2dParams) -> Array {
        let &[n, c, kernel_rows, kernel_columns, rows, columns] = self.shape() else {
            panic!(
                "col2im: takes six axes (N, C, KH, KW, OH, OW), got {:?}",
                self.shape()
            );
        };
        let kernel = (kernel_rows, kernel_columns);
        let out = params.windows("col2im", image, kernel);
        if out != (rows, columns) {
            panic!(
                "col2im: image {image:?} and kernel {kernel:?} give {out:?} windows, got {:?}",
                (rows, columns)
            );
        }
        let geometry = Geometry {
            images: n,
            in_channels: c,
            out_channels: c,
            image,
            kernel,
            out,
            params: *params,
        };
        let x = self.to_contiguous();
        match_dtype!(numbers x.dtype(), T => Array::build::<T>(&[n, c, image.0, image.1], |y| {
            cpu::col2im(&geometry, x.as_slice().expect("contiguous"), y);
        }), else panic!("col2im: takes numbers, got bool"))
    }

    /// Two-dimensional convolution (as everywhere in the field, the filter is not flipped).
    ///
    /// Shapes: input (N, C, H, W), weight (O, C / groups, KH, KW), bias (O); the result is
    /// (N, O, OH, OW) with [`Conv2dParams::output_size`].
    ///
    /// In f32, 3x3 filters with stride 1 and enough channels go by Winograd's algorithm, whose
    /// rounding error is some 1e-5 of the largest output; f64 is always the direct sum.
    ///
    /// # Panics
    /// If the shapes do not fit each other or the parameters, or the arrays are not floats.
    ///
    /// ```
    /// use dezero_array::{Array, Conv2dParams};
    /// let x = Array::new([[[[1.0, 2.0, 3.0]]]]);
    /// let w = Array::new([[[[1.0, -1.0]]]]);
    /// let y = x.conv2d(&w, None, &Conv2dParams::default());
    /// assert_eq!(y.to_vec::<f64>(), [-1.0, -1.0]);
    /// ```
    #[track_caller]
    pub fn conv2d(&self, w: &Array, b: Option<&Array>, params: &Conv2dParams) -> Array {
        let [n, c, rows, columns] = four_axes("conv2d", "input", self);
        let geometry = Geometry::of("conv2d", n, c, (rows, columns), w.shape(), params);
        if let Some(b) = b
            && *b.shape() != [geometry.out_channels]
        {
            panic!(
                "conv2d: the bias takes shape [{}] beside weight {:?}, got {:?}",
                geometry.out_channels,
                w.shape(),
                b.shape()
            );
        }
        let dtype = float_type("conv2d", self, w);
        let x = self.to_dtype(dtype).to_contiguous();
        let w = w.to_dtype(dtype).to_contiguous();
        let b = b.map(|b| b.to_dtype(dtype).to_contiguous());
        let shape = [n, geometry.out_channels, geometry.out.0, geometry.out.1];
        match_dtype!(floats dtype, T => Array::build::<T>(&shape, |y| {
            cpu::forward(
                &geometry,
                x.as_slice().expect("contiguous"),
                w.as_slice().expect("contiguous"),
                b.as_ref().map(|b| b.as_slice().expect("contiguous")),
                y,
            );
        }), else unreachable!())
    }

    /// The gradient of [`conv2d`](Array::conv2d) with respect to its input, from the gradient of
    /// its output (`self`); also the transposed convolution.
    ///
    /// Shapes: self (N, O, OH, OW), weight (O, C / groups, KH, KW); the result is (N, C, H, W)
    /// with (H, W) = `image`.
    ///
    /// # Panics
    /// If the shapes do not fit each other or the parameters, or the arrays are not floats.
    ///
    /// ```
    /// use dezero_array::{Array, Conv2dParams};
    /// let gy = Array::new([[[[1.0, 1.0]]]]);
    /// let w = Array::new([[[[1.0, -1.0]]]]);
    /// let gx = gy.conv2d_input_grad(&w, (1, 3), &Conv2dParams::default());
    /// assert_eq!(gx.to_vec::<f64>(), [1.0, 0.0, -1.0]);
    /// ```
    #[track_caller]
    pub fn conv2d_input_grad(
        &self,
        w: &Array,
        image: (usize, usize),
        params: &Conv2dParams,
    ) -> Array {
        let operation = "conv2d_input_grad";
        let [n, ..] = four_axes(operation, "output gradient", self);
        let c = w.shape().get(1).map_or(0, |c| c * params.groups);
        let geometry = Geometry::of(operation, n, c, image, w.shape(), params);
        geometry.check_gradient(operation, self.shape());
        let dtype = float_type(operation, self, w);
        let gy = self.to_dtype(dtype).to_contiguous();
        let w = w.to_dtype(dtype).to_contiguous();
        match_dtype!(floats dtype, T => Array::build::<T>(&[n, c, image.0, image.1], |gx| {
            cpu::input_gradient(
                &geometry,
                gy.as_slice().expect("contiguous"),
                w.as_slice().expect("contiguous"),
                gx,
            );
        }), else unreachable!())
    }

    /// The gradient of [`conv2d`](Array::conv2d) with respect to its weight, from its input
    /// (`self`) and the gradient of its output.
    ///
    /// Shapes: self (N, C, H, W), gy (N, O, OH, OW); the result is (O, C / groups, KH, KW) with
    /// (KH, KW) = `kernel`.
    ///
    /// # Panics
    /// If the shapes do not fit each other or the parameters, or the arrays are not floats.
    ///
    /// ```
    /// use dezero_array::{Array, Conv2dParams};
    /// let x = Array::new([[[[1.0, 2.0, 3.0]]]]);
    /// let gy = Array::new([[[[1.0, 1.0]]]]);
    /// let gw = x.conv2d_weight_grad(&gy, (1, 2), &Conv2dParams::default());
    /// assert_eq!(gw.to_vec::<f64>(), [3.0, 5.0]);
    /// ```
    #[track_caller]
    pub fn conv2d_weight_grad(
        &self,
        gy: &Array,
        kernel: (usize, usize),
        params: &Conv2dParams,
    ) -> Array {
        let operation = "conv2d_weight_grad";
        let [n, c, rows, columns] = four_axes(operation, "input", self);
        let [_, o, ..] = four_axes(operation, "output gradient", gy);
        params.check(operation, kernel);
        if !c.is_multiple_of(params.groups) {
            panic!(
                "{operation}: {c} input channels do not split into {} groups",
                params.groups
            );
        }
        let shape = [o, c / params.groups, kernel.0, kernel.1];
        let geometry = Geometry::of(operation, n, c, (rows, columns), &shape, params);
        geometry.check_gradient(operation, gy.shape());
        let dtype = float_type(operation, self, gy);
        let x = self.to_dtype(dtype).to_contiguous();
        let gy = gy.to_dtype(dtype).to_contiguous();
        match_dtype!(floats dtype, T => Array::build::<T>(&shape, |gw| {
            weight_gradient(
                &geometry,
                x.as_slice().expect("contiguous"),
                gy.as_slice().expect("contiguous"),
                gw,
            );
        }), else unreachable!())
    }

    /// Transposed convolution: the input (N, C, H, W) is spread by the weight
    /// (C, O / groups, KH, KW) over (N, O, OH, OW), plus the bias (O).
    ///
    /// The output size comes from [`Conv2dParams::transposed_output_size`], or is any other that
    /// convolves to (H, W).
    ///
    /// # Panics
    /// If the shapes do not fit each other or the parameters, or the arrays are not floats.
    ///
    /// ```
    /// use dezero_array::{Array, Conv2dParams};
    /// let x = Array::new([[[[1.0, 2.0]]]]);
    /// let w = Array::new([[[[1.0, 10.0]]]]);
    /// let params = Conv2dParams { stride: (1, 2), ..Default::default() };
    /// let size = params.transposed_output_size((1, 2), (1, 2), (0, 0));
    /// let y = x.conv_transpose2d(&w, None, size, &params);
    /// assert_eq!(y.to_vec::<f64>(), [1.0, 10.0, 2.0, 20.0]);
    /// ```
    #[track_caller]
    pub fn conv_transpose2d(
        &self,
        w: &Array,
        b: Option<&Array>,
        output_size: (usize, usize),
        params: &Conv2dParams,
    ) -> Array {
        let operation = "conv_transpose2d";
        let [_, c, ..] = four_axes(operation, "input", self);
        if w.ndim() != 4 || w.shape()[0] != c {
            panic!(
                "{operation}: input {:?} takes a weight of shape [{c}, out / groups, rows, columns], got {:?}",
                self.shape(),
                w.shape()
            );
        }
        let mut y = self.conv2d_input_grad(w, output_size, params);
        let Some(b) = b else { return y };
        let o = y.shape()[1];
        if *b.shape() != [o] {
            panic!(
                "{operation}: the bias takes shape [{o}], got {:?}",
                b.shape()
            );
        }
        let b = b.to_dtype(y.dtype()).to_contiguous();
        let plane = output_size.0 * output_size.1;
        match_dtype!(floats y.dtype(), T => {
            let b = b.as_slice::<T>().expect("contiguous");
            for (i, plane) in y.as_mut_slice::<T>().chunks_exact_mut(plane).enumerate() {
                plane.iter_mut().for_each(|y| *y += b[i % o]);
            }
        }, else unreachable!());
        y
    }
}

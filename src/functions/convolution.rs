//! Convolutions.
//!
//! Three products are linear in each of two operands: the convolution of images with filters, its
//! transpose, and the product of images with the gradient that gives filters. The derivative of each is
//! the other two, so convolutions differentiate to any order without a buffer of windows.

use dezero_array::{Array, Conv2dParams};

use crate::apply::apply_one;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

type Pair = (usize, usize);

fn image_of(x: &Array) -> Pair {
    (x.shape()[2], x.shape()[3])
}

/// The sum over all axes but the channels.
#[track_caller]
fn bias_grad(gy: &Variable) -> Variable {
    gy.sum_axis([0, 2, 3], false)
}

/// Inputs: x, W and, if there is a bias, b.
struct Conv2d {
    params: Conv2dParams,
    /// Sizes that forward saw.
    image: Pair,
    kernel: Pair,
    has_bias: bool,
}

impl Conv2d {
    fn new(params: Conv2dParams) -> Conv2d {
        Conv2d {
            params,
            image: (0, 0),
            kernel: (0, 0),
            has_bias: false,
        }
    }
}

impl Function for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let y = xs[0].conv2d(&xs[1], xs.get(2), &self.params);
        (self.image, self.kernel) = (image_of(&xs[0]), image_of(&xs[1]));
        self.has_bias = xs.len() == 3;
        Outputs::from_iter([y])
    }

    fn multiply_adds(&self, xs: &[Array], ys: &[Array]) -> u64 {
        // Each number of y is a sum over one filter, (channels, kh, kw).
        (ys[0].size() * xs[1].shape()[1..].iter().product::<usize>()) as u64
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::factors(needs_grad)
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let (gy, params) = (context.gy(0), self.params);
        let gx = context.needs_grad(0).then(|| {
            apply_one(
                ConvTranspose2d::new(params, self.image),
                &[&gy, &context.input(1)],
            )
        });
        let gw = context.needs_grad(1).then(|| {
            apply_one(
                Conv2dWeightGrad::new(params, self.kernel),
                &[&context.input(0), &gy],
            )
        });
        if !self.has_bias {
            return [gx, gw].into();
        }
        let gb = context.needs_grad(2).then(|| bias_grad(&gy));
        [gx, gw, gb].into()
    }
}

/// Inputs: x, W and, if there is a bias, b. As a gradient: that of the output, and W.
struct ConvTranspose2d {
    params: Conv2dParams,
    output_size: Pair,
    kernel: Pair,
    has_bias: bool,
}

impl ConvTranspose2d {
    fn new(params: Conv2dParams, output_size: Pair) -> ConvTranspose2d {
        ConvTranspose2d {
            params,
            output_size,
            kernel: (0, 0),
            has_bias: false,
        }
    }
}

impl Function for ConvTranspose2d {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let y = xs[0].conv_transpose2d(&xs[1], xs.get(2), self.output_size, &self.params);
        self.kernel = image_of(&xs[1]);
        self.has_bias = xs.len() == 3;
        Outputs::from_iter([y])
    }

    fn multiply_adds(&self, xs: &[Array], _: &[Array]) -> u64 {
        // Each number of x is spread by one filter, (channels, kh, kw).
        (xs[0].size() * xs[1].shape()[1..].iter().product::<usize>()) as u64
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::factors(needs_grad)
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let (gy, params) = (context.gy(0), self.params);
        let gx = context
            .needs_grad(0)
            .then(|| apply_one(Conv2d::new(params), &[&gy, &context.input(1)]));
        let gw = context.needs_grad(1).then(|| {
            apply_one(
                Conv2dWeightGrad::new(params, self.kernel),
                &[&gy, &context.input(0)],
            )
        });
        if !self.has_bias {
            return [gx, gw].into();
        }
        let gb = context.needs_grad(2).then(|| bias_grad(&gy));
        [gx, gw, gb].into()
    }
}

/// Inputs: x and the gradient of the convolution's output.
struct Conv2dWeightGrad {
    params: Conv2dParams,
    kernel: Pair,
    image: Pair,
}

impl Conv2dWeightGrad {
    fn new(params: Conv2dParams, kernel: Pair) -> Conv2dWeightGrad {
        Conv2dWeightGrad {
            params,
            kernel,
            image: (0, 0),
        }
    }
}

impl Function for Conv2dWeightGrad {
    fn name(&self) -> &'static str {
        "conv2d_weight_grad"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let gw = xs[0].conv2d_weight_grad(&xs[1], self.kernel, &self.params);
        self.image = image_of(&xs[0]);
        Outputs::from_iter([gw])
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::factors(needs_grad)
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let (ggw, params) = (context.gy(0), self.params);
        let gx = context.needs_grad(0).then(|| {
            apply_one(
                ConvTranspose2d::new(params, self.image),
                &[&context.input(1), &ggw],
            )
        });
        let ggy = context
            .needs_grad(1)
            .then(|| apply_one(Conv2d::new(params), &[&context.input(0), &ggw]));
        [gx, ggy].into()
    }
}

/// The operands in their common type: a parameter's gradient comes back in the parameter's type.
#[track_caller]
fn common_type(
    x: impl AsVariable,
    w: impl AsVariable,
    b: Option<&Variable>,
) -> [Option<Variable>; 3] {
    let (x, w) = (x.as_variable(), w.as_variable());
    let dtype = x.dtype().promote(w.dtype());
    [Some(x), Some(w), b.cloned()].map(|operand| {
        operand.map(|operand| {
            if operand.dtype() == dtype || !dtype.is_float() {
                operand
            } else {
                operand.to_dtype(dtype)
            }
        })
    })
}

#[track_caller]
fn apply_with_bias<F: Function>(function: F, operands: [Option<Variable>; 3]) -> Variable {
    match &operands {
        [Some(x), Some(w), Some(b)] => apply_one(function, &[x, w, b]),
        [Some(x), Some(w), None] => apply_one(function, &[x, w]),
        _ => unreachable!("x and W are always there"),
    }
}

/// Two-dimensional convolution; as everywhere in the field, the filter is not flipped.
///
/// y\[n, o, i, j] = b\[o] + Σ over c, k, l of x\[n, c, i·stride + k·dilation - padding, …] ·
/// W\[o, c, k, l]
///
/// Shapes: x (N, C, H, W), w (O, C / groups, KH, KW), b (O); the result is (N, O, OH, OW) with
/// OH = (H + 2 padding - dilation (KH - 1) - 1) / stride + 1, and OW likewise.
///
/// ```
/// use dezero::functions::{self, Conv2dParams};
/// use dezero::{Array, DType};
/// let x = Array::ones([1, 3, 5, 5], DType::F64);
/// let w = Array::ones([8, 3, 3, 3], DType::F64);
/// let params = Conv2dParams { padding: (1, 1), ..Default::default() };
/// let y = functions::conv2d(x, w, None, params);
/// assert_eq!(y.shape()[..], [1, 8, 5, 5]);
/// assert_eq!(y.get((0, 0, 2, 2)).item(), 27.0);
/// ```
///
/// # Panics
/// If the shapes do not fit each other or the parameters, the kernel is larger than the padded
/// image, or the operands are not floats.
#[track_caller]
pub fn conv2d(
    x: impl AsVariable,
    w: impl AsVariable,
    b: Option<&Variable>,
    params: Conv2dParams,
) -> Variable {
    apply_with_bias(Conv2d::new(params), common_type(x, w, b))
}

/// Transposed convolution (`deconv2d` of the book): every pixel of x adds the filter, times its value,
/// to the result. It is the gradient of a convolution with the same parameters.
///
/// Shapes: x (N, C, H, W), w (C, O / groups, KH, KW), b (O); the result is (N, O, OH, OW) with (OH, OW)
/// = `output_size` (the book's `outsize`). Any size will do that convolves to (H, W); without one,
/// OH = (H - 1) stride - 2 padding + dilation (KH - 1) + 1, and OW likewise.
///
/// ```
/// use dezero::functions::{self, Conv2dParams};
/// use dezero::Array;
/// let x = Array::new([[[[1.0, 2.0]]]]);
/// let w = Array::new([[[[1.0, 10.0]]]]);
/// let params = Conv2dParams { stride: (1, 2), ..Default::default() };
/// let y = functions::conv_transpose2d(&x, &w, None, None, params);
/// assert_eq!(y.data().to_vec::<f64>(), [1.0, 10.0, 2.0, 20.0]);
/// let y = functions::conv_transpose2d(&x, &w, None, Some((1, 5)), params);
/// assert_eq!(y.data().to_vec::<f64>(), [1.0, 10.0, 2.0, 20.0, 0.0]);
/// ```
///
/// # Panics
/// If the shapes do not fit each other or the parameters, an image of `output_size` does not convolve to
/// (H, W), or the operands are not floats.
#[track_caller]
pub fn conv_transpose2d(
    x: impl AsVariable,
    w: impl AsVariable,
    b: Option<&Variable>,
    output_size: Option<(usize, usize)>,
    params: Conv2dParams,
) -> Variable {
    let operation = "conv_transpose2d";
    let (x, w) = (x.as_variable(), w.as_variable());
    let (x_shape, w_shape) = (x.shape(), w.shape());
    let &[_, c, rows, columns] = &x_shape[..] else {
        panic!("{operation}: the input takes four axes (N, C, H, W), got {x_shape:?}");
    };
    let &[filters, _, kernel_rows, kernel_columns] = &w_shape[..] else {
        panic!(
            "{operation}: the weight takes four axes (in, out / groups, rows, columns), got {w_shape:?}"
        );
    };
    if filters != c {
        panic!("{operation}: weight {w_shape:?} takes {filters} input channels, got {c}");
    }
    if params.groups == 0 || !c.is_multiple_of(params.groups) {
        panic!(
            "{operation}: {c} input channels do not split into {} groups",
            params.groups
        );
    }
    let kernel = (kernel_rows, kernel_columns);
    let smallest = params.transposed_output_size((rows, columns), kernel, (0, 0));
    let size = output_size.unwrap_or(smallest);
    let fits =
        |size: usize, smallest: usize, stride: usize| (smallest..smallest + stride).contains(&size);
    if !fits(size.0, smallest.0, params.stride.0) || !fits(size.1, smallest.1, params.stride.1) {
        panic!(
            "{operation}: input {:?} and kernel {kernel:?} with stride {:?} give an output of {smallest:?} \
             or less than a stride more, not {size:?}",
            (rows, columns),
            params.stride
        );
    }
    apply_with_bias(ConvTranspose2d::new(params, size), common_type(x, w, b))
}

#[cfg(test)]
mod tests {
    use dezero_array::DType;

    use super::super::sample_images::{images as array, params};
    use crate::functions::{self, Conv2dParams};
    use crate::{Variable, gradient_check};

    gradient_check!(
        conv2d,
        |x, w, b| functions::conv2d(x, w, Some(b), Conv2dParams::default()),
        (array([2, 2, 3, 4], 0.1)),
        (array([3, 2, 2, 3], 0.7)),
        [0.1, -0.2, 0.3]
    );
    gradient_check!(conv2d_uneven: conv2d, |x, w| functions::conv2d(x, w, None, params((2, 1), (1, 2), (1, 1), 1)),
        (array([1, 2, 4, 3], 0.1)), (array([2, 2, 3, 2], 0.7)));
    gradient_check!(conv2d_groups: conv2d, |x, w, b| functions::conv2d(x, w, Some(b), params((1, 2), (1, 0), (2, 1), 2)),
        (array([1, 4, 3, 4], 0.1)), (array([2, 2, 2, 3], 0.7)), [0.1, -0.2]);
    gradient_check!(conv2d_depthwise: conv2d, |x, w| functions::conv2d(x, w, None, params((1, 1), (1, 1), (1, 1), 3)),
        (array([1, 3, 3, 2], 0.1)), (array([3, 1, 3, 2], 0.7)));
    // The last row and column of the input are never reached.
    gradient_check!(conv2d_remainder: conv2d, |x, w| functions::conv2d(x, w, None, params((2, 2), (0, 0), (1, 1), 1)),
        (array([1, 1, 4, 5], 0.1)), (array([1, 1, 3, 2], 0.7)));
    gradient_check!(conv2d_pixelwise: conv2d, |x, w| functions::conv2d(x, w, None, Conv2dParams::default()),
        (array([2, 3, 2, 2], 0.1)), (array([2, 3, 1, 1], 0.7)));
    gradient_check!(conv2d_itself: conv2d, |x| functions::conv2d(x, x, None, params((1, 1), (1, 0), (1, 1), 1)),
        (array([2, 2, 2, 3], 0.1)));

    gradient_check!(
        conv_transpose2d,
        |x, w, b| functions::conv_transpose2d(
            x,
            w,
            Some(b),
            None,
            params((2, 3), (1, 0), (1, 1), 1)
        ),
        (array([2, 2, 2, 3], 0.1)),
        (array([2, 2, 3, 2], 0.7)),
        [0.1, -0.2]
    );
    gradient_check!(conv_transpose2d_size: conv_transpose2d, |x, w| functions::conv_transpose2d(x, w, None, Some((4, 8)), params((2, 3), (1, 1), (1, 2), 2)),
        (array([1, 2, 2, 3], 0.1)), (array([2, 2, 3, 2], 0.7)));

    #[test]
    fn third_derivatives_are_right() {
        let f = |xs: &[Variable]| {
            functions::conv2d(
                xs[0].pow(2),
                xs[1].pow(2),
                None,
                params((1, 2), (1, 0), (1, 1), 1),
            )
        };
        crate::gradient_check(f, &[array([1, 1, 2, 3], 0.1), array([1, 1, 2, 2], 0.7)], 3).unwrap();
    }

    #[test]
    fn gradients_have_the_types_of_the_operands() {
        let w = Variable::new(array([1, 1, 2, 2], 0.7).to_dtype(DType::F32));
        let b = Variable::new([0.5f32]);
        let y = functions::conv2d(
            array([1, 1, 3, 3], 0.1),
            &w,
            Some(&b),
            Conv2dParams::default(),
        );
        assert_eq!(y.dtype(), DType::F64);
        y.backward();
        assert_eq!(w.grad().unwrap().dtype(), DType::F32);
        assert_eq!(b.grad().unwrap().dtype(), DType::F32);
    }

    #[test]
    #[should_panic = "conv2d: kernel (3, 3) with dilation (1, 1) is larger than image (2, 5) with padding (0, 0)"]
    fn refuses_a_kernel_larger_than_the_image() {
        functions::conv2d(
            array([1, 1, 2, 5], 0.1),
            array([1, 1, 3, 3], 0.7),
            None,
            Conv2dParams::default(),
        );
    }

    #[test]
    #[should_panic = "conv2d: stride (0, 1) has a zero"]
    fn refuses_a_stride_of_zero() {
        functions::conv2d(
            array([1, 1, 5, 5], 0.1),
            array([1, 1, 3, 3], 0.7),
            None,
            params((0, 1), (0, 0), (1, 1), 1),
        );
    }

    #[test]
    #[should_panic = "conv2d: weight [4, 2, 3, 3] in 2 groups takes 4 input channels, got 3"]
    fn refuses_channels_that_do_not_fit_the_groups() {
        functions::conv2d(
            array([1, 3, 5, 5], 0.1),
            array([4, 2, 3, 3], 0.7),
            None,
            params((1, 1), (0, 0), (1, 1), 2),
        );
    }

    #[test]
    #[should_panic = "conv_transpose2d: input (2, 2) and kernel (3, 3) with stride (2, 2) give an output of (5, 5) or less than a stride more, not (7, 5)"]
    fn refuses_an_output_size_of_another_input() {
        functions::conv_transpose2d(
            array([1, 1, 2, 2], 0.1),
            array([1, 1, 3, 3], 0.7),
            None,
            Some((7, 5)),
            params((2, 2), (0, 0), (1, 1), 1),
        );
    }
}

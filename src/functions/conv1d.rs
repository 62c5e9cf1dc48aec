//! One-dimensional convolution.

use dezero_array::Conv2dParams;

use super::convolution::conv2d;
use crate::variable::{AsVariable, Variable};

/// How a filter moves over a sequence.
///
/// ```
/// use dezero::functions::Conv1dParams;
/// assert_eq!(Conv1dParams { padding: 1, ..Default::default() }.stride, 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv1dParams {
    /// Steps between windows.
    pub stride: usize,
    /// Zeros at each end of the sequence.
    pub padding: usize,
    /// Steps between the elements of a window.
    pub dilation: usize,
    /// Channels are split into as many groups, each with filters of its own.
    pub groups: usize,
}

impl Default for Conv1dParams {
    /// Stride 1, no padding, no dilation, one group.
    fn default() -> Self {
        Conv1dParams {
            stride: 1,
            padding: 0,
            dilation: 1,
            groups: 1,
        }
    }
}

/// One-dimensional convolution over sequences; see [`conv2d`].
///
/// Shapes: x (N, C, L), w (O, C / groups, K), b (O); the result is (N, O, OL) with
/// OL = (L + 2 padding - dilation (K - 1) - 1) / stride + 1.
///
/// ```
/// use dezero::functions::{self, Conv1dParams};
/// use dezero::Array;
/// let x = Array::new([[[1.0, 2.0, 4.0, 8.0]]]);
/// let w = Array::new([[[-1.0, 1.0]]]);
/// let y = functions::conv1d(x, w, None, Conv1dParams::default());
/// assert_eq!(y.data().to_vec::<f64>(), [1.0, 2.0, 4.0]);
/// ```
///
/// # Panics
/// If the shapes do not fit each other or the parameters, the kernel is larger than the padded
/// sequence, or the operands are not floats.
#[track_caller]
pub fn conv1d(
    x: impl AsVariable,
    w: impl AsVariable,
    b: Option<&Variable>,
    params: Conv1dParams,
) -> Variable {
    let (x, w) = (x.as_variable(), w.as_variable());
    let (x_shape, w_shape) = (x.shape(), w.shape());
    let (&[_, _, length], &[_, _, kernel]) = (&x_shape[..], &w_shape[..]) else {
        panic!(
            "conv1d: takes an input (N, C, L) and a weight (out, in / groups, kernel), got {x_shape:?} and \
             {w_shape:?}"
        );
    };
    let Conv1dParams {
        stride,
        padding,
        dilation,
        groups,
    } = params;
    if stride == 0 || dilation == 0 || kernel == 0 {
        panic!(
            "conv1d: stride {stride}, dilation {dilation} and kernel {kernel} must be at least 1"
        );
    }
    if length + 2 * padding < dilation * (kernel - 1) + 1 {
        panic!(
            "conv1d: kernel {kernel} with dilation {dilation} is larger than a sequence of {length} with \
             padding {padding}"
        );
    }
    let params = Conv2dParams {
        stride: (1, stride),
        padding: (0, padding),
        dilation: (1, dilation),
        groups,
    };
    // One row: the product of matrices sees no difference.
    conv2d(x.expand_dims(2), w.expand_dims(2), b, params).squeeze_axis(2)
}

#[cfg(test)]
mod tests {
    use super::super::sample_images::images as array;
    use crate::functions::{self, Conv1dParams};
    use crate::gradient_check;

    gradient_check!(
        conv1d,
        |x, w, b| functions::conv1d(
            x,
            w,
            Some(b),
            Conv1dParams {
                stride: 2,
                padding: 1,
                dilation: 2,
                groups: 2
            }
        ),
        (array([2, 4, 6], 0.1)),
        (array([2, 2, 3], 0.7)),
        [0.1, -0.2]
    );

    #[test]
    #[should_panic = "conv1d: kernel 4 with dilation 1 is larger than a sequence of 3 with padding 0"]
    fn refuses_a_kernel_longer_than_the_sequence() {
        functions::conv1d(
            array([1, 1, 3], 0.1),
            array([1, 1, 4], 0.7),
            None,
            Conv1dParams::default(),
        );
    }
}

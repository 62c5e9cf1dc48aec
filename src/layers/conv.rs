//! Convolutions as layers.

use dezero_array::{Array, DType};

use super::layer::module;
use super::{Initializer, Layer, Module};
use crate::functions::{self, Conv1dParams, Conv2dParams};
use crate::parameter::Parameter;
use crate::variable::{AsVariable, Variable};

/// Rows and columns: a pair, or one number for both.
pub trait IntoPair {
    /// The two numbers.
    fn into_pair(self) -> (usize, usize);
}

impl IntoPair for usize {
    fn into_pair(self) -> (usize, usize) {
        (self, self)
    }
}

impl IntoPair for (usize, usize) {
    fn into_pair(self) -> (usize, usize) {
        self
    }
}

/// What all convolutions have: weights, drawn when the input channels are known, and a bias.
#[derive(Debug, Layer)]
struct Filters {
    #[layer(name = "W")]
    w: Parameter,
    b: Option<Parameter>,
    out_channels: usize,
    dtype: DType,
    #[layer(skip)]
    initializer: Initializer,
}

impl Filters {
    fn new<const N: usize>(pattern: [Option<usize>; N], out_channels: usize) -> Filters {
        let dtype = DType::F32;
        Filters {
            w: Parameter::deferred(pattern, dtype),
            b: Some(Parameter::new(Array::zeros([out_channels], dtype))),
            out_channels,
            dtype,
            initializer: Initializer::default(),
        }
    }

    fn set_bias(&mut self, bias: bool) {
        self.b = bias.then(|| Parameter::new(Array::zeros([self.out_channels], self.dtype)));
    }

    #[track_caller]
    fn expect_no_weights(&self, layer: &str, setting: &str) {
        if self.w.get().is_some() {
            panic!("{layer}: set {setting} before in_channels, which draws the weights");
        }
    }

    /// Draws the weights unless they are there; `inputs` and `outputs` are the channels that a filter
    /// reads and that a pixel reaches.
    #[track_caller]
    fn draw<const N: usize>(&self, shape: [usize; N], inputs: usize, outputs: usize) {
        if self.w.get().is_none() {
            let size: usize = shape[2..].iter().product();
            let w = self
                .initializer
                .draw(shape, inputs * size, outputs * size, self.w.dtype());
            self.w.initialize(w);
        }
    }
}

/// The channels of one group.
#[track_caller]
fn split(layer: &str, what: &str, channels: usize, groups: usize) -> usize {
    if groups == 0 || !channels.is_multiple_of(groups) {
        panic!("{layer}: {channels} {what} channels do not split into {groups} groups");
    }
    channels / groups
}

/// The settings that all convolutions share.
macro_rules! filter_settings {
    ($Layer:ident, $name:literal) => {
        /// Sets the number of input channels, and draws W now. Other settings come before this one.
        ///
        /// # Panics
        /// If the channels do not split into the groups.
        #[track_caller]
        #[must_use]
        pub fn in_channels(self, in_channels: usize) -> $Layer {
            self.draw(in_channels);
            self
        }

        /// With a bias (as it is from the start) or without.
        #[must_use]
        pub fn bias(mut self, bias: bool) -> $Layer {
            self.filters.set_bias(bias);
            self
        }

        /// Sets the type of the parameters.
        ///
        /// # Panics
        /// If W is drawn already, or `dtype` is not a floating-point type.
        #[track_caller]
        #[must_use]
        pub fn dtype(mut self, dtype: DType) -> $Layer {
            self.filters.expect_no_weights($name, "dtype");
            self.filters.dtype = dtype;
            self.to_dtype(dtype);
            self
        }

        /// Sets how W is drawn.
        ///
        /// # Panics
        /// If W is drawn already.
        #[track_caller]
        #[must_use]
        pub fn initializer(mut self, initializer: Initializer) -> $Layer {
            self.filters.expect_no_weights($name, "initializer");
            self.filters.initializer = initializer;
            self
        }

        /// The weights.
        pub fn w(&self) -> &Parameter {
            &self.filters.w
        }

        /// The bias, (out), if there is one.
        pub fn b(&self) -> Option<&Parameter> {
            self.filters.b.as_ref()
        }
    };
}

/// A setting of the windows.
macro_rules! setting {
    ($Layer:ident, $name:ident: $Given:ty = $value:expr, $documentation:literal) => {
        #[doc = $documentation]
        #[must_use]
        pub fn $name(mut self, $name: $Given) -> $Layer {
            self.params.$name = $value;
            self
        }
    };
}

module!(Conv2d, ConvTranspose2d, Conv1d);

/// Two-dimensional convolution; see [`conv2d`](functions::conv2d).
///
/// Shapes: x (N, C, H, W), the result (N, out, OH, OW). Parameters: `W` (out, C / groups, KH, KW), drawn
/// as `randn / √(C / groups · KH · KW)` unless set otherwise, and `b` (out), zeros. Where the input
/// channels are not given, they are found, and W drawn, at the first call.
///
/// ```
/// use dezero::layers::Conv2d;
/// use dezero::{Array, DType, Layer};
/// let conv = Conv2d::new(8, 3).padding(1).stride((2, 1));
/// let y = conv.forward(Array::ones([4, 3, 10, 10], DType::F32));
/// assert_eq!(&y.shape()[..], &[4, 8, 5, 10]);
/// assert_eq!(conv.num_params(), 8 * 3 * 3 * 3 + 8);
/// ```
#[derive(Debug, Layer)]
pub struct Conv2d {
    #[layer(flatten)]
    filters: Filters,
    kernel_size: (usize, usize),
    #[layer(skip)]
    params: Conv2dParams,
}

impl Conv2d {
    /// `out_channels` filters of `kernel_size` with a bias, stride 1, no padding, in float32.
    pub fn new(out_channels: usize, kernel_size: impl IntoPair) -> Conv2d {
        let kernel_size = kernel_size.into_pair();
        let pattern = [
            Some(out_channels),
            None,
            Some(kernel_size.0),
            Some(kernel_size.1),
        ];
        Conv2d {
            filters: Filters::new(pattern, out_channels),
            kernel_size,
            params: Conv2dParams::default(),
        }
    }

    setting!(Conv2d, stride: impl IntoPair = stride.into_pair(), "Sets the steps between windows.");
    setting!(Conv2d, padding: impl IntoPair = padding.into_pair(), "Sets how many zeros are put around the image, on each side.");
    setting!(Conv2d, dilation: impl IntoPair = dilation.into_pair(), "Sets the steps between the pixels of a window.");

    /// Splits the channels into groups with filters of their own.
    ///
    /// # Panics
    /// If W is drawn already, or the output channels do not split.
    #[track_caller]
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Conv2d {
        self.filters.expect_no_weights("Conv2d", "groups");
        split("Conv2d", "output", self.filters.out_channels, groups);
        self.params.groups = groups;
        self
    }

    filter_settings!(Conv2d, "Conv2d");

    #[track_caller]
    fn draw(&self, in_channels: usize) {
        let (groups, out) = (self.params.groups, self.filters.out_channels);
        let inputs = split("Conv2d", "input", in_channels, groups);
        let shape = [out, inputs, self.kernel_size.0, self.kernel_size.1];
        self.filters.draw(shape, inputs, out / groups);
    }

    /// Applies the layer.
    ///
    /// # Panics
    /// If x has not four axes or other channels than at the first call, or the kernel does not fit.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let x = x.as_variable();
        if self.filters.w.get().is_none() {
            match x.shape()[..] {
                [_, channels, _, _] => self.draw(channels),
                ref shape => panic!("Conv2d: x takes four axes (N, C, H, W), got {shape:?}"),
            }
        }
        functions::conv2d(&x, &self.filters.w, self.filters.b.as_deref(), self.params)
    }
}

/// Transposed convolution (`Deconv2d` of the book); see
/// [`conv_transpose2d`](functions::conv_transpose2d).
///
/// Shapes: x (N, C, H, W), the result (N, out, OH, OW). Parameters: `W` (C, out / groups, KH, KW), drawn as
/// `randn / √(C · KH · KW)` unless set otherwise, and `b` (out), zeros. Where the input channels are not
/// given, they are found, and W drawn, at the first call.
///
/// ```
/// use dezero::layers::ConvTranspose2d;
/// use dezero::{Array, DType};
/// let up = ConvTranspose2d::new(8, 4).stride(2).padding(1);
/// let y = up.forward(Array::ones([1, 3, 10, 10], DType::F32));
/// assert_eq!(&y.shape()[..], &[1, 8, 20, 20]);
/// ```
#[derive(Debug, Layer)]
pub struct ConvTranspose2d {
    #[layer(flatten)]
    filters: Filters,
    kernel_size: (usize, usize),
    #[layer(skip)]
    params: Conv2dParams,
    #[layer(skip)]
    output_size: Option<(usize, usize)>,
}

impl ConvTranspose2d {
    /// Filters of `kernel_size` onto `out_channels` with a bias, stride 1, no padding, in float32.
    pub fn new(out_channels: usize, kernel_size: impl IntoPair) -> ConvTranspose2d {
        let kernel_size = kernel_size.into_pair();
        let pattern = [
            None,
            Some(out_channels),
            Some(kernel_size.0),
            Some(kernel_size.1),
        ];
        ConvTranspose2d {
            filters: Filters::new(pattern, out_channels),
            kernel_size,
            params: Conv2dParams::default(),
            output_size: None,
        }
    }

    setting!(ConvTranspose2d, stride: impl IntoPair = stride.into_pair(), "Sets the steps between the windows that the pixels of x are spread over.");
    setting!(ConvTranspose2d, padding: impl IntoPair = padding.into_pair(), "Sets how many pixels are cut off from the result, on each side.");
    setting!(ConvTranspose2d, dilation: impl IntoPair = dilation.into_pair(), "Sets the steps between the pixels of a window.");

    /// Sets rows and columns of the result (`outsize` of the book), where the stride leaves a choice.
    #[must_use]
    pub fn output_size(mut self, rows: usize, columns: usize) -> ConvTranspose2d {
        self.output_size = Some((rows, columns));
        self
    }

    /// Splits the channels into groups with filters of their own.
    ///
    /// # Panics
    /// If W is drawn already, or the output channels do not split.
    #[track_caller]
    #[must_use]
    pub fn groups(mut self, groups: usize) -> ConvTranspose2d {
        self.filters.expect_no_weights("ConvTranspose2d", "groups");
        let out = self.filters.out_channels;
        let outputs = split("ConvTranspose2d", "output", out, groups);
        let (rows, columns) = self.kernel_size;
        let pattern = [None, Some(outputs), Some(rows), Some(columns)];
        self.filters.w = Parameter::deferred(pattern, self.filters.dtype);
        self.params.groups = groups;
        self
    }

    filter_settings!(ConvTranspose2d, "ConvTranspose2d");

    #[track_caller]
    fn draw(&self, in_channels: usize) {
        let groups = self.params.groups;
        split("ConvTranspose2d", "input", in_channels, groups);
        let outputs = self.filters.out_channels / groups;
        let shape = [in_channels, outputs, self.kernel_size.0, self.kernel_size.1];
        self.filters.draw(shape, in_channels, outputs);
    }

    /// Applies the layer.
    ///
    /// # Panics
    /// If x has not four axes or other channels than at the first call, or the output size does not fit.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let x = x.as_variable();
        if self.filters.w.get().is_none() {
            match x.shape()[..] {
                [_, channels, _, _] => self.draw(channels),
                ref shape => {
                    panic!("ConvTranspose2d: x takes four axes (N, C, H, W), got {shape:?}")
                }
            }
        }
        let (w, b) = (&self.filters.w, self.filters.b.as_deref());
        functions::conv_transpose2d(&x, w, b, self.output_size, self.params)
    }
}

/// One-dimensional convolution over sequences; see [`conv1d`](functions::conv1d).
///
/// Shapes: x (N, C, L), the result (N, out, OL). Parameters: `W` (out, C / groups, K), drawn as
/// `randn / √(C / groups · K)` unless set otherwise, and `b` (out), zeros. Where the input channels are
/// not given, they are found, and W drawn, at the first call.
///
/// ```
/// use dezero::layers::Conv1d;
/// use dezero::{Array, DType};
/// let y = Conv1d::new(8, 3).padding(1).forward(Array::ones([4, 2, 100], DType::F32));
/// assert_eq!(&y.shape()[..], &[4, 8, 100]);
/// ```
#[derive(Debug, Layer)]
pub struct Conv1d {
    #[layer(flatten)]
    filters: Filters,
    kernel_size: usize,
    #[layer(skip)]
    params: Conv1dParams,
}

impl Conv1d {
    /// `out_channels` filters of `kernel_size` with a bias, stride 1, no padding, in float32.
    pub fn new(out_channels: usize, kernel_size: usize) -> Conv1d {
        Conv1d {
            filters: Filters::new([Some(out_channels), None, Some(kernel_size)], out_channels),
            kernel_size,
            params: Conv1dParams::default(),
        }
    }

    setting!(Conv1d, stride: usize = stride, "Sets the steps between windows.");
    setting!(Conv1d, padding: usize = padding, "Sets how many zeros are put at each end of the sequence.");
    setting!(Conv1d, dilation: usize = dilation, "Sets the steps between the elements of a window.");

    /// Splits the channels into groups with filters of their own.
    ///
    /// # Panics
    /// If W is drawn already, or the output channels do not split.
    #[track_caller]
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Conv1d {
        self.filters.expect_no_weights("Conv1d", "groups");
        split("Conv1d", "output", self.filters.out_channels, groups);
        self.params.groups = groups;
        self
    }

    filter_settings!(Conv1d, "Conv1d");

    #[track_caller]
    fn draw(&self, in_channels: usize) {
        let (groups, out) = (self.params.groups, self.filters.out_channels);
        let inputs = split("Conv1d", "input", in_channels, groups);
        self.filters
            .draw([out, inputs, self.kernel_size], inputs, out / groups);
    }

    /// Applies the layer.
    ///
    /// # Panics
    /// If x has not three axes or other channels than at the first call, or the kernel does not fit.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let x = x.as_variable();
        if self.filters.w.get().is_none() {
            match x.shape()[..] {
                [_, channels, _] => self.draw(channels),
                ref shape => panic!("Conv1d: x takes three axes (N, C, L), got {shape:?}"),
            }
        }
        functions::conv1d(&x, &self.filters.w, self.filters.b.as_deref(), self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn draws_its_weights_as_the_book_does() {
        random::seed(0);
        let conv = Conv2d::new(2, (1, 2)).in_channels(3);
        // np.random.seed(0); np.random.randn(2, 3, 1, 2)[0, 0, 0, 0] / np.sqrt(3 * 1 * 2)
        let expected = (1.764052345967664 / 6f64.sqrt()) as f32;
        assert_eq!(conv.w().data().to_vec::<f32>()[0], expected);
        assert_eq!(&conv.w().shape()[..], &[2, 3, 1, 2]);
        let names: Vec<_> = conv
            .named_params()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["W", "b"]);
    }

    #[test]
    fn groups_have_filters_of_their_own() {
        let conv = Conv2d::new(6, 3).groups(3).bias(false);
        let y = conv.forward(Array::ones([1, 3, 5, 6], DType::F32));
        assert_eq!(&y.shape()[..], &[1, 6, 3, 4]);
        assert_eq!(conv.num_params(), 6 * 9);
        let up = ConvTranspose2d::new(6, 2)
            .groups(3)
            .stride(2)
            .output_size(7, 8);
        let y = up.forward(Array::ones([1, 3, 3, 4], DType::F32));
        assert_eq!(&y.shape()[..], &[1, 6, 7, 8]);
        assert_eq!(up.num_params(), 3 * 2 * 4 + 6);
    }

    #[test]
    #[should_panic = "Conv2d: 4 input channels do not split into 3 groups"]
    fn refuses_channels_that_do_not_split() {
        Conv2d::new(6, 3)
            .groups(3)
            .forward(Array::ones([1, 4, 5, 5], DType::F32));
    }

    #[test]
    #[should_panic = "conv2d: weight [6, 4, 3, 3] in 1 groups takes 4 input channels, got 3"]
    fn refuses_other_channels_than_at_the_first_call() {
        let conv = Conv2d::new(6, 3).in_channels(4);
        conv.forward(Array::ones([1, 3, 5, 5], DType::F32));
    }
}

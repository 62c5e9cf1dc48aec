//! [`Linear`]: a fully connected layer.

use dezero_array::{Array, DType};

use super::layer::module;
use super::{Initializer, Layer, Module};
use crate::functions;
use crate::functions::linear::{SharedWeight, linear_of_shared};
use crate::parameter::Parameter;
use crate::variable::{AsVariable, Variable};

/// y = x W + b, a fully connected layer.
///
/// Shapes: x (…, in), y (…, out). Parameters: `W` (in, out), drawn as `randn(in, out) / √in` unless
/// set otherwise, and `b` (out), zeros. Where the input size is not given, it is found, and W
/// drawn, at the first call.
///
/// ```
/// use dezero::layers::Linear;
/// use dezero::{Array, DType, Layer};
/// let l = Linear::new(10);
/// let y = l.forward(Array::ones([4, 3], DType::F32));
/// assert_eq!(&y.shape()[..], &[4, 10]);
/// assert_eq!(l.num_params(), 40);
/// ```
#[derive(Debug, Layer)]
pub struct Linear {
    #[layer(name = "W")]
    w: Parameter,
    b: Option<Parameter>,
    out_size: usize,
    dtype: DType,
    #[layer(skip)]
    initializer: Initializer,
}

impl Linear {
    /// A layer with `out_size` outputs and a bias, in float32.
    pub fn new(out_size: usize) -> Linear {
        let dtype = DType::F32;
        Linear {
            w: Parameter::deferred([None, Some(out_size)], dtype),
            b: Some(Parameter::new(Array::zeros([out_size], dtype))),
            out_size,
            dtype,
            initializer: Initializer::default(),
        }
    }

    /// Sets the number of inputs, and draws W now. Other settings come before this one.
    #[must_use]
    pub fn in_size(self, in_size: usize) -> Linear {
        self.w.initialize(self.draw(in_size));
        self
    }

    /// With a bias (as it is from the start) or without.
    #[must_use]
    pub fn bias(mut self, bias: bool) -> Linear {
        self.b = bias.then(|| Parameter::new(Array::zeros([self.out_size], self.dtype)));
        self
    }

    /// Sets the type of the parameters.
    ///
    /// # Panics
    /// If W is drawn already, or `dtype` is not a floating-point type.
    #[track_caller]
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Linear {
        self.expect_no_weights("dtype");
        self.dtype = dtype;
        self.to_dtype(dtype);
        self
    }

    /// Sets how W is drawn.
    ///
    /// # Panics
    /// If W is drawn already.
    #[track_caller]
    #[must_use]
    pub fn initializer(mut self, initializer: Initializer) -> Linear {
        self.expect_no_weights("initializer");
        self.initializer = initializer;
        self
    }

    /// Draws the weights unless they are there.
    pub(crate) fn draw_for(&self, in_size: usize) {
        self.w.get_or_init(|| self.draw(in_size));
    }

    /// The weights, (in, out).
    pub fn w(&self) -> &Parameter {
        &self.w
    }

    /// The bias, (out), if there is one.
    pub fn b(&self) -> Option<&Parameter> {
        self.b.as_ref()
    }

    /// Applies the layer.
    ///
    /// # Panics
    /// If the last axis of `x` has not the input size.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let x = x.as_variable();
        self.draw_if_first(&x);
        functions::linear(&x, &self.w, self.b.as_deref())
    }

    /// [`forward`](Linear::forward), for a layer that a graph goes through many times.
    #[track_caller]
    pub(super) fn forward_shared(&self, x: &Variable, shared: &SharedWeight) -> Variable {
        self.draw_if_first(x);
        linear_of_shared(x, &self.w, self.b.as_deref(), shared)
    }

    #[track_caller]
    fn draw_if_first(&self, x: &Variable) {
        if self.w.get().is_none() {
            let shape = x.shape();
            let Some(&in_size) = shape.last() else {
                panic!("Linear: x needs an axis of inputs, got a zero-dimensional variable");
            };
            self.draw_for(in_size);
        }
    }

    #[track_caller]
    fn expect_no_weights(&self, setting: &str) {
        if self.w.get().is_some() {
            panic!("Linear: set {setting} before in_size, which draws the weights");
        }
    }

    fn draw(&self, in_size: usize) -> Array {
        let shape = [in_size, self.out_size];
        self.initializer
            .draw(shape, in_size, self.out_size, self.w.dtype())
    }
}

module!(Linear);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn draws_its_weights_as_the_book_does() {
        random::seed(0);
        let l = Linear::new(3);
        l.forward(Array::ones([1, 2], DType::F32));
        // np.random.seed(0); np.random.randn(2, 3)
        let drawn = [
            1.764052345967664f64,
            0.4001572083672233,
            0.9787379841057392,
            2.240893199201458,
            1.8675579901499675,
            -0.977277879876411,
        ];
        let expected = drawn.map(|x| (x / 2f64.sqrt()) as f32);
        assert_eq!(l.w().data().to_vec::<f32>(), expected);
        random::seed(0);
        let l = Linear::new(3).dtype(DType::F64).in_size(2);
        assert_eq!(
            l.w().data().to_vec::<f64>()[0],
            1.764052345967664 / 2f64.sqrt()
        );
        assert_eq!(l.b().unwrap().dtype(), DType::F64);
    }

    #[test]
    fn has_no_bias_where_none_is_wanted() {
        let l = Linear::new(3).bias(false);
        let y = l.forward(Array::zeros([2, 5, 4], DType::F32));
        assert_eq!(&y.shape()[..], &[2, 5, 3]);
        assert_eq!(l.named_params().len(), 1);
        assert_eq!(l.num_params(), 12);
    }

    #[test]
    #[should_panic(expected = "linear: inner dimensions differ: [1, 3] x [2, 4]")]
    fn refuses_another_input_size() {
        Linear::new(4)
            .in_size(2)
            .forward(Array::zeros([1, 3], DType::F32));
    }

    #[test]
    #[should_panic(expected = "set dtype before in_size")]
    fn refuses_settings_after_the_weights_are_drawn() {
        let _ = Linear::new(4).in_size(2).dtype(DType::F64);
    }
}

//! [`Mlp`]: fully connected layers with an activation between them.

use std::fmt;

use dezero_array::DType;

use crate::layers::{Activation, Layer, Linear, Module, Visitor};
use crate::variable::{AsVariable, Variable};

/// Fully connected layers with an activation between them: `MLP` of the book.
///
/// Shapes: x (…, in), the result (…, last size). The input size is found at the first call.
/// Parameters: `l0/W`, `l0/b`, `l1/W`, …
///
/// ```
/// use dezero::models::Mlp;
/// use dezero::{Array, DType, Layer, Variable};
/// let model = Mlp::new([10, 3]).activation(Variable::tanh);
/// assert_eq!(&model.forward(Array::ones([30, 2], DType::F32)).shape()[..], &[30, 3]);
/// assert_eq!(model.num_params(), 2 * 10 + 10 + 10 * 3 + 3);
/// ```
pub struct Mlp {
    layers: Vec<Linear>,
    activation: Activation,
}

impl Mlp {
    /// A layer for each of the sizes, with sigmoids between them, in float32.
    pub fn new(sizes: impl AsRef<[usize]>) -> Mlp {
        Mlp {
            layers: sizes
                .as_ref()
                .iter()
                .map(|&size| Linear::new(size))
                .collect(),
            activation: Activation::new(Variable::sigmoid),
        }
    }

    /// Sets the activation.
    #[must_use]
    pub fn activation(
        mut self,
        activation: impl Fn(&Variable) -> Variable + Send + Sync + 'static,
    ) -> Mlp {
        self.activation = Activation::new(activation);
        self
    }

    /// Sets the type of the parameters.
    ///
    /// # Panics
    /// If weights are drawn already, or `dtype` is not a floating-point type.
    #[track_caller]
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Mlp {
        let mut layers = Vec::with_capacity(self.layers.len());
        for layer in self.layers {
            layers.push(layer.dtype(dtype));
        }
        self.layers = layers;
        self
    }

    /// The fully connected layers.
    pub fn layers(&self) -> &[Linear] {
        &self.layers
    }

    /// Applies the network.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let mut x = x.as_variable();
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = self.activation.forward(&x);
            }
            x = layer.forward(&x);
        }
        x
    }
}

impl Layer for Mlp {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        for (i, layer) in self.layers.iter().enumerate() {
            visitor.field(&format!("l{i}"), layer);
        }
    }
}

impl Module for Mlp {
    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        Mlp::forward(self, x)
    }
}

impl fmt::Debug for Mlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mlp").field("layers", &self.layers).finish()
    }
}

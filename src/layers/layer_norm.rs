//! [`LayerNorm`]: normalisation of each sample.

use dezero_array::DType;

use super::affine::{Affine, affine_settings};
use super::layer::module;
use super::{Layer, Module};
use crate::functions;
use crate::parameter::Parameter;
use crate::variable::{AsVariable, Variable};

/// (x - mean) / √(variance + eps) · gamma + beta over the last axis: the normalisation of
/// transformers.
///
/// Shapes: x (…, n), the result as x. Parameters: `gamma` (n), ones, and `beta` (n), zeros; n is
/// found at the first call.
///
/// ```
/// use dezero::layers::LayerNorm;
/// use dezero::{Array, Variable};
/// let y = LayerNorm::new().eps(0.0).forward(Array::new([[1.0f32, 3.0], [-20.0, 20.0]]));
/// assert_eq!(y.data().to_vec::<f32>(), [-1.0, 1.0, -1.0, 1.0]);
/// ```
#[derive(Debug, Layer)]
pub struct LayerNorm {
    #[layer(flatten)]
    affine: Affine,
    eps: f64,
}

impl LayerNorm {
    /// A normalisation whose size is found at the first call, in float32.
    #[allow(clippy::new_without_default)] // no other layer has a default
    pub fn new() -> LayerNorm {
        LayerNorm {
            affine: Affine::new(),
            eps: 1e-5,
        }
    }

    /// Sets what is added to the variance (1e-5).
    #[must_use]
    pub fn eps(mut self, eps: f64) -> LayerNorm {
        self.eps = eps;
        self
    }

    affine_settings!(LayerNorm, "element of the last axis");

    /// Applies the layer.
    ///
    /// # Panics
    /// If the last axis of `x` has not the size of the first call.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let x = x.as_variable();
        let shape = x.shape();
        let Some(&n) = shape.last() else {
            panic!("LayerNorm: x needs an axis, got a zero-dimensional variable");
        };
        let (gamma, beta) = self.affine.get(n);
        functions::layer_norm(&x, gamma, beta, self.eps)
    }
}

module!(LayerNorm);

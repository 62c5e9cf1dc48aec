//! [`GroupNorm`]: normalisation of groups of channels of each sample.

use dezero_array::DType;

use super::affine::{Affine, affine_settings};
use super::layer::module;
use super::{Layer, Module};
use crate::functions;
use crate::parameter::Parameter;
use crate::variable::{AsVariable, Variable};

/// (x - mean) / √(variance + eps) · gamma + beta with mean and variance of each sample over groups of
/// channels; the same in training and tests.
///
/// Shapes: x (N, C, …), the result as x. Parameters: `gamma` (C), ones, and `beta` (C), zeros; C is found
/// at the first call.
///
/// ```
/// use dezero::layers::GroupNorm;
/// use dezero::Array;
/// let y = GroupNorm::new(2).eps(0.0).forward(Array::new([[1.0f32, 3.0, 10.0, 30.0]]));
/// assert_eq!(y.data().to_vec::<f32>(), [-1.0, 1.0, -1.0, 1.0]);
/// ```
#[derive(Debug, Layer)]
pub struct GroupNorm {
    #[layer(flatten)]
    affine: Affine,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// A normalisation of `groups` groups whose channels are found at the first call, in float32.
    pub fn new(groups: usize) -> GroupNorm {
        GroupNorm {
            affine: Affine::new(),
            groups,
            eps: 1e-5,
        }
    }

    /// Sets what is added to the variance (1e-5).
    #[must_use]
    pub fn eps(mut self, eps: f64) -> GroupNorm {
        self.eps = eps;
        self
    }

    affine_settings!(GroupNorm, "channel");

    /// Applies the layer.
    ///
    /// # Panics
    /// If x has fewer than two axes or other channels than at the first call, or the channels do not
    /// split into the groups.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let x = x.as_variable();
        let shape = x.shape();
        let &[_, channels, ..] = &shape[..] else {
            panic!("GroupNorm: x takes two axes (N, C) or more, got {shape:?}");
        };
        let (gamma, beta) = self.affine.get(channels);
        functions::group_norm(&x, self.groups, gamma, beta, self.eps)
    }
}

module!(GroupNorm);

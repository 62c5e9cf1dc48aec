//! [`BatchNorm`]: normalisation of channels over the batch.

use dezero_array::{Array, DType};

use super::affine::{Affine, affine_settings};
use super::layer::module;
use super::{Layer, Module};
use crate::config::{is_replaying, is_training};
use crate::functions;
use crate::parameter::{Buffer, Parameter};
use crate::variable::{AsVariable, Variable};

/// (x - mean) / √(variance + eps) · gamma + beta over each channel: the batch's statistics in training,
/// running ones in [`test_mode`](crate::test_mode).
///
/// Shapes: x (N, C, …), the result as x. Parameters: `gamma` (C), ones, and `beta` (C), zeros; buffers:
/// `avg_mean` (C), zeros, and `avg_var` (C), ones; C is found at the first call. Each call in training
/// moves the buffers: new = (1 - momentum) old + momentum · batch, with the batch's variance corrected
/// to n / (n - 1). PyTorch counts momentum the same way; the book's `decay` is 1 - momentum.
///
/// ```
/// use dezero::layers::BatchNorm;
/// use dezero::{Array, test_mode};
/// let bn = BatchNorm::new().eps(0.0);
/// let x = Array::new([[1.0f32], [3.0]]);
/// assert_eq!(bn.forward(&x).data().to_vec::<f32>(), [-1.0, 1.0]);
/// assert_eq!(bn.avg_mean().data().to_vec::<f32>(), [0.2]); // 0.9 · 0 + 0.1 · 2
/// let y = test_mode(|| bn.forward(&x)); // (x - 0.2) / √1.1
/// assert!((y.data().to_vec::<f32>()[0] - 0.762770).abs() < 1e-6);
/// ```
#[derive(Debug, Layer)]
pub struct BatchNorm {
    avg_mean: Buffer,
    avg_var: Buffer,
    #[layer(flatten)]
    affine: Affine,
    eps: f64,
    momentum: f64,
}

impl BatchNorm {
    /// A normalisation whose channels are found at the first call, in float32, with the book's eps
    /// 2e-5 and momentum 0.1.
    #[allow(clippy::new_without_default)] // no other layer has a default
    pub fn new() -> BatchNorm {
        let dtype = DType::F32;
        BatchNorm {
            avg_mean: Buffer::deferred([None], dtype),
            avg_var: Buffer::deferred([None], dtype),
            affine: Affine::new(),
            eps: 2e-5,
            momentum: 0.1,
        }
    }

    /// Sets what is added to the variance (2e-5 as in the book; PyTorch has 1e-5).
    #[must_use]
    pub fn eps(mut self, eps: f64) -> BatchNorm {
        self.eps = eps;
        self
    }

    /// Sets the weight of a batch in the running statistics (0.1).
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> BatchNorm {
        self.momentum = momentum;
        self
    }

    affine_settings!(BatchNorm, "channel");

    /// The running mean.
    pub fn avg_mean(&self) -> &Buffer {
        &self.avg_mean
    }

    /// The running variance.
    pub fn avg_var(&self) -> &Buffer {
        &self.avg_var
    }

    /// Applies the layer, and in training moves the running statistics.
    ///
    /// # Panics
    /// If x has fewer than two axes or other channels than at the first call, and in training if there
    /// is not more than one number for each channel.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let x = x.as_variable();
        let shape = x.shape();
        let &[_, channels, ..] = &shape[..] else {
            panic!("BatchNorm: x takes two axes (N, C) or more, got {shape:?}");
        };
        let (gamma, beta) = self.affine.get(channels);
        let mean = self
            .avg_mean
            .get_or_init(|| Array::zeros([channels], DType::F32));
        let var = self
            .avg_var
            .get_or_init(|| Array::ones([channels], DType::F32));
        if !is_training() {
            return functions::fixed_batch_norm(&x, gamma, beta, &mean, &var, self.eps);
        }
        let (y, batch) = functions::batch_norm(&x, gamma, beta, self.eps);
        if is_replaying() {
            return y;
        }
        let correction = batch.count as f64 / (batch.count - 1) as f64;
        let (old, new) = (1.0 - self.momentum, self.momentum);
        self.avg_mean.set_data(mean * old + batch.mean * new);
        self.avg_var
            .set_data(var * old + batch.var * (new * correction));
        y
    }
}

module!(BatchNorm);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_mode;

    #[test]
    fn tests_leave_the_running_statistics_alone() {
        let bn = BatchNorm::new();
        let x = Array::new([[1.0f32, 5.0], [3.0, 9.0]]);
        bn.forward(&x);
        let before = bn.weights();
        test_mode(|| bn.forward(&x));
        assert_eq!(before, bn.weights());
        let names: Vec<_> = before.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["avg_mean", "avg_var", "gamma", "beta"]);
    }

    #[test]
    fn one_sample_is_enough_in_tests() {
        let y = test_mode(|| BatchNorm::new().forward(Array::new([[1.0f32, 5.0]])));
        assert_eq!(&y.shape()[..], &[1, 2]);
    }

    #[test]
    #[should_panic = "batch_norm: training takes more than one number for each channel, got x of shape [1, 2]"]
    fn refuses_to_train_on_one_sample() {
        BatchNorm::new().forward(Array::new([[1.0f32, 5.0]]));
    }
}

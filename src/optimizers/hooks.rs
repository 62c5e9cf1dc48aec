//! Hooks: what happens to gradients before an update.

use crate::layers::Layer;
use crate::parameter::Parameter;

/// Looks at, and may change, the gradients before an update.
///
/// A closure is one too:
///
/// ```
/// use dezero::Parameter;
/// use dezero::optimizers::Sgd;
/// let x = Parameter::new([1.0]);
/// let negated = |params: &[Parameter]| {
///     for x in params {
///         x.set_grad(-x.grad().unwrap());
///     }
/// };
/// let mut optimizer = Sgd::new(0.5).setup(&x).with_hook(negated);
/// x.square().sum().backward();
/// optimizer.update();
/// assert_eq!(x.item(), 2.0);
/// ```
pub trait Hook: Send {
    /// Is shown the parameters that have a gradient.
    fn before_update(&self, params: &[Parameter]);
}

impl<F: Fn(&[Parameter]) + Send> Hook for F {
    fn before_update(&self, params: &[Parameter]) {
        self(params);
    }
}

/// Adds `rate` times the parameter to its gradient: the gradient of rate / 2 · ‖x‖².
#[derive(Clone, Debug)]
pub struct WeightDecay {
    rate: f64,
}

impl WeightDecay {
    /// Decay by `rate`.
    pub fn new(rate: f64) -> WeightDecay {
        WeightDecay { rate }
    }
}

impl Hook for WeightDecay {
    fn before_update(&self, params: &[Parameter]) {
        for x in params {
            if let Some(gradient) = x.grad() {
                x.set_grad(gradient.data() + x.data() * self.rate);
            }
        }
    }
}

/// Scales all gradients down so that their norm, taken over all parameters together, is at most
/// `max_norm`.
#[derive(Clone, Debug)]
pub struct ClipGrad {
    max_norm: f64,
}

impl ClipGrad {
    /// Norms up to `max_norm` pass.
    pub fn new(max_norm: f64) -> ClipGrad {
        ClipGrad { max_norm }
    }
}

impl Hook for ClipGrad {
    fn before_update(&self, params: &[Parameter]) {
        let mut sum = 0.0;
        for gradient in params.iter().filter_map(|x| x.grad()) {
            let gradient = gradient.data();
            sum += (&gradient * &gradient).sum().item();
        }
        // As DeZero and PyTorch: what is added keeps the quotient finite.
        let scale = self.max_norm / (sum.sqrt() + 1e-6);
        if scale < 1.0 {
            for x in params {
                if let Some(gradient) = x.grad() {
                    x.set_grad(gradient.data() * scale);
                }
            }
        }
    }
}

/// Keeps parameters as they are, by dropping their gradients.
///
/// Add it before hooks that should not see those gradients, such as [`ClipGrad`].
///
/// ```
/// use dezero::Parameter;
/// use dezero::optimizers::{FreezeParam, Sgd};
/// let model = (Parameter::new([1.0]), Parameter::new([1.0]));
/// let mut optimizer = Sgd::new(0.5).setup(&model).with_hook(FreezeParam::new(&model.0));
/// (&model.0 * &model.1).sum().backward();
/// optimizer.update();
/// assert_eq!((model.0.item(), model.1.item()), (1.0, 0.5));
/// ```
pub struct FreezeParam {
    frozen: Vec<Parameter>,
}

impl FreezeParam {
    /// Keeps all parameters of `layer`.
    pub fn new(layer: &dyn Layer) -> FreezeParam {
        FreezeParam {
            frozen: layer.params(),
        }
    }
}

impl Hook for FreezeParam {
    fn before_update(&self, _: &[Parameter]) {
        for x in self.frozen.iter().filter_map(Parameter::get) {
            x.clear_grad();
        }
    }
}

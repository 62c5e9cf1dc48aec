//! The update rules. Formulas and defaults are PyTorch's; where DeZero's differ, it is said.

use dezero_array::{AdamStep, Array};

use super::optimizer::{Optimizer, Rule, Step};
use crate::layers::Layer;

/// What all rules have: `setup`, and the learning rate.
macro_rules! learning_rate {
    () => {
        fn learning_rate(&self) -> f64 {
            self.lr
        }

        fn set_learning_rate(&mut self, learning_rate: f64) {
            self.lr = learning_rate;
        }
    };
}

macro_rules! setup {
    ($($Rule:ident),*) => {$(
        impl $Rule {
            /// An optimizer of all parameters of `model`, also of those that get their value later.
            pub fn setup(self, model: &dyn Layer) -> Optimizer<$Rule> {
                Optimizer::new(self, model)
            }
        }
    )*};
}
setup!(Sgd, Momentum, AdaGrad, AdaDelta, RmsProp, Adam, AdamW);

/// Sets a field of a rule in a chain.
macro_rules! settings {
    ($Rule:ident: $($(#[$doc:meta])* $field:ident: $t:ty),*) => {
        impl $Rule {$(
            $(#[$doc])*
            #[must_use]
            pub fn $field(mut self, $field: $t) -> $Rule {
                self.$field = $field;
                self
            }
        )*}
    };
}

/// Gradient descent: x ← x - lr g.
#[derive(Clone, Debug)]
pub struct Sgd {
    lr: f64,
}

impl Sgd {
    /// Gradient descent with the learning rate `lr`.
    pub fn new(lr: f64) -> Sgd {
        Sgd { lr }
    }
}

impl Rule for Sgd {
    learning_rate!();

    fn name(&self) -> &'static str {
        "sgd"
    }

    fn update(&self, x: &mut Array, step: Step<'_>) {
        x.sgd_step(step.gradient, self.lr);
    }
}

/// Gradient descent with momentum: v ← momentum v + g, x ← x - lr v; with `nesterov`
/// x ← x - lr (g + momentum v).
///
/// DeZero's `MomentumSGD` keeps v ← momentum v - lr g instead: the same numbers while lr stays.
#[derive(Clone, Debug)]
pub struct Momentum {
    lr: f64,
    momentum: f64,
    nesterov: bool,
}

impl Momentum {
    /// Momentum of 0.9.
    pub fn new(lr: f64) -> Momentum {
        Momentum {
            lr,
            momentum: 0.9,
            nesterov: false,
        }
    }
}

settings!(Momentum:
    /// Sets the share of the old velocity (0.9).
    momentum: f64,
    /// Looks ahead, as Nesterov.
    nesterov: bool
);

impl Rule for Momentum {
    learning_rate!();

    fn name(&self) -> &'static str {
        "momentum"
    }

    fn states(&self) -> &'static [&'static str] {
        &["v"]
    }

    fn update(&self, x: &mut Array, step: Step<'_>) {
        let [v] = step.states else {
            unreachable!("one state")
        };
        x.momentum_step(step.gradient, v, self.lr, self.momentum, self.nesterov);
    }
}

/// AdaGrad: h ← h + g², x ← x - lr g / (√h + eps).
///
/// The default eps is PyTorch's 1e-10; DeZero's is 1e-8.
#[derive(Clone, Debug)]
pub struct AdaGrad {
    lr: f64,
    eps: f64,
}

impl AdaGrad {
    /// AdaGrad with eps 1e-10.
    pub fn new(lr: f64) -> AdaGrad {
        AdaGrad { lr, eps: 1e-10 }
    }
}

settings!(AdaGrad:
    /// Sets what keeps the quotient finite (1e-10).
    eps: f64
);

impl Rule for AdaGrad {
    learning_rate!();

    fn name(&self) -> &'static str {
        "adagrad"
    }

    fn states(&self) -> &'static [&'static str] {
        &["h"]
    }

    fn update(&self, x: &mut Array, step: Step<'_>) {
        let [h] = step.states else {
            unreachable!("one state")
        };
        x.adagrad_step(step.gradient, h, self.lr, self.eps);
    }
}

/// AdaDelta: s ← rho s + (1 - rho) g², d = √((u + eps) / (s + eps)) g, u ← rho u + (1 - rho) d²,
/// x ← x - lr d.
///
/// The defaults are PyTorch's: lr 1, rho 0.9, eps 1e-6. DeZero's rho is 0.95.
#[derive(Clone, Debug)]
pub struct AdaDelta {
    lr: f64,
    rho: f64,
    eps: f64,
}

impl AdaDelta {
    /// AdaDelta with rho 0.9 and eps 1e-6; the usual `lr` is 1.
    pub fn new(lr: f64) -> AdaDelta {
        AdaDelta {
            lr,
            rho: 0.9,
            eps: 1e-6,
        }
    }
}

settings!(AdaDelta:
    /// Sets the share of the old means (0.9).
    rho: f64,
    /// Sets what keeps the quotient finite (1e-6).
    eps: f64
);

impl Rule for AdaDelta {
    learning_rate!();

    fn name(&self) -> &'static str {
        "adadelta"
    }

    fn states(&self) -> &'static [&'static str] {
        &["s", "u"]
    }

    fn update(&self, x: &mut Array, step: Step<'_>) {
        let [s, u] = step.states else {
            unreachable!("two states")
        };
        x.adadelta_step(step.gradient, s, u, self.lr, self.rho, self.eps);
    }
}

/// RMSprop: s ← alpha s + (1 - alpha) g², x ← x - lr g / (√s + eps).
///
/// With [`centered`](RmsProp::centered), m ← alpha m + (1 - alpha) g, and √(s - m²), the standard deviation of the
/// gradients, stands for √s. With [`momentum`](RmsProp::momentum), v ← momentum v + the quotient, and x ← x - lr v.
///
/// ```
/// use dezero::Parameter;
/// use dezero::optimizers::RmsProp;
/// let x = Parameter::new([1.0, -2.0]);
/// let mut optimizer = RmsProp::new(0.01).centered(true).momentum(0.9).setup(&x);
/// x.square().sum().backward();
/// optimizer.update();
/// assert!(x.data().to_vec::<f64>()[0] < 1.0);
/// ```
#[derive(Clone, Debug)]
pub struct RmsProp {
    lr: f64,
    alpha: f64,
    eps: f64,
    momentum: f64,
    centered: bool,
}

impl RmsProp {
    /// RMSprop with alpha 0.99 and eps 1e-8, not centered, without momentum.
    pub fn new(lr: f64) -> RmsProp {
        RmsProp {
            lr,
            alpha: 0.99,
            eps: 1e-8,
            momentum: 0.0,
            centered: false,
        }
    }
}

settings!(RmsProp:
    /// Sets the share of the old mean of squares (0.99).
    alpha: f64,
    /// Sets what keeps the quotient finite (1e-8).
    eps: f64,
    /// Sets the share of the old velocity (0).
    momentum: f64,
    /// Divides by the standard deviation of the gradients instead of their root mean square.
    centered: bool
);

impl Rule for RmsProp {
    learning_rate!();

    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn states(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum != 0.0) {
            (false, false) => &["s"],
            (false, true) => &["s", "v"],
            (true, false) => &["s", "m"],
            (true, true) => &["s", "m", "v"],
        }
    }

    fn update(&self, x: &mut Array, step: Step<'_>) {
        let g = step.gradient;
        let (s, m, v) = match step.states {
            [s] => return x.rmsprop_step(g, s, self.lr, self.alpha, self.eps),
            [s, m, v] => (s, Some(m), Some(v)),
            [s, m] if self.centered => (s, Some(m), None),
            [s, v] => (s, None, Some(v)),
            _ => unreachable!("one to three states"),
        };
        let rest = 1.0 - self.alpha;
        *s = &*s * self.alpha + g * g * rest;
        let mut scale = s.clone();
        if let Some(m) = m {
            *m = &*m * self.alpha + g * rest;
            // Rounding makes the variance of equal gradients negative.
            scale = (scale - &*m * &*m).clip(0.0, f64::INFINITY);
        }
        let direction = g / (scale.sqrt() + self.eps);
        match v {
            Some(v) => x.momentum_step(&direction, v, self.lr, self.momentum, false),
            None => x.sgd_step(&direction, self.lr),
        }
    }
}

/// Adam: m ← beta1 m + (1 - beta1) g, v ← beta2 v + (1 - beta2) g²,
/// x ← x - lr m̂ / (√v̂ + eps), where m̂ = m / (1 - beta1ᵗ) and v̂ = v / (1 - beta2ᵗ).
///
/// DeZero adds eps to √v before the correction of the bias, as the first version of the paper; with
/// eps 1e-8 that is a difference in the last digits, except where gradients are tiny.
#[derive(Clone, Debug)]
pub struct Adam {
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
}

impl Adam {
    /// Adam with betas 0.9 and 0.999, and eps 1e-8; the usual `lr` is 0.001.
    pub fn new(lr: f64) -> Adam {
        Adam {
            lr,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
        }
    }

    fn step(&self, t: u64, decay: f64) -> AdamStep {
        let t = t as f64;
        AdamStep {
            step_size: self.lr / (1.0 - self.beta1.powf(t)),
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.eps,
            root_correction: (1.0 - self.beta2.powf(t)).sqrt(),
            decay,
        }
    }
}

settings!(Adam:
    /// Sets the share of the old mean of gradients (0.9).
    beta1: f64,
    /// Sets the share of the old mean of squared gradients (0.999).
    beta2: f64,
    /// Sets what keeps the quotient finite (1e-8).
    eps: f64
);

impl Rule for Adam {
    learning_rate!();

    fn name(&self) -> &'static str {
        "adam"
    }

    fn states(&self) -> &'static [&'static str] {
        &["m", "v"]
    }

    fn update(&self, x: &mut Array, step: Step<'_>) {
        let [m, v] = step.states else {
            unreachable!("two states")
        };
        x.adam_step(step.gradient, m, v, self.step(step.t, 1.0));
    }
}

/// Adam with decoupled weight decay: x ← (1 - lr weight_decay) x before each step of [`Adam`].
#[derive(Clone, Debug)]
pub struct AdamW {
    adam: Adam,
    weight_decay: f64,
}

impl AdamW {
    /// AdamW with betas 0.9 and 0.999, eps 1e-8 and weight decay 0.01.
    pub fn new(lr: f64) -> AdamW {
        AdamW {
            adam: Adam::new(lr),
            weight_decay: 0.01,
        }
    }

    /// Sets the share of the old mean of gradients (0.9).
    #[must_use]
    pub fn beta1(mut self, beta1: f64) -> AdamW {
        self.adam.beta1 = beta1;
        self
    }

    /// Sets the share of the old mean of squared gradients (0.999).
    #[must_use]
    pub fn beta2(mut self, beta2: f64) -> AdamW {
        self.adam.beta2 = beta2;
        self
    }

    /// Sets what keeps the quotient finite (1e-8).
    #[must_use]
    pub fn eps(mut self, eps: f64) -> AdamW {
        self.adam.eps = eps;
        self
    }
}

settings!(AdamW:
    /// Sets how fast parameters shrink (0.01).
    weight_decay: f64
);

impl Rule for AdamW {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn states(&self) -> &'static [&'static str] {
        &["m", "v"]
    }

    fn learning_rate(&self) -> f64 {
        self.adam.lr
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.adam.lr = learning_rate;
    }

    fn update(&self, x: &mut Array, step: Step<'_>) {
        let [m, v] = step.states else {
            unreachable!("two states")
        };
        let decay = 1.0 - self.adam.lr * self.weight_decay;
        x.adam_step(step.gradient, m, v, self.adam.step(step.t, decay));
    }
}

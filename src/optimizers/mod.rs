//! Optimizers: how parameters follow their gradients.
//!
//! ```
//! use dezero::optimizers::Sgd;
//! use dezero::{Parameter, Variable};
//!
//! let x = Parameter::new([3.0]);
//! let mut optimizer = Sgd::new(0.1).setup(&x);
//! for _ in 0..100 {
//!     let loss = x.square().sum();
//!     optimizer.clear_grads();
//!     loss.backward();
//!     optimizer.update();
//! }
//! assert!(x.item().abs() < 1e-8);
//! ```

mod hooks;
mod optimizer;
mod rules;
mod schedules;

pub use hooks::{ClipGrad, FreezeParam, Hook, WeightDecay};
pub use optimizer::{Optimizer, Rule, Step};
pub use rules::{AdaDelta, AdaGrad, Adam, AdamW, Momentum, RmsProp, Sgd};
pub use schedules::{
    CosineSchedule, ExponentialSchedule, MultiStepSchedule, Schedule, StepSchedule, WarmUp,
};

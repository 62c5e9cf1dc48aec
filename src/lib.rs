//! A define-by-run deep learning framework that differentiates to any order.
//!
//! Running a computation builds its graph; [`Variable::backward`] differentiates it; the derivative
//! can be differentiated again.
//!
//! ```
//! use dezero::{Variable, grad};
//!
//! let x = Variable::new(2.0);
//! let y = x.pow(4) - 2.0 * x.pow(2);
//! let gx = grad(&[&y], &[&x], true).remove(0);
//! let ggx = grad(&[&gx], &[&x], false).remove(0);
//! assert_eq!((gx.item(), ggx.item()), (24.0, 44.0)); // 4x³ - 4x, 12x² - 4
//! ```

// `#[derive(Layer)]` names this crate from outside and from inside alike.
extern crate self as dezero;

mod ancestors;
mod apply;
mod backprop;
mod config;
mod creator;
pub mod data;
mod derivatives;
mod error;
mod frontier;
mod function;
pub mod functions;
mod gradient_check;
mod graph_picture;
pub mod layers;
pub mod models;
mod node;
mod operators;
pub mod optimizers;
mod parameter;
#[cfg(feature = "plot")]
pub mod plots;
mod profile;

mod summary;
mod table;
pub mod training;
mod variable;
mod watch;
pub mod weights;

pub use apply::apply;
pub use backprop::{BackwardOptions, grad, grad_with};
pub use config::{
    detect_anomaly, enable_grad, find_anomaly, is_recording, is_training, keep_inputs, no_grad,
    test_mode,
};
pub use creator::{Creator, Origin, WeakCreator};
pub use derivatives::{hessian, hvp, jacobian, jvp, vjp};
pub use dezero_array::{Array, DType, Device, Shape, random, s};
pub use error::{Error, Result};
pub use function::{Backward, Function, Gradients, Keep, Outputs};
pub use gradient_check::{GradientMismatch, gradient_check, numerical_grad};
pub use graph_picture::{GraphOptions, graph_svg, plot_graph, plot_graph_with, to_dot};
pub use layers::{Layer, Module};
pub use operators::Scalar;
pub use optimizers::Optimizer;
pub use parameter::{Buffer, Parameter, ShapePattern, State};
pub use profile::{Profile, ProfileRow, profile};
pub use summary::{Summary, SummaryRow, summary, summary_with};
pub use training::Progress;
pub use variable::{AsVariable, HookHandle, Variable, WeakVariable};

/// The programs of the README run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

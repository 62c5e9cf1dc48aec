//! Training you can watch, stop and resume.
//!
//! Each part works in a plain `for` loop.

mod checkpoint;
mod early_stopping;
mod folder_lock;
mod gradient_accumulation;
pub mod metrics;
mod progress;
mod resumable;
mod sparkline;

pub use checkpoint::{Checkpoint, Checkpoints};
pub use early_stopping::EarlyStopping;
pub use gradient_accumulation::GradientAccumulation;
pub use progress::Progress;
pub use resumable::{ProcessRandom, Resumable, StateReader};

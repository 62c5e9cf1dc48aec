//! DeZero for Rust.

pub mod data;
mod error;
mod progress;

pub use dezero_array::{Array, DType, random};
pub use error::{Error, Result};
pub use progress::Progress;

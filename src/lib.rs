//! DeZero for Rust.

pub mod data;
mod error;

pub use dezero_array::{Array, DType, random};
pub use error::{Error, Result};

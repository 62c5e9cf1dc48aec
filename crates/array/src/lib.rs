//! N-dimensional arrays without gradients: the NumPy of DeZero for Rust.

mod array;
mod buffer;
mod cpu;
mod device;
mod dtype;
mod layout;
mod literal;
mod matmul;
pub mod random;
mod views;

pub use array::Array;
pub use buffer::release_pool;
pub use device::Device;
pub use dtype::{DType, Element};
pub use layout::{Shape, Strides, broadcast_shape, size_of_shape};
pub use literal::Literal;

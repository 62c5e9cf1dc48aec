//! N-dimensional arrays without gradients: the NumPy of DeZero for Rust.

mod arithmetic;
mod array;
mod axes;
mod buffer;
mod compare;
mod cpu;
mod device;
mod dtype;
mod elementwise;
mod layout;
mod literal;
mod matmul;
mod number;
pub mod random;
mod reduce;
mod views;

pub use arithmetic::Scalar;
pub use array::Array;
pub use axes::Axes;
pub use buffer::release_pool;
pub use device::Device;
pub use dtype::{DType, Element};
pub use layout::{Shape, Strides, broadcast_shape, size_of_shape};
pub use literal::Literal;

//! N-dimensional arrays without gradients: the NumPy of DeZero for Rust.

mod arithmetic;
mod array;
mod atomic_file;
mod axes;
mod buffer;
mod compare;
mod cpu;
mod device;
mod dtype;
mod elementwise;
mod error;
mod layout;
mod literal;
mod matmul;
pub mod npy;
pub mod npz;
mod number;
mod print;
pub mod random;
mod reduce;
pub mod safetensors;
mod stored_type;
mod views;

pub use arithmetic::Scalar;
pub use array::Array;
pub use atomic_file::write_atomically;
pub use axes::Axes;
pub use buffer::release_pool;
pub use device::Device;
pub use dtype::{DType, Element};
pub use error::{Error, ErrorKind};
pub use layout::{Shape, Strides, broadcast_shape, size_of_shape};
pub use literal::Literal;

//! N-dimensional arrays without gradients: the NumPy of DeZero for Rust.

mod activation;
mod arithmetic;
mod array;
mod atomic_file;
mod axes;
mod batch_norm;
mod buffer;
mod compare;
mod convolution;
mod cpu;
mod creation;
mod cumulate;
mod device;
mod diagonal;
mod dtype;
mod elements;
mod elementwise;
mod equality;
mod error;
mod gather;
mod index;
mod join;
mod layer_norm;
mod layout;
mod literal;
mod matmul;
#[cfg(feature = "ndarray")]
mod ndarray_conversion;
pub mod npy;
pub mod npz;
mod number;
mod optimize;
mod pooling;
mod print;
pub mod random;
pub mod recurrent;
mod reduce;
#[cfg(test)]
mod reference_tests;
pub mod safetensors;
mod softmax;
mod sort;
mod stored_type;
mod upsampling;
mod views;

pub use arithmetic::{Operand, Scalar};
pub use array::Array;
pub use atomic_file::{remove_leftovers, write_atomically};
pub use axes::Axes;
pub use buffer::release_pool;
pub use convolution::Conv2dParams;
pub use creation::RangeNumber;
pub use device::Device;
pub use dtype::{DType, Element};
pub use elements::Elements;
pub use error::{Error, ErrorKind};
pub use index::{Ellipsis, Index, Indices, NewAxis, Slice};
pub use join::Sections;
pub use layout::{Shape, Strides, broadcast_shape, size_of_shape};
pub use literal::Literal;
#[cfg(feature = "ndarray")]
pub use ndarray_conversion::ConversionError;
pub use optimize::AdamStep;
pub use pooling::Pool2dParams;
pub use upsampling::Interpolation;
pub use views::{IntoShape, Size};

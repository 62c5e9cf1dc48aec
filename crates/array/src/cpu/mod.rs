//! The CPU: every kernel family of the array crate.

pub(crate) mod batch_norm;
pub(crate) mod convolution;
pub(crate) mod copy;
pub(crate) mod correlation;
pub(crate) mod dispatch;
pub(crate) mod gather;
pub(crate) mod kernel;

pub(crate) mod map;
pub(crate) mod matmul;
pub(crate) mod nest;
pub(crate) mod optimize;
pub(crate) mod panels;
pub(crate) mod pooling;
pub(crate) mod recurrent;
pub(crate) mod recurrent_sequence;
pub(crate) mod reduce;
pub(crate) mod reduce_kernels;
pub(crate) mod simd;
pub(crate) mod softmax;
pub(crate) mod threads;
pub(crate) mod tile;
pub(crate) mod transpose;
pub(crate) mod upsampling;
pub(crate) mod vector_math;
mod vector_matrix;
pub(crate) mod weight_gradient;
pub(crate) mod winograd;
pub(crate) mod zip;

//! The CPU: every kernel family of the array crate.

pub(crate) mod copy;
pub(crate) mod matmul;
// Kernels that arrays do not call yet.
#[allow(dead_code)]
pub(crate) mod reduce_kernels;
#[allow(dead_code)]
pub(crate) mod simd;
#[allow(dead_code)]
pub(crate) mod vector_math;

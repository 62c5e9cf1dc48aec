//! The CPU: every kernel family of the array crate.

pub(crate) mod copy;
pub(crate) mod matmul;

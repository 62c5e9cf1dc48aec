//! The operations, grouped by theme; each lives in one place: forward, backward, documentation and
//! gradient check together.
//!
//! Operations on one tensor are methods of [`Variable`]; those that join several are functions
//! here.

pub(crate) mod arithmetic;
mod elementary;
mod reduction;
mod shape;
mod unary;

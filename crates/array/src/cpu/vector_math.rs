//! exp, log, tanh, sin, erf ... for f32 and f64, written so that loops over them become SIMD.
//!
//! Each function is plain arithmetic and selects, without branches, calls or tables, and `#[inline(always)]`:
//! inside a loop of [`simd`](super::simd) the compiler turns it into vector code. Infinities, NaN, signed zeros
//! and subnormal numbers are handled as in C. No fused multiply-add: results are the same bits on every machine.
//!
//! The f32 `exp` and `tanh` are polynomials of our own, without a division inside. The other algorithms and
//! coefficients are those of FreeBSD's msun (fdlibm), whose notice reads:
//! "Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved. Permission to use, copy, modify, and
//! distribute this software is freely granted, provided that this notice is preserved."

// The digits of the coefficients are kept as published.
#![allow(clippy::excessive_precision, clippy::approx_constant)]

mod error_function;
mod exponential;
mod real;
#[cfg(test)]
mod tests;
mod trigonometry;

pub(crate) use error_function::erf;
pub(crate) use exponential::{exp, expm1, log, log1p, pow, sigmoid, softplus, tanh};
pub(crate) use real::Real;
pub(crate) use trigonometry::{cos, sin, tan};

//! What kernels compute with: [`Number`] for arithmetic, [`Float`] for functions.

use crate::Element;
use crate::cpu::vector_math::{self, Real};

/// Arithmetic of one element; integers wrap.
pub(crate) trait Number: Element {
    const ONE: Self;
    /// No number is below it.
    const LOWEST: Self;
    /// No number is above it.
    const HIGHEST: Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn is_nan(self) -> bool;
    /// NaN if one of the two is.
    fn maximum(self, other: Self) -> Self;
    /// NaN if one of the two is.
    fn minimum(self, other: Self) -> Self;
    fn neg(self) -> Self;
    fn abs(self) -> Self;
    /// -1, 0 or 1; NaN of NaN.
    fn sign(self) -> Self;
    /// The larger of `self` and 0; NaN of NaN.
    fn relu(self) -> Self;
    /// Exponentiation by repeated multiplication.
    #[inline(always)]
    fn power(self, mut exponent: u64) -> Self {
        let mut result = Self::ONE;
        let mut square = self;
        loop {
            if exponent & 1 == 1 {
                result = result.mul(square);
            }
            exponent >>= 1;
            if exponent == 0 {
                return result;
            }
            square = square.mul(square);
        }
    }
}

impl Number for i64 {
    const ONE: i64 = 1;
    const LOWEST: i64 = i64::MIN;
    const HIGHEST: i64 = i64::MAX;
    #[inline(always)]
    fn add(self, other: i64) -> i64 {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn sub(self, other: i64) -> i64 {
        self.wrapping_sub(other)
    }
    #[inline(always)]
    fn mul(self, other: i64) -> i64 {
        self.wrapping_mul(other)
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        false
    }
    #[inline(always)]
    fn maximum(self, other: i64) -> i64 {
        self.max(other)
    }
    #[inline(always)]
    fn minimum(self, other: i64) -> i64 {
        self.min(other)
    }
    #[inline(always)]
    fn neg(self) -> i64 {
        self.wrapping_neg()
    }
    #[inline(always)]
    fn abs(self) -> i64 {
        self.wrapping_abs()
    }
    #[inline(always)]
    fn sign(self) -> i64 {
        self.signum()
    }
    #[inline(always)]
    fn relu(self) -> i64 {
        self.max(0)
    }
}

/// Functions of one float.
pub(crate) trait Float: Number + Real {
    fn div(self, other: Self) -> Self;
    fn is_finite(self) -> bool;
    fn is_inf(self) -> bool;
    fn exp(self) -> Self;
    fn exp_m1(self) -> Self;
    fn log(self) -> Self;
    fn log1p(self) -> Self;
    fn sqrt(self) -> Self;
    fn tanh(self) -> Self;
    fn erf(self) -> Self;
    fn sigmoid(self) -> Self;
    fn softplus(self) -> Self;
    fn floor(self) -> Self;
    fn ceil(self) -> Self;
    /// To the nearest integer, halves to the even one.
    fn round(self) -> Self;
    fn powf(self, exponent: Self) -> Self;
    /// To a whole power, rounded once: what NumPy's `pow` gives, apart from rare last digits.
    fn powi(self, exponent: u64) -> Self;
}

macro_rules! float {
    ($($t:ident),*) => {$(
        impl Number for $t {

            const ONE: $t = 1.0;
            const LOWEST: $t = $t::NEG_INFINITY;
            const HIGHEST: $t = $t::INFINITY;
            #[inline(always)]
            fn add(self, other: $t) -> $t {
                self + other
            }
            #[inline(always)]
            fn sub(self, other: $t) -> $t {
                self - other
            }
            #[inline(always)]
            fn mul(self, other: $t) -> $t {
                self * other
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $t::is_nan(self)
            }
            #[inline(always)]
            fn maximum(self, other: $t) -> $t {
                if (self >= other) | self.is_nan() { self } else { other }
            }
            #[inline(always)]
            fn minimum(self, other: $t) -> $t {
                if (self <= other) | self.is_nan() { self } else { other }
            }
            #[inline(always)]
            fn neg(self) -> $t {
                -self
            }
            #[inline(always)]
            fn abs(self) -> $t {
                $t::abs(self)
            }
            #[inline(always)]
            fn sign(self) -> $t {
                if (self == 0.0) | self.is_nan() { self } else { $t::copysign(1.0, self) }
            }
            #[inline(always)]
            fn relu(self) -> $t {
                // NaN is not below 0, so it stays.
                if self < 0.0 { 0.0 } else { self }
            }
        }

        impl Float for $t {

            #[inline(always)]
            fn div(self, other: $t) -> $t {
                self / other
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
            #[inline(always)]
            fn is_inf(self) -> bool {
                $t::is_infinite(self)
            }
            #[inline(always)]
            fn exp(self) -> $t {
                vector_math::exp(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> $t {
                vector_math::expm1(self)
            }
            #[inline(always)]
            fn log(self) -> $t {
                vector_math::log(self)
            }
            #[inline(always)]
            fn log1p(self) -> $t {
                vector_math::log1p(self)
            }
            #[inline(always)]
            fn sqrt(self) -> $t {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn tanh(self) -> $t {
                vector_math::tanh(self)
            }
            #[inline(always)]
            fn erf(self) -> $t {
                vector_math::erf(self)
            }
            #[inline(always)]
            fn sigmoid(self) -> $t {
                vector_math::sigmoid(self)
            }
            #[inline(always)]
            fn softplus(self) -> $t {
                vector_math::softplus(self)
            }
            #[inline(always)]
            fn floor(self) -> $t {
                $t::floor(self)
            }
            #[inline(always)]
            fn ceil(self) -> $t {
                $t::ceil(self)
            }
            #[inline(always)]
            fn round(self) -> $t {
                $t::round_ties_even(self)
            }
            #[inline(always)]
            fn powf(self, exponent: $t) -> $t {
                vector_math::pow(self, exponent)
            }
            #[inline(always)]
            fn powi(self, exponent: u64) -> $t {
                Powi::powi(self, exponent)
            }
        }
    )*};
}
float!(f32, f64);

trait Powi {
    fn powi(self, exponent: u64) -> Self;
}

impl Powi for f32 {
    #[inline(always)]
    fn powi(self, exponent: u64) -> f32 {
        f64::from(self).power(exponent) as f32
    }
}

impl Powi for f64 {
    /// Repeated multiplication that carries along what each product rounds away.
    #[inline(always)]
    fn powi(self, mut exponent: u64) -> f64 {
        let plain = self.power(exponent);
        let (mut result, mut square) = ((1.0, 0.0), (self, 0.0));
        loop {
            if exponent & 1 == 1 {
                result = product_with_error(result, square);
            }
            exponent >>= 1;
            if exponent == 0 {
                break;
            }
            square = product_with_error(square, square);
        }
        // Where the error itself overflows the plain product is all there is.
        if f64::is_finite(result.0) {
            result.0
        } else {
            plain
        }
    }
}

/// 26 and 27 bits of a number, so that products of halves are exact.
#[inline(always)]
fn halves(x: f64) -> (f64, f64) {
    let scaled = x * 134_217_729.0;
    let high = scaled - (scaled - x);
    (high, x - high)
}

/// The product of two numbers, each the sum of a large and a small part, as such a sum (Dekker).
#[inline(always)]
fn product_with_error((a, a_low): (f64, f64), (b, b_low): (f64, f64)) -> (f64, f64) {
    let p = a * b;
    let ((ah, al), (bh, bl)) = (halves(a), halves(b));
    let error = (ah * bh - p) + ah * bl + al * bh + al * bl + (a * b_low + a_low * b);
    let sum = p + error;
    (sum, error - (sum - p))
}

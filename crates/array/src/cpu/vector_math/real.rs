//! The types that the functions are computed in, with their coefficients.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::error_function::erf_f64;
use super::exponential::{expm1, pow_f32};
use super::trigonometry::{flip, kernel_cos, kernel_sin, kernel_tan, quarter_turns};

/// A floating-point type: the arithmetic that the functions below are written in, and their coefficients.
pub(crate) trait Real:
    Copy
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    const ZERO: Self;
    const ONE: Self;
    const TWO: Self;
    const HALF: Self;
    const INFINITY: Self;
    const NAN: Self;
    const MIN_POSITIVE: Self;

    /// 1.5 * 2^(mantissa bits): adding it rounds to an integer, which then lies in the low bits.
    const ROUND: Self;
    const LOG2_E: Self;
    const LN2_HI: Self;
    const LN2_LO: Self;
    /// ln 2 split for `exp`, whose quotient has more digits than the exponent of a logarithm.
    const EXP_LN2_HI: Self;
    const EXP_LN2_LO: Self;
    /// Below it `exp` is 0, above `EXP_MAX` it is infinite.
    const EXP_MIN: Self;
    const EXP_MAX: Self;
    /// Below it `expm1` is -1.
    const EXPM1_MIN: Self;
    /// Lifts any subnormal number into the normal range, and its exponent.
    const LIFT: Self;
    const LIFT_EXPONENT: Self;
    /// 2 to `LONG` is too large for a unit to matter beside it.
    const LONG: Self;

    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    fn from_f64(x: f64) -> Self;

    /// `x * 2^k`, in two steps so that neither overflow nor a subnormal result is early.
    /// `k` is in the low bits of `k_rounded`, which came from adding `ROUND`.
    fn scale(self, k_rounded: Self) -> Self;
    /// `2^k` for `k` in the normal range, given as in `scale`.
    fn two_to(k_rounded: Self) -> Self;
    /// `m` in [√½, √2) and an integer `e` with `x = m * 2^e`, for a positive normal `x`.
    fn split(self) -> (Self, Self);

    /// `e^r - 1 - r` for |r| up to ln(2) / 2.
    fn exp_rest(r: Self) -> Self;
    /// Polynomial parts; the arguments are named as in fdlibm.
    fn expm1_poly(hxs: Self) -> Self;
    fn log_poly(z: Self) -> Self;

    // Named apart from the methods of f32 and f64, which would be called instead.
    fn vector_tanh(self) -> Self;
    fn vector_sin(self) -> Self;
    fn vector_cos(self) -> Self;
    fn vector_tan(self) -> Self;
    fn vector_erf(self) -> Self;
    fn vector_pow(self, exponent: Self) -> Self;

    /// From this magnitude on `sin`, `cos` and `tan` here are wrong, and the `exact_` forms must be used.
    const TRIG_MAX: Self;
    fn exact_sin(self) -> Self;
    fn exact_cos(self) -> Self;
    fn exact_tan(self) -> Self;
}

macro_rules! real_arithmetic {
    ($T:ident, $Bits:ident, $mantissa:literal, $bias:literal, sqrt_half = $sqrt_half:literal) => {
        const ZERO: $T = 0.0;
        const ONE: $T = 1.0;
        const TWO: $T = 2.0;
        const HALF: $T = 0.5;
        const INFINITY: $T = $T::INFINITY;
        const NAN: $T = $T::NAN;
        const MIN_POSITIVE: $T = $T::MIN_POSITIVE;
        const ROUND: $T = 1.5 * (1u64 << $mantissa) as $T;
        const LOG2_E: $T = std::$T::consts::LOG2_E;

        #[inline(always)]
        fn abs(self) -> $T {
            $T::abs(self)
        }

        #[inline(always)]
        fn sqrt(self) -> $T {
            $T::sqrt(self)
        }

        #[inline(always)]
        fn from_f64(x: f64) -> $T {
            x as $T
        }

        #[inline(always)]
        fn scale(self, k_rounded: $T) -> $T {
            // Twice the bias keeps both halves of k positive.
            let k = k_rounded
                .to_bits()
                .wrapping_sub(Self::ROUND.to_bits() - 2 * $bias);
            let half = k >> 1;
            let rest = k.wrapping_sub(half);
            self * $T::from_bits(half << $mantissa) * $T::from_bits(rest << $mantissa)
        }

        #[inline(always)]
        fn two_to(k_rounded: $T) -> $T {
            let k = k_rounded
                .to_bits()
                .wrapping_sub(Self::ROUND.to_bits() - $bias);
            $T::from_bits(k << $mantissa)
        }

        #[inline(always)]
        fn split(self) -> ($T, $T) {
            const ONE_BITS: $Bits = $T::to_bits(1.0);
            let bits = self.to_bits().wrapping_add(ONE_BITS - $sqrt_half);
            let m = (bits & ((1 << $mantissa) - 1)).wrapping_add($sqrt_half);
            // The exponent becomes a number by setting it as the low bits of 2^mantissa.
            const TWO_TO_MANTISSA: $T = (1u64 << $mantissa) as $T;
            let e = $T::from_bits((bits >> $mantissa) | TWO_TO_MANTISSA.to_bits());
            ($T::from_bits(m), e - (TWO_TO_MANTISSA + $bias as $T))
        }
    };
}

impl Real for f64 {
    real_arithmetic!(f64, u64, 52, 1023, sqrt_half = 0x3fe6_a09e_0000_0000);

    const LN2_HI: f64 = 6.93147180369123816490e-01;
    const LN2_LO: f64 = 1.90821492927058770002e-10;
    const EXP_LN2_HI: f64 = Self::LN2_HI;
    const EXP_LN2_LO: f64 = Self::LN2_LO;
    const EXP_MIN: f64 = -746.0;
    const EXP_MAX: f64 = 710.0;
    const EXPM1_MIN: f64 = -40.0;
    const LIFT: f64 = (1u64 << 54) as f64;
    const LIFT_EXPONENT: f64 = 54.0;
    const LONG: f64 = 60.0;

    #[inline(always)]
    fn exp_rest(r: f64) -> f64 {
        const P1: f64 = 1.66666666666666019037e-01;
        const P2: f64 = -2.77777777770155933842e-03;
        const P3: f64 = 6.61375632143793436117e-05;
        const P4: f64 = -1.65339022054652515390e-06;
        const P5: f64 = 4.13813679705723846039e-08;
        let xx = r * r;
        let c = r - xx * (P1 + xx * (P2 + xx * (P3 + xx * (P4 + xx * P5))));
        r * c / (2.0 - c)
    }

    #[inline(always)]
    fn expm1_poly(hxs: f64) -> f64 {
        const Q1: f64 = -3.33333333333331316428e-02;
        const Q2: f64 = 1.58730158725481460165e-03;
        const Q3: f64 = -7.93650757867487942473e-05;
        const Q4: f64 = 4.00821782732936239552e-06;
        const Q5: f64 = -2.01099218183624371326e-07;
        1.0 + hxs * (Q1 + hxs * (Q2 + hxs * (Q3 + hxs * (Q4 + hxs * Q5))))
    }

    #[inline(always)]
    fn log_poly(z: f64) -> f64 {
        const LG1: f64 = 6.666666666666735130e-01;
        const LG2: f64 = 3.999999999940941908e-01;
        const LG3: f64 = 2.857142874366239149e-01;
        const LG4: f64 = 2.222219843214978396e-01;
        const LG5: f64 = 1.818357216161805012e-01;
        const LG6: f64 = 1.531383769920937332e-01;
        const LG7: f64 = 1.479819860511658591e-01;
        let w = z * z;
        let t1 = w * (LG2 + w * (LG4 + w * LG6));
        let t2 = z * (LG1 + w * (LG3 + w * (LG5 + w * LG7)));
        t2 + t1
    }

    #[inline(always)]
    fn vector_tanh(self) -> f64 {
        let x = self.abs();
        let x = if x > 22.0 { 22.0 } else { x };
        let small = x < 0.2554128;
        let large = x > 0.5493061443340549;
        let t = expm1(if small { -2.0 * x } else { 2.0 * x });
        let q = (if large { 2.0 } else { t.abs() }) / (t + 2.0);
        (if large { 1.0 - q } else { q }).copysign(self)
    }

    #[inline(always)]
    fn vector_sin(self) -> f64 {
        let (quarter, r, tail) = quarter_turns(self);
        let (s, c) = (kernel_sin(r, tail), kernel_cos(r, tail));
        let y = flip(if quarter & 1 == 0 { s } else { c }, quarter & 2);
        if self == 0.0 { self } else { y }
    }

    #[inline(always)]
    fn vector_cos(self) -> f64 {
        let (quarter, r, tail) = quarter_turns(self);
        let (s, c) = (kernel_sin(r, tail), kernel_cos(r, tail));
        flip(
            if quarter & 1 == 0 { c } else { s },
            quarter.wrapping_add(1) & 2,
        )
    }

    #[inline(always)]
    fn vector_tan(self) -> f64 {
        let (quarter, r, tail) = quarter_turns(self);
        let y = kernel_tan(r, tail, quarter & 1 != 0);
        if self == 0.0 { self } else { y }
    }

    #[inline(always)]
    fn vector_erf(self) -> f64 {
        erf_f64(self)
    }

    #[inline(always)]
    fn vector_pow(self, exponent: f64) -> f64 {
        f64::powf(self, exponent)
    }

    // 2^20 quarter turns: beyond, the product with the first 33 bits of pi/2 is not exact.
    const TRIG_MAX: f64 = 1.6e6;

    fn exact_sin(self) -> f64 {
        f64::sin(self)
    }

    fn exact_cos(self) -> f64 {
        f64::cos(self)
    }

    fn exact_tan(self) -> f64 {
        f64::tan(self)
    }
}

impl Real for f32 {
    real_arithmetic!(f32, u32, 23, 127, sqrt_half = 0x3f35_04f3);

    const LN2_HI: f32 = 6.9313812256e-01;
    const LN2_LO: f32 = 9.0580006145e-06;
    const EXP_LN2_HI: f32 = 6.9314575195e-01;
    const EXP_LN2_LO: f32 = 1.4286067653e-06;
    const EXP_MIN: f32 = -105.0;
    const EXP_MAX: f32 = 89.0;
    const EXPM1_MIN: f32 = -19.0;
    const LIFT: f32 = (1u32 << 25) as f32;
    const LIFT_EXPONENT: f32 = 25.0;
    const LONG: f32 = 30.0;

    #[inline(always)]
    fn exp_rest(r: f32) -> f32 {
        // The largest error relative to `e^r - 1` is 1.4e-8.
        const P0: f32 = 0.5;
        const P1: f32 = 0.16666542;
        const P2: f32 = 0.04166628;
        const P3: f32 = 0.008366631;
        const P4: f32 = 0.0013946531;
        r * r * (P0 + r * (P1 + r * (P2 + r * (P3 + r * P4))))
    }

    #[inline(always)]
    fn expm1_poly(hxs: f32) -> f32 {
        const Q1: f32 = -3.3333212137e-2;
        const Q2: f32 = 1.5807170421e-3;
        1.0 + hxs * (Q1 + hxs * Q2)
    }

    #[inline(always)]
    fn log_poly(z: f32) -> f32 {
        const LG1: f32 = 0.66666662693;
        const LG2: f32 = 0.40000972152;
        const LG3: f32 = 0.28498786688;
        const LG4: f32 = 0.24279078841;
        let w = z * z;
        z * (LG1 + w * LG3) + w * (LG2 + w * LG4)
    }

    /// t / (t + 2) where t = e^2x - 1.
    #[inline(always)]
    fn vector_tanh(self) -> f32 {
        let x = self.abs();
        let doubled = 2.0 * if x > 10.0 { 10.0 } else { x };
        let k_rounded = doubled * Self::LOG2_E + Self::ROUND;
        let k = k_rounded - Self::ROUND;
        let r = (doubled - k * Self::EXP_LN2_HI) - k * Self::EXP_LN2_LO;
        let power = Self::two_to(k_rounded);
        let t = power * (r + Self::exp_rest(r)) + (power - 1.0);
        (t / (t + 2.0)).copysign(self)
    }

    // In double precision, as fdlibm's own float versions: no error to compensate.
    #[inline(always)]
    fn vector_sin(self) -> f32 {
        f64::from(self).vector_sin() as f32
    }

    #[inline(always)]
    fn vector_cos(self) -> f32 {
        f64::from(self).vector_cos() as f32
    }

    #[inline(always)]
    fn vector_tan(self) -> f32 {
        f64::from(self).vector_tan() as f32
    }

    #[inline(always)]
    fn vector_erf(self) -> f32 {
        erf_f64(f64::from(self)) as f32
    }

    #[inline(always)]
    fn vector_pow(self, exponent: f32) -> f32 {
        pow_f32(self, exponent)
    }

    const TRIG_MAX: f32 = 1.6e6;

    fn exact_sin(self) -> f32 {
        f32::sin(self)
    }

    fn exact_cos(self) -> f32 {
        f32::cos(self)
    }

    fn exact_tan(self) -> f32 {
        f32::tan(self)
    }
}

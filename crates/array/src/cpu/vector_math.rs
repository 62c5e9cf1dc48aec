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

use std::ops::{Add, Div, Mul, Neg, Sub};

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

/// `e^x`, within 1 ulp.
#[inline(always)]
pub(crate) fn exp<T: Real>(x: T) -> T {
    let low = if x < T::EXP_MIN { T::EXP_MIN } else { x };
    let x = if low > T::EXP_MAX { T::EXP_MAX } else { low };
    let k_rounded = x * T::LOG2_E + T::ROUND;
    let k = k_rounded - T::ROUND;
    let hi = x - k * T::EXP_LN2_HI;
    let lo = k * T::EXP_LN2_LO;
    let r = hi - lo;
    let rest = T::exp_rest(r);
    // 1 + r + rest, with what `r` and the first sum lost: without it exp(1) is one digit off.
    let sum = T::ONE + r;
    let lost = ((T::ONE - sum) + r) + ((hi - r) - lo);
    (sum + (rest + lost)).scale(k_rounded)
}

/// `e^x - 1`, exact near 0, within 1 ulp.
#[inline(always)]
pub(crate) fn expm1<T: Real>(x: T) -> T {
    let three = T::ONE + T::TWO;
    let low = if x < T::EXPM1_MIN { T::EXPM1_MIN } else { x };
    let v = if low > T::EXP_MAX { T::EXP_MAX } else { low };
    let k_rounded = v * T::LOG2_E + T::ROUND;
    let k = k_rounded - T::ROUND;
    let hi = v - k * T::LN2_HI;
    let lo = k * T::LN2_LO;
    let r = hi - lo;
    let c = (hi - r) - lo;
    let hfx = T::HALF * r;
    let hxs = r * hfx;
    let r1 = T::expm1_poly(hxs);
    let t = three - r1 * hfx;
    let e = hxs * ((r1 - t) / (three + three - r * t));
    let e = (r * (e - c) - c) - hxs;
    // 2^k (1 + r - e) - 1 = 2^k ((1 - 2^-k) + (r - e)).
    let one_less = T::ONE - T::two_to(T::ROUND - if k > T::LONG { T::LONG } else { k });
    let y = (one_less + (r - e)).scale(k_rounded);
    if x == T::ZERO { x } else { y }
}

/// `ln(m 2^e + correction)`, where `f = m - 1`.
#[inline(always)]
fn log_of_parts<T: Real>(f: T, e: T, correction: T) -> T {
    let hfsq = T::HALF * f * f;
    let s = f / (T::TWO + f);
    let r = T::log_poly(s * s);
    s * (hfsq + r) + (e * T::LN2_LO + correction) - hfsq + f + e * T::LN2_HI
}

/// Natural logarithm, within 1 ulp; NaN below 0.
#[inline(always)]
pub(crate) fn log<T: Real>(x: T) -> T {
    let tiny = x < T::MIN_POSITIVE;
    let lifted = x * T::LIFT;
    let (m, e) = (if tiny { lifted } else { x }).split();
    let e = if tiny { e - T::LIFT_EXPONENT } else { e };
    let y = log_of_parts(m - T::ONE, e, T::ZERO);
    log_specials(x, y)
}

/// `y`, or what a logarithm is at 0, below 0, at infinity and NaN.
#[inline(always)]
fn log_specials<T: Real>(x: T, y: T) -> T {
    let y = if x < T::INFINITY { y } else { x };
    let y = if x == T::ZERO { -T::INFINITY } else { y };
    if x < T::ZERO { T::NAN } else { y }
}

/// `ln(1 + x)`, exact near 0, within 1 ulp.
#[inline(always)]
pub(crate) fn log1p<T: Real>(x: T) -> T {
    let u = T::ONE + x;
    let (m, e) = u.split();
    // What the sum lost, relative to u.
    let large = x > T::ONE;
    let lost = (if large { T::ONE } else { x }) - (u - (if large { x } else { T::ONE }));
    let correction = if e > T::LONG { T::ZERO } else { lost / u };
    let near = e == T::ZERO;
    let f = if near { x } else { m - T::ONE };
    let y = log_of_parts(f, e, if near { T::ZERO } else { correction });
    let y = if x == T::ZERO { x } else { y };
    log_specials(u, y)
}

/// Hyperbolic tangent, within 3 ulp.
#[inline(always)]
pub(crate) fn tanh<T: Real>(x: T) -> T {
    x.vector_tanh()
}

/// `1 / (1 + e^-x)`, within 3 ulp also where it is tiny.
#[inline(always)]
pub(crate) fn sigmoid<T: Real>(x: T) -> T {
    let z = exp(-x.abs());
    (if x < T::ZERO { z } else { T::ONE }) / (T::ONE + z)
}

/// `ln(1 + e^x)` without overflow.
#[inline(always)]
pub(crate) fn softplus<T: Real>(x: T) -> T {
    let y = log1p(exp(-x.abs()));
    y + if x > T::ZERO { x } else { T::ZERO }
}

/// Sine, within 1 ulp below `TRIG_MAX`; see [`map_angles`](super::map::map_angles) for the rest.
#[inline(always)]
pub(crate) fn sin<T: Real>(x: T) -> T {
    x.vector_sin()
}

/// Cosine, as [`sin`].
#[inline(always)]
pub(crate) fn cos<T: Real>(x: T) -> T {
    x.vector_cos()
}

/// Tangent, as [`sin`].
#[inline(always)]
pub(crate) fn tan<T: Real>(x: T) -> T {
    x.vector_tan()
}

/// Error function, within 1 ulp.
#[inline(always)]
pub(crate) fn erf<T: Real>(x: T) -> T {
    x.vector_erf()
}

/// `x^y`, with all the special cases of C.
#[inline(always)]
pub(crate) fn pow<T: Real>(x: T, y: T) -> T {
    x.vector_pow(y)
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

/// `x` less the nearest multiple of pi/2, as a sum of two numbers, and the multiple (its low bits count).
///
/// Holds below `TRIG_MAX`: the product of a multiple of at most 20 bits with each of the three 33-bit parts of
/// pi/2 is exact. All three parts are always used, where fdlibm looks how much cancelled.
#[inline(always)]
fn quarter_turns(x: f64) -> (u64, f64, f64) {
    const PIO2_1: f64 = 1.57079632673412561417e+00;
    const PIO2_2: f64 = 6.07710050630396597660e-11;
    const PIO2_3: f64 = 2.02226624871116645580e-21;
    const PIO2_3T: f64 = 8.47842766036889956997e-32;
    let rounded = x * std::f64::consts::FRAC_2_PI + f64::ROUND;
    let n = rounded - f64::ROUND;
    let t = x - n * PIO2_1;
    let w = n * PIO2_2;
    let r = t - w;
    let lost_2 = (t - r) - w;
    let w = n * PIO2_3;
    let r3 = r - w;
    let lost_3 = (r - r3) - w;
    let rest = (lost_2 + lost_3) - n * PIO2_3T;
    let head = r3 + rest;
    (rounded.to_bits(), head, (r3 - head) + rest)
}

/// `-y` where bit 1 of `quarter` is set.
#[inline(always)]
fn flip(y: f64, quarter: u64) -> f64 {
    f64::from_bits(y.to_bits() ^ ((quarter & 2) << 62))
}

/// `sin(x + tail)` for |x| up to pi/4.
#[inline(always)]
fn kernel_sin(x: f64, tail: f64) -> f64 {
    const S1: f64 = -1.66666666666666324348e-01;
    const S2: f64 = 8.33333333332248946124e-03;
    const S3: f64 = -1.98412698298579493134e-04;
    const S4: f64 = 2.75573137070700676789e-06;
    const S5: f64 = -2.50507602534068634195e-08;
    const S6: f64 = 1.58969099521155010221e-10;
    let z = x * x;
    let r = S2 + z * (S3 + z * S4) + z * (z * z) * (S5 + z * S6);
    let v = z * x;
    x - ((z * (0.5 * tail - v * r) - tail) - v * S1)
}

/// `cos(x + tail)` for |x| up to pi/4.
#[inline(always)]
fn kernel_cos(x: f64, tail: f64) -> f64 {
    const C1: f64 = 4.16666666666666019037e-02;
    const C2: f64 = -1.38888888888741095749e-03;
    const C3: f64 = 2.48015872894767294178e-05;
    const C4: f64 = -2.75573143513906633035e-07;
    const C5: f64 = 2.08757232129817482790e-09;
    const C6: f64 = -1.13596475577881948265e-11;
    let z = x * x;
    let w = z * z;
    let r = z * (C1 + z * (C2 + z * C3)) + w * w * (C4 + z * (C5 + z * C6));
    let hz = 0.5 * z;
    let w = 1.0 - hz;
    w + (((1.0 - w) - hz) + (z * r - x * tail))
}

#[inline(always)]
fn clear_low_word(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0xffff_ffff_0000_0000)
}

/// `tan(x + tail)` for |x| up to pi/4, or `-1 / tan(x + tail)` if `odd`.
#[inline(always)]
fn kernel_tan(x: f64, tail: f64, odd: bool) -> f64 {
    const T: [f64; 13] = [
        3.33333333333334091986e-01,
        1.33333333333201242699e-01,
        5.39682539762260521377e-02,
        2.18694882948595424599e-02,
        8.86323982359930005737e-03,
        3.59207910759131235356e-03,
        1.45620945432529025516e-03,
        5.88041240820264096874e-04,
        2.46463134818469906812e-04,
        7.81794442939557092300e-05,
        7.14072491382608190305e-05,
        -1.85586374855275456654e-05,
        2.59073051863633712884e-05,
    ];
    const PIO4: f64 = 7.85398163397448278999e-01;
    const PIO4_LO: f64 = 3.06161699786838301793e-17;
    // Near pi/4 the series is taken of pi/4 - |x| instead.
    let big = x.abs() >= 0.6743316650390625;
    let from_end = (PIO4 - x.abs()) + (PIO4_LO - tail.copysign(tail * x));
    let a = if big { from_end } else { x };
    let a_tail = if big { 0.0 } else { tail };
    let z = a * a;
    let w = z * z;
    let r = T[1] + w * (T[3] + w * (T[5] + w * (T[7] + w * (T[9] + w * T[11]))));
    let v = z * (T[2] + w * (T[4] + w * (T[6] + w * (T[8] + w * (T[10] + w * T[12])))));
    let s = z * a;
    let r = a_tail + z * (s * (r + v) + a_tail) + s * T[0];
    let w = a + r;

    let sign = if odd { -1.0 } else { 1.0 };
    // -1 / (a + r) in two parts: a plain division would be off by up to 2 ulp.
    let head = clear_low_word(w);
    let rest = r - (head - a);
    let quotient = (if big { w * w } else { -1.0 }) / (if big { w + sign } else { w });
    let quotient_head = clear_low_word(quotient);
    let reciprocal = quotient_head + quotient * (1.0 + quotient_head * head + quotient_head * rest);

    let near_end = (sign - 2.0 * (a + (r - quotient))) * 1.0f64.copysign(x);
    let y = if odd { reciprocal } else { w };
    if big { near_end } else { y }
}

#[inline(always)]
fn pick(c: &[f64; 4], first: bool, second: bool, third: bool) -> f64 {
    let far = if third { c[2] } else { c[3] };
    let mid = if second { c[1] } else { far };
    if first { c[0] } else { mid }
}

/// Error function, within 1 ulp. Four rational approximations, chosen by their coefficients.
#[inline(always)]
fn erf_f64(x: f64) -> f64 {
    // Columns: |x| below 0.84375, below 1.25, below 1/0.35, the rest. Rows: powers.
    const P: [[f64; 4]; 8] = [
        [
            1.28379167095512558561e-01,
            -2.36211856075265944077e-03,
            -9.86494403484714822705e-03,
            -9.86494292470009928597e-03,
        ],
        [
            -3.25042107247001499370e-01,
            4.14856118683748331666e-01,
            -6.93858572707181764372e-01,
            -7.99283237680523006574e-01,
        ],
        [
            -2.84817495755985104766e-02,
            -3.72207876035701323847e-01,
            -1.05586262253232909814e+01,
            -1.77579549177547519889e+01,
        ],
        [
            -5.77027029648944159157e-03,
            3.18346619901161753674e-01,
            -6.23753324503260060396e+01,
            -1.60636384855821916062e+02,
        ],
        [
            -2.37630166566501626084e-05,
            -1.10894694282396677476e-01,
            -1.62396669462573470355e+02,
            -6.37566443368389627722e+02,
        ],
        [
            0.0,
            3.54783043256182359371e-02,
            -1.84605092906711035994e+02,
            -1.02509513161107724954e+03,
        ],
        [
            0.0,
            -2.16637559486879084300e-03,
            -8.12874355063065934246e+01,
            -4.83519191608651397019e+02,
        ],
        [0.0, 0.0, -9.81432934416914548592e+00, 0.0],
    ];
    const Q: [[f64; 4]; 9] = [
        [1.0, 1.0, 1.0, 1.0],
        [
            3.97917223959155352819e-01,
            1.06420880400844228286e-01,
            1.96512716674392571292e+01,
            3.03380607434824582924e+01,
        ],
        [
            6.50222499887672944485e-02,
            5.40397917702171048937e-01,
            1.37657754143519042600e+02,
            3.25792512996573918826e+02,
        ],
        [
            5.08130628187576562776e-03,
            7.18286544141962662868e-02,
            4.34565877475229228821e+02,
            1.53672958608443695994e+03,
        ],
        [
            1.32494738004321644526e-04,
            1.26171219808761642112e-01,
            6.45387271733267880336e+02,
            3.19985821950859553908e+03,
        ],
        [
            -3.96022827877536812320e-06,
            1.36370839120290507362e-02,
            4.29008140027567833386e+02,
            2.55305040643316442583e+03,
        ],
        [
            0.0,
            1.19844998467991074170e-02,
            1.08635005541779435134e+02,
            4.74528541206955367215e+02,
        ],
        [
            0.0,
            0.0,
            6.57024977031928170135e+00,
            -2.24409524465858183362e+01,
        ],
        [0.0, 0.0, -6.04244152148580987438e-02, 0.0],
    ];
    const ERX: f64 = 8.45062911510467529297e-01;
    let ax = x.abs();
    let ax = if ax > 6.0 { 6.0 } else { ax };
    let (first, second, third) = (ax < 0.84375, ax < 1.25, ax < 1.0 / 0.35);
    let tail_s = 1.0 / (ax * ax);
    let s = if first {
        ax * ax
    } else if second {
        ax - 1.0
    } else {
        tail_s
    };
    // Unrolled by hand: the outer loop only becomes vector code if nothing inside it is a loop.
    macro_rules! horner {
        ($c:ident[$highest:literal], $($power:literal)*) => {{
            let sum = pick(&$c[$highest], first, second, third);
            $(let sum = sum * s + pick(&$c[$power], first, second, third);)*
            sum
        }};
    }
    let p = horner!(P[7], 6 5 4 3 2 1 0);
    let q = horner!(Q[8], 7 6 5 4 3 2 1 0);
    let ratio = p / q;
    // The tail: erfc(x) = exp(-x^2 - 0.5625 + ratio) / x, with x^2 split so that it is exact.
    let z = clear_low_word(ax);
    let erfc = exp(-z * z - 0.5625) * exp((z - ax) * (z + ax) + ratio) / ax;
    let far = 1.0 - erfc;
    let mid = if second { ERX + ratio } else { far };
    let y = if first { ax + ax * ratio } else { mid };
    y.copysign(x)
}

/// `x^y` in single precision, through double precision: correctly rounded but for a few in a million.
#[inline(always)]
fn pow_f32(x: f32, y: f32) -> f32 {
    let (base, exponent) = (f64::from(x), f64::from(y));
    let magnitude = exp(exponent * log(base.abs()));
    // Every float from 2^24 on is an even integer.
    let countable = if exponent.abs() < 16777216.0 {
        exponent
    } else {
        0.0
    };
    let rounded = countable + f64::ROUND;
    let integer = rounded - f64::ROUND == countable;
    let odd = u64::from(integer) & rounded.to_bits();
    let signed = f64::from_bits(magnitude.to_bits() ^ (odd & (base.to_bits() >> 63)) << 63);
    let real = if base < 0.0 && base > -f64::INFINITY && !integer {
        f64::NAN
    } else {
        signed
    };
    let one = base == 1.0 || exponent == 0.0 || (base == -1.0 && exponent.abs() == f64::INFINITY);
    (if one { 1.0 } else { real }) as f32
}

#[cfg(test)]
mod tests {
    // Passed by name a function is called through a shim that is not always inlined.
    #![allow(clippy::redundant_closure)]

    use std::mem::MaybeUninit;

    use super::super::simd::{Cost, map};
    use crate::Array;

    use super::*;

    /// Distance in representable numbers; 0 for two NaN.
    fn ulps_f64(a: f64, b: f64) -> u64 {
        if a.is_nan() && b.is_nan() {
            return 0;
        }
        let ordered = |x: f64| {
            let bits = x.to_bits() as i64;
            if bits < 0 {
                i64::MIN.wrapping_sub(bits)
            } else {
                bits
            }
        };
        if a.is_nan() || b.is_nan() {
            u64::MAX
        } else {
            ordered(a).abs_diff(ordered(b))
        }
    }

    fn ulps_f32(a: f32, b: f64) -> f64 {
        if a.is_nan() && b.is_nan() {
            return 0.0;
        }
        if a.is_nan() || b.is_nan() {
            return f64::INFINITY;
        }
        if a.is_infinite() || b.abs() > f64::from(f32::MAX) {
            // An overflow is as good as the number that rounds to infinity.
            return if a == b as f32 { 0.0 } else { f64::INFINITY };
        }
        let exponent = (((b as f32).abs().to_bits() >> 23) as i32).max(1) - 127 - 23;
        (f64::from(a) - b).abs() / 2f64.powi(exponent)
    }

    fn sigmoid_by_exp(x: f64) -> f64 {
        if x < 0.0 {
            x.exp() / (1.0 + x.exp())
        } else {
            1.0 / (1.0 + (-x).exp())
        }
    }

    fn softplus_by_log(x: f64) -> f64 {
        (-x.abs()).exp().ln_1p() + if x > 0.0 { x } else { 0.0 }
    }

    fn run<T: Real + Default>(x: &[T], f: impl Fn(T) -> T + Copy + Sync) -> Vec<T> {
        let mut out = vec![MaybeUninit::uninit(); x.len()];
        map(x, &mut out, Cost::Heavy, f);
        // SAFETY: map fills all of `out`.
        out.into_iter()
            .map(|v| unsafe { v.assume_init() })
            .collect()
    }

    struct Bits(u64);
    impl Bits {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }
        fn unit(&mut self) -> f64 {
            (self.next() >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    const SPECIAL: [f64; 32] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        2.0,
        -2.0,
        f64::INFINITY,
        -f64::INFINITY,
        f64::NAN,
        f64::MIN_POSITIVE,
        -f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        1e-310,
        f64::MAX,
        -f64::MAX,
        709.78,
        709.79,
        -745.1,
        -745.2,
        -708.5,
        88.72,
        88.73,
        -87.5,
        -103.9,
        -104.1,
        1e-20,
        -1e-20,
        0.34657359,
        1e5,
    ];

    /// Numbers in `low..high`, or of any magnitude where `high` is infinite, then special ones.
    fn inputs(low: f64, high: f64, count: usize) -> Vec<f64> {
        let mut bits = Bits(0x9e37_79b9_7f4a_7c15);
        let mut x: Vec<f64> = (0..count)
            .map(|_| match high.is_finite() {
                true => low + (high - low) * bits.unit(),
                false => f64::from_bits(bits.next()),
            })
            .collect();
        x.extend(SPECIAL);
        x
    }

    const COUNT: usize = 200_000;

    fn check_f64(
        name: &str,
        f: impl Fn(f64) -> f64 + Copy + Sync,
        exact: fn(f64) -> f64,
        ranges: &[(f64, f64)],
        bound: u64,
    ) {
        let count = std::env::var("DEZERO_ULP_COUNT").map_or(COUNT, |n| n.parse().unwrap());
        for &(low, high) in ranges {
            let x = inputs(low, high, count);
            let y = run(&x, f);
            let (mut worst, mut at, mut different) = (0, 0.0, 0usize);
            for (&x, &y) in x.iter().zip(&y) {
                let ulps = ulps_f64(y, exact(x));
                different += usize::from(ulps > 0);
                if ulps > worst {
                    (worst, at) = (ulps, x);
                }
                if exact(x) == 0.0 {
                    assert_eq!(
                        y.is_sign_negative(),
                        exact(x).is_sign_negative(),
                        "{name}({x:e})"
                    );
                }
            }
            let share = 100.0 * different as f64 / x.len() as f64;
            println!(
                "{name} f64 {low}..{high}: {worst} ulp from std at {at:e}, {share:.1} % differ"
            );
            assert!(
                worst <= bound,
                "{name}({at:e}): {worst} ulp, {:e}",
                exact(at)
            );
        }
    }

    fn check_f32(
        name: &str,
        f: impl Fn(f32) -> f32 + Copy + Sync,
        exact: fn(f64) -> f64,
        ranges: &[(f64, f64)],
        bound: f64,
    ) {
        let count = std::env::var("DEZERO_ULP_COUNT").map_or(COUNT, |n| n.parse().unwrap());
        for &(low, high) in ranges {
            let mut x: Vec<f32> = inputs(low, high, count).iter().map(|&x| x as f32).collect();
            if high.is_infinite() {
                let mut bits = Bits(7);
                x = (0..count)
                    .map(|_| f32::from_bits(bits.next() as u32))
                    .collect();
                x.extend(SPECIAL.map(|x| x as f32));
            }
            let y = run(&x, f);
            let (mut worst, mut at) = (0.0, 0.0);
            for (&x, &y) in x.iter().zip(&y) {
                let right = exact(f64::from(x));
                let ulps = ulps_f32(y, right);
                if ulps > worst {
                    (worst, at) = (ulps, x);
                }
                if right as f32 == 0.0 {
                    assert_eq!(
                        y.is_sign_negative(),
                        right.is_sign_negative(),
                        "{name}({x:e})"
                    );
                }
            }
            println!("{name} f32 {low}..{high}: {worst:.3} ulp at {at:e}");
            assert!(worst <= bound, "{name}({at:e}): {worst} ulp");
        }
    }

    const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

    macro_rules! accuracy {
        ($name:ident, $exact:expr, f64 $bound:literal, f32 $bound_f32:literal, $ranges:expr) => {
            #[test]
            fn $name() {
                check_f64(
                    stringify!($name),
                    #[inline(always)]
                    |x| super::$name(x),
                    $exact,
                    $ranges,
                    $bound,
                );
                check_f32(
                    stringify!($name),
                    #[inline(always)]
                    |x| super::$name(x),
                    $exact,
                    $ranges,
                    $bound_f32,
                );
            }
        };
    }

    accuracy!(exp, f64::exp, f64 1, f32 1.0, &[(-1.0, 1.0), (-750.0, 720.0), (-105.0, 90.0), ALL]);
    accuracy!(expm1, f64::exp_m1, f64 1, f32 1.5, &[(-1.0, 1.0), (-50.0, 720.0), (-105.0, 90.0), ALL]);
    accuracy!(log, f64::ln, f64 1, f32 1.0, &[(0.5, 2.0), (0.0, 1e3), ALL]);
    accuracy!(log1p, f64::ln_1p, f64 1, f32 1.0, &[(-1.0, 1.0), (-0.01, 0.01), (-1.0, 1e3), ALL]);
    accuracy!(tanh, f64::tanh, f64 3, f32 2.5, &[(-1.0, 1.0), (-25.0, 25.0), ALL]);
    accuracy!(sigmoid, sigmoid_by_exp, f64 2, f32 2.5, &[(-5.0, 5.0), (-740.0, 40.0), ALL]);
    accuracy!(softplus, softplus_by_log, f64 2, f32 2.0, &[(-5.0, 5.0), (-740.0, 40.0), ALL]);

    accuracy!(erf, libm::erf, f64 1, f32 0.51, &[(-1.3, 1.3), (-7.0, 7.0), ALL]);

    macro_rules! trigonometric_accuracy {
        ($name:ident, $exact_name:ident, f64 $bound:literal, f32 $bound_f32:literal) => {
            #[test]
            fn $name() {
                let ranges = [(-0.8, 0.8), (-10.0, 10.0), (-1.59e6, 1.59e6)];
                let f = |x: f64| {
                    if x.abs() < f64::TRIG_MAX {
                        super::$name(x)
                    } else {
                        x.$exact_name()
                    }
                };
                let f32 = |x: f32| {
                    if x.abs() < f32::TRIG_MAX {
                        super::$name(x)
                    } else {
                        x.$exact_name()
                    }
                };
                check_f64(stringify!($name), f, f64::$name, &ranges, $bound);
                check_f32(stringify!($name), f32, f64::$name, &ranges, $bound_f32);
            }
        };
    }

    trigonometric_accuracy!(sin, exact_sin, f64 1, f32 0.51);
    trigonometric_accuracy!(cos, exact_cos, f64 1, f32 0.51);
    trigonometric_accuracy!(tan, exact_tan, f64 1, f32 0.51);

    #[test]
    fn hard_trigonometric_arguments_are_exact() {
        let mut x = inputs(-1e22, 1e22, 1000);
        x.extend(inputs(-3.0, 3.0, 1000));
        let out = Array::from_slice(&x, [x.len()]).sin().to_vec::<f64>();
        for (&x, &y) in x.iter().zip(&out) {
            assert!(ulps_f64(y, x.sin()) <= 1, "sin({x:e})");
        }
    }

    #[test]
    fn powers_in_single_precision() {
        let mut bits = Bits(3);
        let special = SPECIAL.map(|x| x as f32);
        let counts = [3.0f32, -3.0, 4.0, 1e9, -1e9, 16777215.0, 33554432.0, 2.5];
        let mut pairs: Vec<(f32, f32)> = special
            .iter()
            .flat_map(|&x| special.iter().chain(&counts).map(move |&y| (x, y)))
            .collect();
        for _ in 0..COUNT {
            pairs.push((
                (bits.unit() * 10.0) as f32,
                (bits.unit() * 20.0 - 10.0) as f32,
            ));
            pairs.push((
                (bits.unit() * -10.0) as f32,
                (bits.next() % 40) as f32 - 20.0,
            ));
            pairs.push((
                f32::from_bits(bits.next() as u32),
                (bits.unit() * 4.0 - 2.0) as f32,
            ));
        }
        for (x, y) in pairs {
            let right = f64::from(x).powf(f64::from(y));
            let ulps = ulps_f32(pow(x, y), right);
            assert!(ulps <= 0.51, "{x:e}^{y:e} = {:e}, not {right:e}", pow(x, y));
            let zero_sign = right as f32 == 0.0 && right.is_sign_negative();
            assert!(!zero_sign || pow(x, y).is_sign_negative(), "{x:e}^{y:e}");
        }
    }

    /// No level may contract, reorder or approximate: each element is what one call gives.
    #[test]
    fn every_simd_level_gives_the_same_bits() {
        fn check<T: Real + Default + std::fmt::Debug>(f: impl Fn(T) -> T + Copy + Sync) {
            let x: Vec<T> = inputs(-20.0, 20.0, 5000)
                .into_iter()
                .map(T::from_f64)
                .collect();
            for (&x, y) in x.iter().zip(run(&x, f)) {
                let alone = f(std::hint::black_box(x));
                assert!(
                    alone == y || (alone != alone && y != y),
                    "{x:?}: {alone:?}, {y:?}"
                );
            }
        }
        macro_rules! check_all {
            ($($name:ident)*) => {$(
                check::<f32>(#[inline(always)] |x| super::$name(x));
                check::<f64>(#[inline(always)] |x| super::$name(x));
            )*};
        }
        check_all!(exp expm1 log log1p tanh sigmoid softplus sin cos tan erf);
        check::<f32>(
            #[inline(always)]
            |x| Real::sqrt(x),
        );
        check::<f64>(
            #[inline(always)]
            |x| Real::sqrt(x),
        );
    }
}

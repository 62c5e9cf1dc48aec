//! Exponentials, logarithms, powers, and what is made of them.

use super::Real;

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

/// `x^y`, with all the special cases of C.
#[inline(always)]
pub(crate) fn pow<T: Real>(x: T, y: T) -> T {
    x.vector_pow(y)
}

/// `x^y` in single precision, through double precision: correctly rounded but for a few in a million.
#[inline(always)]
pub(super) fn pow_f32(x: f32, y: f32) -> f32 {
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

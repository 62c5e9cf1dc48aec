//! Sine, cosine and tangent.

use super::Real;

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

/// `x` less the nearest multiple of pi/2, as a sum of two numbers, and the multiple (its low bits count).
///
/// Holds below `TRIG_MAX`: the product of a multiple of at most 20 bits with each of the three 33-bit parts of
/// pi/2 is exact. All three parts are always used, where fdlibm looks how much cancelled.
#[inline(always)]
pub(super) fn quarter_turns(x: f64) -> (u64, f64, f64) {
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
pub(super) fn flip(y: f64, quarter: u64) -> f64 {
    f64::from_bits(y.to_bits() ^ ((quarter & 2) << 62))
}

/// `sin(x + tail)` for |x| up to pi/4.
#[inline(always)]
pub(super) fn kernel_sin(x: f64, tail: f64) -> f64 {
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
pub(super) fn kernel_cos(x: f64, tail: f64) -> f64 {
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
pub(super) fn clear_low_word(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0xffff_ffff_0000_0000)
}

/// `tan(x + tail)` for |x| up to pi/4, or `-1 / tan(x + tail)` if `odd`.
#[inline(always)]
pub(super) fn kernel_tan(x: f64, tail: f64, odd: bool) -> f64 {
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

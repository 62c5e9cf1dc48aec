//! Every function against the standard library, in units of the last place.

// Passed by name a function is called through a shim that is not always inlined.
#![allow(clippy::redundant_closure)]

use std::mem::MaybeUninit;

use crate::Array;
use crate::cpu::simd::{Cost, map};

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
        println!("{name} f64 {low}..{high}: {worst} ulp from std at {at:e}, {share:.1} % differ");
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

//! Prints nanoseconds per element of the kernels, on one thread and on all:
//! `cargo test --release -p dezero-array speed -- --ignored --nocapture`

// A function passed by name is called through a shim that is not always inlined.
#![allow(clippy::redundant_closure)]

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::time::Instant;

use super::reduce_kernels::{dot, max, sum, sum_columns, sum_of_squares};
use super::simd::{Cost, Operand, map, map_in_place, zip, zip_in_place};
use super::vector_math::{self, Real};
use crate::Array;

const LARGE: usize = 1 << 22;

/// Median time of one call, in nanoseconds.
fn median(mut f: impl FnMut()) -> f64 {
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 7 || (begin.elapsed().as_millis() < 60 && times.len() < 10_000) {
        let start = Instant::now();
        f();
        times.push(start.elapsed().as_nanos() as f64);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn report(name: &str, len: usize, f: impl FnMut() + Send + Clone) {
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let mut on_one = f.clone();
    let single = one.install(|| median(&mut on_one));
    let mut on_all = f;
    let all = median(&mut on_all);
    println!(
        "{name:24} {len:8}: {:7.3} ns/element, {:9.3} us; all threads {:9.3} us",
        single / len as f64,
        single / 1e3,
        all / 1e3
    );
}

fn unary<T: Real + Default>(
    name: &str,
    len: usize,
    cost: Cost,
    f: impl Fn(T) -> T + Copy + Send + Sync,
) {
    let x: Vec<T> = (0..len)
        .map(|i| T::from_f64((i % 1000) as f64 / 125.0 - 3.99))
        .collect();
    let mut out = vec![MaybeUninit::<T>::uninit(); len];
    let name = format!("{name} {}", std::any::type_name::<T>());
    report(&name, len, move || {
        map(black_box(&x), black_box(&mut out), cost, f)
    });
}

macro_rules! each_length {
    ($T:ty: $($name:ident)*) => {
        for len in [LARGE, 4096, 300] {
            $(unary::<$T>(stringify!($name), len, Cost::Heavy, #[inline(always)] |x| vector_math::$name(x));)*
            unary::<$T>("erf", len, Cost::Heavy, #[inline(always)] |x| vector_math::erf(x));
            unary::<$T>("sin", len, Cost::Heavy, #[inline(always)] |x| vector_math::sin(x));
            unary::<$T>("cos", len, Cost::Heavy, #[inline(always)] |x| vector_math::cos(x));
            unary::<$T>("tan", len, Cost::Heavy, #[inline(always)] |x| vector_math::tan(x));
            unary::<$T>("sqrt", len, Cost::Cheap, #[inline(always)] |x| x.sqrt());
            unary::<$T>("pow 2.5", len, Cost::Heavy, #[inline(always)] |x| vector_math::pow(x, 2.5));
        }
    };
}

#[test]
#[ignore = "a measurement"]
fn speed_of_functions() {
    each_length!(f32: exp log log1p expm1 tanh sigmoid softplus);
    each_length!(f64: exp log log1p expm1 tanh sigmoid softplus);
}

#[test]
#[ignore = "a measurement"]
fn speed_of_arithmetic() {
    for len in [LARGE, 65536, 4096, 300, 30] {
        let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
        let y = x.clone();
        let mut out = vec![MaybeUninit::<f32>::uninit(); len];
        let (a, b) = (x.clone(), y.clone());
        report("x + y f32", len, move || {
            let (a, b) = (Operand::Slice(&a[..]), Operand::Slice(&b[..]));
            zip(
                black_box(a),
                b,
                black_box(&mut out),
                Cost::Cheap,
                #[inline(always)]
                |a, b| a + b,
            );
        });
        let (mut a, b) = (x.clone(), y.clone());
        report("x += y f32", len, move || {
            let b = Operand::Slice(&b[..]);
            zip_in_place(
                black_box(&mut a),
                b,
                Cost::Cheap,
                #[inline(always)]
                |a, b| a + b,
            );
        });
        let mut a = x.clone();
        report("x = -x f32", len, move || {
            map_in_place(
                black_box(&mut a),
                Cost::Cheap,
                #[inline(always)]
                |a| -a,
            );
        });
        let a = x.clone();
        report("sum f32", len, move || {
            black_box(sum(black_box(&a)));
        });
        let a: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        report("sum f64", len, move || {
            black_box(sum(black_box(&a)));
        });
        let a = x.clone();
        report("sum of squares f32", len, move || {
            black_box(sum_of_squares(black_box(&a)));
        });
        let (a, b) = (x.clone(), y.clone());
        report("dot f32", len, move || {
            black_box(dot(black_box(&a), &b));
        });
        let a = x.clone();
        report("max f32", len, move || {
            black_box(max(black_box(&a)));
        });
        if len % 64 == 0 {
            let a = Array::from_slice(&x, [len / 64, 64]);
            report("sum of rows of 64", len, move || {
                black_box(black_box(&a).sum_axis(1, false));
            });
            let a = x.clone();
            let mut out = vec![MaybeUninit::uninit(); 64];
            report("sum of 64 columns", len, move || {
                sum_columns(black_box(&a), black_box(&mut out))
            });
        }
    }
    let x: Vec<f64> = (0..LARGE).map(|i| i as f64 * 0.1).collect();
    let x = Array::from_vec(x, [LARGE]);
    report("sin f64, range checked", LARGE, move || {
        black_box(black_box(&x).sin());
    });
}

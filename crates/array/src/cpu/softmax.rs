//! Kernels of the softmax family, over rows that lie one after the other.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::cpu::reduce_kernels::{self, sum};
use crate::cpu::simd::{self, Cost};
use crate::cpu::vector_math::{self, Real};

/// Elements from which threads share the rows.
const PARALLEL_FROM: usize = 1 << 14;

/// Calls `body` for each row of `out` with its index.
pub(crate) fn for_each_row<T: Send>(
    out: &mut [MaybeUninit<T>],
    columns: usize,
    body: impl Fn(usize, &mut [MaybeUninit<T>]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    if out.len() < PARALLEL_FROM {
        out.chunks_exact_mut(columns)
            .enumerate()
            .for_each(|(i, row)| body(i, row));
    } else {
        let rows = ((1 << 13) / columns).max(1);
        out.par_chunks_exact_mut(columns)
            .enumerate()
            .with_min_len(rows)
            .for_each(|(i, row)| body(i, row));
    }
}

/// # Safety
/// All of `out` has been written.
unsafe fn written<T>(out: &mut [MaybeUninit<T>]) -> &mut [T] {
    // SAFETY: promised by the caller.
    unsafe { &mut *(out as *mut [MaybeUninit<T>] as *mut [T]) }
}

/// The largest element; 0 if that is infinite, so that differences from it are numbers.
fn shift<T: Real>(row: &[T]) -> T {
    let max = reduce_kernels::max(row).unwrap_or(T::ZERO);
    if max == T::INFINITY || max == -T::INFINITY {
        T::ZERO
    } else {
        max
    }
}

/// `out = e^(x - shift)`, and the sum of that.
fn exponentials<T: Real>(x: &[T], shift: T, out: &mut [MaybeUninit<T>]) -> T {
    simd::map(
        x,
        out,
        Cost::Heavy,
        #[inline(always)]
        |x| vector_math::exp(x - shift),
    );
    // SAFETY: `map` writes all of it.
    sum(unsafe { written(out) })
}

/// `log(sum(e^x))` of a row.
pub(crate) fn logsumexp<T: Real>(row: &[T]) -> T {
    const CHUNK: usize = 1024;
    let shift = shift(row);
    let mut buffer = [const { MaybeUninit::uninit() }; CHUNK];
    let total = row.chunks(CHUNK).fold(T::ZERO, |total, x| {
        total + exponentials(x, shift, &mut buffer[..x.len()])
    });
    shift + vector_math::log(total)
}

/// `out[i] = log(sum(e^x))` of row `i`.
pub(crate) fn logsumexp_rows<T: Real>(x: &[T], columns: usize, out: &mut [MaybeUninit<T>]) {
    let one = |(i, out): (usize, &mut MaybeUninit<T>)| {
        out.write(logsumexp(&x[i * columns..(i + 1) * columns]));
    };
    if x.len() < PARALLEL_FROM {
        out.iter_mut().enumerate().for_each(one);
    } else {
        let rows = ((1 << 13) / columns).max(1);
        out.par_iter_mut()
            .enumerate()
            .with_min_len(rows)
            .for_each(one);
    }
}

/// `e^x / sum(e^x)` of a row.
pub(crate) fn softmax<T: Real>(x: &[T], out: &mut [MaybeUninit<T>]) {
    let total = exponentials(x, shift(x), out);
    // SAFETY: `exponentials` writes all of it.
    let y = unsafe { written(out) };
    simd::map_in_place(
        y,
        Cost::Cheap,
        #[inline(always)]
        |y| y / total,
    );
}

/// `e^(x - lse) * scale` of a row: its softmax where `lse` is [`logsumexp`].
pub(crate) fn scaled_softmax<T: Real>(x: &[T], lse: T, scale: T, out: &mut [MaybeUninit<T>]) {
    simd::map(
        x,
        out,
        Cost::Heavy,
        #[inline(always)]
        |x| vector_math::exp(x - lse) * scale,
    );
}

/// `x - log(sum(e^x))` of a row.
pub(crate) fn log_softmax<T: Real>(x: &[T], out: &mut [MaybeUninit<T>]) {
    let lse = logsumexp(x);
    simd::map(
        x,
        out,
        Cost::Cheap,
        #[inline(always)]
        |x| x - lse,
    );
}

/// `y * (gy - sum(gy * y))` of a row.
pub(crate) fn softmax_grad<T: Real>(y: &[T], gy: &[T], out: &mut [MaybeUninit<T>]) {
    let along = reduce_kernels::dot(y, gy);
    let (y, gy) = (simd::Operand::Slice(y), simd::Operand::Slice(gy));
    simd::zip(
        y,
        gy,
        out,
        Cost::Cheap,
        #[inline(always)]
        |y, gy| y * (gy - along),
    );
}

/// `gy - e^y * sum(gy)` of a row.
pub(crate) fn log_softmax_grad<T: Real>(y: &[T], gy: &[T], out: &mut [MaybeUninit<T>]) {
    let total = sum(gy);
    let (y, gy) = (simd::Operand::Slice(y), simd::Operand::Slice(gy));
    let f = move |y, gy| gy - vector_math::exp(y) * total;
    simd::zip(y, gy, out, Cost::Heavy, f);
}

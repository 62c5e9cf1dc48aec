//! Kernels of the softmax family, over rows that lie one after the other.
//!
//! Many short rows are taken as one block: the exponentials of all of them are one loop.

use std::mem::MaybeUninit;

use crate::cpu::reduce_kernels;
use crate::cpu::simd::{self, Cost, Operand};
use crate::cpu::threads;
use crate::cpu::vector_math::{self, Real};

/// Elements from which threads share the rows.
const PARALLEL_FROM: usize = 1 << 14;
/// Elements that are taken as one block.
const BLOCK: usize = 2048;
/// Shorter rows are not worth more than a plain loop.
const SHORT: usize = 32;

/// Calls `body(first row, out)` for blocks of whole rows of `out`, where `columns` elements of the
/// operands go into `width` of `out`.
fn for_each_block<U: Send>(
    out: &mut [MaybeUninit<U>],
    width: usize,
    columns: usize,
    body: impl Fn(usize, &mut [MaybeUninit<U>]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let rows = (BLOCK / columns.max(1)).max(1);
    if out.len() / width * columns < PARALLEL_FROM {
        (out.chunks_mut(rows * width).enumerate()).for_each(|(i, out)| body(i * rows, out));
    } else {
        threads::for_each_chunk(out, rows * width, |i, out| body(i * rows, out));
    }
}

/// # Safety
/// All of `out` has been written.
unsafe fn written<T>(out: &mut [MaybeUninit<T>]) -> &mut [T] {
    // SAFETY: promised by the caller.
    unsafe { &mut *(out as *mut [MaybeUninit<T>] as *mut [T]) }
}

fn sum<T: Real>(row: &[T]) -> T {
    if row.len() < SHORT {
        return row.iter().fold(T::ZERO, |sum, &v| sum + v);
    }
    reduce_kernels::sum(row)
}

/// The largest element; 0 if that is infinite, so that differences from it are numbers.
fn shift<T: Real>(row: &[T]) -> T {
    let max = if row.len() < SHORT {
        row.iter().copied().reduce(reduce_kernels::larger)
    } else {
        reduce_kernels::max(row)
    };
    match max {
        Some(max) if max != T::INFINITY && max != -T::INFINITY => max,
        _ => T::ZERO,
    }
}

/// `out = e^(x - shift) * scale`, with a shift for each row.
fn exponentials<'o, T: Real>(
    x: &[T],
    columns: usize,
    shift: impl Fn(usize, &[T]) -> T,
    scale: T,
    out: &'o mut [MaybeUninit<T>],
) -> &'o mut [T] {
    let rows = x.chunks_exact(columns).zip(out.chunks_exact_mut(columns));
    if columns >= SHORT {
        for (i, (x, out)) in rows.enumerate() {
            let shift = shift(i, x);
            simd::map(
                x,
                out,
                Cost::Heavy,
                #[inline(always)]
                |x| vector_math::exp(x - shift) * scale,
            );
        }
        // SAFETY: written above.
        return unsafe { written(out) };
    }
    for (i, (x, out)) in rows.enumerate() {
        let shift = shift(i, x);
        for (out, &x) in out.iter_mut().zip(x) {
            out.write(x - shift);
        }
    }
    // SAFETY: written above.
    let out = unsafe { written(out) };
    simd::map_in_place(
        out,
        Cost::Heavy,
        #[inline(always)]
        |x| vector_math::exp(x) * scale,
    );
    out
}

/// `e^x / sum(e^x)` of each row.
pub(crate) fn softmax<T: Real>(x: &[T], columns: usize, out: &mut [MaybeUninit<T>]) {
    for_each_block(out, columns, columns, |first, out| {
        let x = &x[first * columns..][..out.len()];
        let y = exponentials(x, columns, |_, row| shift(row), T::ONE, out);
        for row in y.chunks_exact_mut(columns) {
            let total = sum(row);
            row.iter_mut().for_each(|y| *y = *y / total);
        }
    });
}

/// `log(sum(e^x))` of each row: one element of `out` for each.
pub(crate) fn logsumexp<T: Real>(x: &[T], columns: usize, out: &mut [MaybeUninit<T>]) {
    for_each_block(out, 1, columns, |first, out| {
        let x = &x[first * columns..][..out.len() * columns];
        let mut buffer = [const { MaybeUninit::uninit() }; BLOCK];
        if columns >= SHORT {
            for (row, out) in x.chunks_exact(columns).zip(out) {
                let shift = shift(row);
                let total = row.chunks(BLOCK).fold(T::ZERO, |total, x| {
                    let buffer = &mut buffer[..x.len()];
                    total + sum(exponentials(x, x.len(), |_, _| shift, T::ONE, buffer))
                });
                out.write(shift + vector_math::log(total));
            }
            return;
        }
        let (columns, buffer) = (columns.max(1), &mut buffer[..x.len()]);
        let y = exponentials(x, columns, |_, row| shift(row), T::ONE, buffer);
        let rows = x.chunks_exact(columns).zip(y.chunks_exact(columns));
        for (i, out) in out.iter_mut().enumerate() {
            let (x, y) = (rows.clone().nth(i)).unwrap_or_default();
            out.write(shift(x) + vector_math::log(sum(y)));
        }
    });
}

/// `x - lse` of each row, where `lse` has its [`logsumexp`].
pub(crate) fn log_softmax<T: Real>(x: &[T], lse: &[T], columns: usize, out: &mut [MaybeUninit<T>]) {
    for_each_block(out, columns, columns, |first, out| {
        let x = &x[first * columns..][..out.len()];
        let rows = x.chunks_exact(columns).zip(out.chunks_exact_mut(columns));
        for ((x, out), &lse) in rows.zip(&lse[first..]) {
            for (out, &x) in out.iter_mut().zip(x) {
                out.write(x - lse);
            }
        }
    });
}

/// `(softmax(x) - onehot(labels)) * scale` of each row, where `lse` has its [`logsumexp`].
pub(crate) fn cross_entropy_grad<T: Real>(
    x: &[T],
    lse: &[T],
    labels: &[usize],
    scale: T,
    columns: usize,
    out: &mut [MaybeUninit<T>],
) {
    for_each_block(out, columns, columns, |first, out| {
        let x = &x[first * columns..][..out.len()];
        let y = exponentials(x, columns, |i, _| lse[first + i], scale, out);
        for (row, &label) in y.chunks_exact_mut(columns).zip(&labels[first..]) {
            row[label] = row[label] - scale;
        }
    });
}

/// `y * (gy - sum(gy * y))` of each row.
pub(crate) fn softmax_grad<T: Real>(y: &[T], gy: &[T], columns: usize, out: &mut [MaybeUninit<T>]) {
    for_each_block(out, columns, columns, |first, out| {
        let range = first * columns..first * columns + out.len();
        let rows = y[range.clone()]
            .chunks_exact(columns)
            .zip(gy[range].chunks_exact(columns));
        for ((y, gy), out) in rows.zip(out.chunks_exact_mut(columns)) {
            let along = reduce_kernels::dot(y, gy);
            for ((out, &y), &gy) in out.iter_mut().zip(y).zip(gy) {
                out.write(y * (gy - along));
            }
        }
    });
}

/// `gy - e^y * sum(gy)` of each row.
pub(crate) fn log_softmax_grad<T: Real>(
    y: &[T],
    gy: &[T],
    columns: usize,
    out: &mut [MaybeUninit<T>],
) {
    for_each_block(out, columns, columns, |first, out| {
        let range = first * columns..first * columns + out.len();
        let (y, gy) = (&y[range.clone()], &gy[range]);
        simd::map(
            y,
            out,
            Cost::Heavy,
            #[inline(always)]
            |y| vector_math::exp(y),
        );
        // SAFETY: `map` writes all of it.
        let out = unsafe { written(out) };
        for (out, gy) in out.chunks_exact_mut(columns).zip(gy.chunks_exact(columns)) {
            let total = sum(gy);
            simd::zip_in_place(
                out,
                Operand::Slice(gy),
                Cost::Cheap,
                #[inline(always)]
                |e, gy| gy - e * total,
            );
        }
    });
}

//! Kernels of the softmax family, over rows that lie one after the other.
//!
//! Many short rows are taken as one block: the exponentials of all of them are one loop.

use std::mem::MaybeUninit;

use crate::cpu::reduce_kernels;
use crate::cpu::simd::{self, Cost, Operand};
use crate::cpu::threads::{self, SendPointer};
use crate::cpu::vector_math::{self, Real};

/// Elements from which threads share the rows.
const PARALLEL_FROM: usize = 1 << 14;
/// Elements that are taken as one block.
const BLOCK: usize = 2048;
/// Running values of a fold: some vectors, so that it does not wait for one.
const LANES: usize = 64;
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

/// The largest element; 0 if that is infinite, so that differences from it are numbers. What is not a number is passed
/// over, as its own exponential spoils the row.
fn shift<T: Real>(row: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    let (lanes, rest) = row.as_chunks::<LANES>();
    let mut max = rest.iter().copied().fold(-T::INFINITY, larger);
    if !lanes.is_empty() {
        simd::dispatch(
            #[inline(always)]
            || {
                let mut best = [-T::INFINITY; LANES];
                for lanes in lanes {
                    for l in 0..LANES {
                        best[l] = larger(best[l], lanes[l]);
                    }
                }
                max = halve(best, max, larger);
            },
        );
    }
    if max != T::INFINITY && max != -T::INFINITY {
        max
    } else {
        T::ZERO
    }
}

/// The lanes and `rest` as one.
#[inline(always)]
fn halve<T: Copy>(mut lanes: [T; LANES], rest: T, join: impl Fn(T, T) -> T) -> T {
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] = join(lanes[l], lanes[l + width]);
        }
        width /= 2;
    }
    join(lanes[0], rest)
}

/// `out = e^(x - shift)` and the sum of it, in one pass: over a part of a row, of at most [`BLOCK`] elements.
fn exponentials_of_part<T: Real>(x: &[T], shift: T, out: &mut [MaybeUninit<T>]) -> T {
    let mut sums = [T::ZERO; LANES];
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (out, out_rest) = out.as_chunks_mut::<LANES>();
    simd::dispatch(
        #[inline(always)]
        || {
            for (x, out) in x.iter().zip(out) {
                for l in 0..LANES {
                    let y = vector_math::exp(x[l] - shift);
                    out[l].write(y);
                    sums[l] = sums[l] + y;
                }
            }
            if !x_rest.is_empty() {
                let mut padded = [x_rest[0]; LANES];
                padded[..x_rest.len()].copy_from_slice(x_rest);
                for y in &mut padded {
                    *y = vector_math::exp(*y - shift);
                }
                for (l, out) in out_rest.iter_mut().enumerate() {
                    out.write(padded[l]);
                    sums[l] = sums[l] + padded[l];
                }
            }
            halve(
                sums,
                T::ZERO,
                #[inline(always)]
                |a, b| a + b,
            )
        },
    )
}

/// `out = e^(x - shift)` of each row, where the shift is its largest element; and `then(row, shift, y, sum of y)`.
fn exponentials_and_sums<T: Real>(
    x: &[T],
    columns: usize,
    out: &mut [MaybeUninit<T>],
    mut then: impl FnMut(usize, T, &mut [T], T),
) {
    let columns = columns.max(1);
    if columns < SHORT {
        let mut shifts = [const { MaybeUninit::uninit() }; BLOCK];
        let (y, shifts) = exponentials(x, columns, out, &mut shifts);
        for (i, (y, &shift)) in y.chunks_exact_mut(columns).zip(shifts).enumerate() {
            let sum = y.iter().fold(T::ZERO, |sum, &y| sum + y);
            then(i, shift, y, sum);
        }
        return;
    }
    let rows = x.chunks_exact(columns).zip(out.chunks_exact_mut(columns));
    for (i, (x, out)) in rows.enumerate() {
        let shift = shift(x);
        let parts = x.chunks(BLOCK).zip(out.chunks_mut(BLOCK));
        let sum = parts.fold(T::ZERO, |sum, (x, out)| {
            sum + exponentials_of_part(x, shift, out)
        });
        // SAFETY: written above.
        then(i, shift, unsafe { written(out) }, sum);
    }
}

/// `out = e^(x - shift)`, with the [`shift`] of each row: of short rows, as one loop.
fn exponentials<'o, T: Real>(
    x: &[T],
    columns: usize,
    out: &'o mut [MaybeUninit<T>],
    shifts: &'o mut [MaybeUninit<T>],
) -> (&'o mut [T], &'o [T]) {
    let shifts = &mut shifts[..x.len() / columns];
    let rows = x.chunks_exact(columns).zip(out.chunks_exact_mut(columns));
    for ((x, out), to) in rows.zip(&mut *shifts) {
        let shift = shift(x);
        to.write(shift);
        for (out, &x) in out.iter_mut().zip(x) {
            out.write(x - shift);
        }
    }
    // SAFETY: written above.
    let (out, shifts) = unsafe { (written(out), written(shifts)) };
    simd::map_in_place(
        out,
        Cost::Heavy,
        #[inline(always)]
        |x| vector_math::exp(x),
    );
    (out, shifts)
}

/// `e^x / sum(e^x)` of each row.
pub(crate) fn softmax<T: Real>(x: &[T], columns: usize, out: &mut [MaybeUninit<T>]) {
    for_each_block(out, columns, columns, |first, out| {
        let x = &x[first * columns..][..out.len()];
        exponentials_and_sums(x, columns, out, |_, _, y, sum| scale(y, T::ONE / sum));
    });
}

fn scale<T: Real>(x: &mut [T], factor: T) {
    if x.len() < SHORT {
        return x.iter_mut().for_each(|x| *x = *x * factor);
    }
    simd::map_in_place(
        x,
        Cost::Cheap,
        #[inline(always)]
        |x| x * factor,
    );
}

/// `log(sum(e^x))` of each row: one element of `out` for each.
pub(crate) fn logsumexp<T: Real>(x: &[T], columns: usize, out: &mut [MaybeUninit<T>]) {
    for_each_block(out, 1, columns, |first, out| {
        let x = &x[first * columns..][..out.len() * columns];
        let mut buffer = [const { MaybeUninit::uninit() }; BLOCK];
        if columns < SHORT {
            if columns == 0 {
                return out.fill(MaybeUninit::new(-T::INFINITY));
            }
            let buffer = &mut buffer[..x.len()];
            return exponentials_and_sums(x, columns, buffer, |i, shift, _, sum| {
                out[i].write(shift + vector_math::log(sum));
            });
        }
        for (row, out) in x.chunks_exact(columns).zip(out) {
            let shift = shift(row);
            let sum = row.chunks(BLOCK).fold(T::ZERO, |sum, x| {
                sum + exponentials_of_part(x, shift, &mut buffer[..x.len()])
            });
            out.write(shift + vector_math::log(sum));
        }
    });
}

/// `softmax(x)` of each row into `out`, and `-log(softmax(x)[label])` of each into `losses`.
pub(crate) fn cross_entropy<T: Real>(
    x: &[T],
    labels: &[usize],
    columns: usize,
    losses: &mut [T],
    out: &mut [MaybeUninit<T>],
) {
    let losses = SendPointer(losses.as_mut_ptr());
    for_each_block(out, columns, columns, |first, out| {
        let x = &x[first * columns..][..out.len()];
        exponentials_and_sums(x, columns, out, |i, shift, y, sum| {
            let loss = shift + vector_math::log(sum) - x[i * columns + labels[first + i]];
            // SAFETY: a loss for each row, which one thread has.
            unsafe { *losses.get().add(first + i) = loss };
            scale(y, T::ONE / sum);
        });
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

/// `(y - onehot(labels)) * factor` of each row.
pub(crate) fn cross_entropy_grad<T: Real>(
    y: &[T],
    labels: &[usize],
    factor: T,
    columns: usize,
    out: &mut [MaybeUninit<T>],
) {
    for_each_block(out, columns, columns, |first, out| {
        let y = &y[first * columns..][..out.len()];
        simd::map(
            y,
            out,
            Cost::Cheap,
            #[inline(always)]
            |y| y * factor,
        );
        // SAFETY: written above.
        let rows = unsafe { written(out) }.chunks_exact_mut(columns);
        for (row, &label) in rows.zip(&labels[first..]) {
            row[label] = row[label] - factor;
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

//! Products of a vector and a matrix.

use std::ops::{Add, AddAssign, Mul};

use super::simd::dispatch;
use super::threads::{self, SendPointer};
use crate::Element;

/// y (n) += x (k) · b (k, n), bound by reading `b` once; its rows or its columns are contiguous,
/// in the second case x too.
///
/// # Safety
/// As [`Multiply::multiply`].
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn add_vector_matrix<T>(
    n: usize,
    k: usize,
    y: *mut T,
    x: *const T,
    x_stride: isize,
    b: *const T,
    b_strides: (isize, isize),
    parallel: bool,
) where
    T: Element + Add<Output = T> + AddAssign + Mul<Output = T>,
{
    let (x, b, y) = (
        SendPointer(x.cast_mut()),
        SendPointer(b.cast_mut()),
        SendPointer(y),
    );
    let by_rows = b_strides.1 == 1;
    // Columns of one task: by rows, a piece of y that stays in the first cache, and one for each thread.
    let block = if by_rows {
        let threads = if parallel { threads::count() } else { 1 };
        n.div_ceil(threads).next_multiple_of(64).min(1024)
    } else {
        16
    };
    let task = |i: usize| {
        let columns = i * block..((i + 1) * block).min(n);
        let (x, b) = (x.get().cast_const(), b.get().cast_const());
        // SAFETY: tasks write to columns of their own.
        let y =
            unsafe { std::slice::from_raw_parts_mut(y.get().add(columns.start), columns.len()) };
        dispatch(
            #[inline(always)]
            // SAFETY: `x` has k elements and `b` these columns, as the caller vouches.
            || unsafe {
                if by_rows {
                    let b = b.add(columns.start);
                    add_rows(y, k, x, x_stride, b, b_strides.0)
                } else {
                    let x = std::slice::from_raw_parts(x, k);
                    for (j, y) in columns.zip(y) {
                        let column = b.offset(j as isize * b_strides.1);
                        *y += dot(x, std::slice::from_raw_parts(column, k));
                    }
                }
            },
        );
    };
    let count = n.div_ceil(block);
    if parallel {
        threads::for_each(count, &task);
    } else {
        (0..count).for_each(task);
    }
}

/// y += Σ x_p · (row p of b), eight rows at a time: y is read and written less often, and the
/// processor fetches the rows side by side.
#[inline(always)]
unsafe fn add_rows<T>(y: &mut [T], k: usize, x: *const T, x_stride: isize, b: *const T, row: isize)
where
    T: Copy + Add<Output = T> + AddAssign + Mul<Output = T>,
{
    // SAFETY: `x` has k elements and `b` k rows at least as long as `y`.
    unsafe {
        let n = y.len();
        let at = |p: usize| *x.offset(p as isize * x_stride);
        let row = |p: usize| std::slice::from_raw_parts(b.offset(p as isize * row), n);
        let eights = k / 8 * 8;
        for p in (0..eights).step_by(8) {
            let x: [T; 8] = std::array::from_fn(|i| at(p + i));
            let b: [&[T]; 8] = std::array::from_fn(|i| row(p + i));
            for (j, y) in y.iter_mut().enumerate() {
                let low = (x[0] * b[0][j] + x[1] * b[1][j]) + (x[2] * b[2][j] + x[3] * b[3][j]);
                let high = (x[4] * b[4][j] + x[5] * b[5][j]) + (x[6] * b[6][j] + x[7] * b[7][j]);
                *y += low + high;
            }
        }
        for p in eights..k {
            let (x, b) = (at(p), row(p));
            for (y, &b) in y.iter_mut().zip(b) {
                *y += x * b;
            }
        }
    }
}

/// Sum of products, in 32 interleaved sums that become SIMD registers.
#[inline(always)]
fn dot<T>(x: &[T], y: &[T]) -> T
where
    T: Copy + Default + Add<Output = T> + AddAssign + Mul<Output = T>,
{
    let mut sums = [T::default(); 32];
    let (xs, ys) = (x.chunks_exact(32), y.chunks_exact(32));
    let mut rest = T::default();
    for (&x, &y) in xs.remainder().iter().zip(ys.remainder()) {
        rest += x * y;
    }
    for (x, y) in xs.zip(ys) {
        for i in 0..32 {
            sums[i] += x[i] * y[i];
        }
    }
    let mut width = 16;
    while width > 0 {
        let (low, high) = sums.split_at_mut(width);
        for (low, &high) in low.iter_mut().zip(&*high) {
            *low += high;
        }
        width /= 2;
    }
    sums[0] + rest
}

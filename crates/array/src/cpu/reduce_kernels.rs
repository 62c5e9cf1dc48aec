//! Sums and products of vectors over plain slices.
//!
//! A sum follows NumPy's pairwise order to the last addition (blocks of at most 128 elements with 8 running
//! sums, combined as a balanced tree), so that it gives NumPy's digits, and its error grows with log n only.
//! The order depends on the length alone: neither threads nor the SIMD level change a bit.

use std::mem::MaybeUninit;

use super::simd::dispatch;
use super::threads;
use super::vector_math::Real;

/// Longest run that is summed without splitting.
const LEAF: usize = 128;
/// Shortest sum that is split over threads.
const PARALLEL_FROM: usize = 1 << 17;

/// Sum of `term(i)` for `i` in `start..start + len`, in NumPy's order.
fn pairwise<T: Real>(start: usize, len: usize, term: &(impl Fn(usize) -> T + Sync)) -> T {
    if len <= LEAF {
        return leaf(start, len, term);
    }
    if len < PARALLEL_FROM {
        let left = left_half(len);
        return pairwise(start, left, term) + pairwise(start + left, len - left, term);
    }
    // The same tree, whose lower branches threads add up.
    let mut branches = Vec::new();
    cut(start, len, &mut branches);
    let sums = threads::map(branches.len(), |i| {
        let (start, len) = branches[i];
        pairwise(start, len, term)
    });
    join(len, &mut sums.into_iter())
}

/// Length of the left half: a multiple of 8.
fn left_half(len: usize) -> usize {
    len / 2 / 8 * 8
}

/// The branches of the tree that are short enough for one thread.
fn cut(start: usize, len: usize, branches: &mut Vec<(usize, usize)>) {
    if len < PARALLEL_FROM {
        return branches.push((start, len));
    }
    let left = left_half(len);
    cut(start, left, branches);
    cut(start + left, len - left, branches);
}

/// The sum of the branches that [`cut`] made of `len` elements.
fn join<T: Real>(len: usize, sums: &mut impl Iterator<Item = T>) -> T {
    if len < PARALLEL_FROM {
        return sums.next().expect("a sum for each branch");
    }
    let left = left_half(len);
    join(left, sums) + join(len - left, sums)
}

#[inline(always)]
fn leaf<T: Real>(start: usize, len: usize, term: &impl Fn(usize) -> T) -> T {
    let mut rest = start;
    let mut sum = T::ZERO;
    if len >= 8 {
        let mut s = [T::ZERO; 8];
        for (j, s) in s.iter_mut().enumerate() {
            *s = term(start + j);
        }
        rest += 8;
        while rest + 8 <= start + len {
            for (j, s) in s.iter_mut().enumerate() {
                *s = *s + term(rest + j);
            }
            rest += 8;
        }
        sum = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
    }
    for i in rest..start + len {
        sum = sum + term(i);
    }
    sum
}

/// Sum of all elements; 0 of none.
pub(crate) fn sum<T: Real>(x: &[T]) -> T {
    // SAFETY: pairwise asks for indices below `x.len()` only.
    pairwise(0, x.len(), &|i| unsafe { *x.get_unchecked(i) })
}

/// Sum of `f` of all elements; `f` should be a few instructions.
pub(crate) fn sum_map<T: Copy + Sync, U: Real>(x: &[T], f: impl Fn(T) -> U + Sync) -> U {
    // SAFETY: pairwise asks for indices below `x.len()` only.
    pairwise(0, x.len(), &|i| f(unsafe { *x.get_unchecked(i) }))
}

/// Sum of `f(x0[i], x1[i])`; `f` should be a few instructions.
pub(crate) fn sum_zip<T: Copy + Sync, U: Real>(
    x0: &[T],
    x1: &[T],
    f: impl Fn(T, T) -> U + Sync,
) -> U {
    assert_eq!(x0.len(), x1.len());
    // SAFETY: pairwise asks for indices below the length of both only.
    pairwise(0, x0.len(), &|i| unsafe {
        f(*x0.get_unchecked(i), *x1.get_unchecked(i))
    })
}

/// Sum of squares.
pub(crate) fn sum_of_squares<T: Real>(x: &[T]) -> T {
    sum_map(x, |v| v * v)
}

/// Inner product.
pub(crate) fn dot<T: Real>(x0: &[T], x1: &[T]) -> T {
    sum_zip(x0, x1, |a, b| a * b)
}

/// Reduces a `[rows, columns]` matrix along axis 0: `out[j]` starts as `start` and takes each row in turn.
///
/// As in NumPy the rows are added one after the other.
pub(crate) fn reduce_columns<T: Copy + Send + Sync>(
    x: &[T],
    out: &mut [MaybeUninit<T>],
    start: T,
    f: impl Fn(T, T) -> T + Copy + Sync,
) {
    out.fill(MaybeUninit::new(start));
    // SAFETY: just filled.
    let out = unsafe { &mut *(out as *mut [MaybeUninit<T>] as *mut [T]) };
    let columns = out.len();
    if columns == 0 {
        return;
    }
    assert_eq!(x.len() % columns, 0);
    let one = |from: usize, out: &mut [T]| {
        dispatch(
            #[inline(always)]
            || {
                for row in x.chunks_exact(columns) {
                    let row = &row[from..from + out.len()];
                    for (o, &v) in out.iter_mut().zip(row) {
                        *o = f(*o, v);
                    }
                }
            },
        )
    };
    // A strip of columns stays in the first-level cache while the rows pass by.
    const STRIP: usize = 1024;
    if x.len() >= PARALLEL_FROM && columns >= 2 * STRIP {
        threads::for_each_chunk(out, STRIP, |i, out| one(i * STRIP, out));
    } else {
        one(0, out);
    }
}

/// Sum along axis 0 of a `[rows, columns]` matrix.
pub(crate) fn sum_columns<T: Real>(x: &[T], out: &mut [MaybeUninit<T>]) {
    reduce_columns(
        x,
        out,
        T::ZERO,
        #[inline(always)]
        |a, b| a + b,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Array;

    fn numbers(len: usize) -> Vec<f64> {
        let mut state = 88172645463325252u64;
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as f64 / (1u64 << 53) as f64
            })
            .collect()
    }

    #[test]
    fn sums_are_accurate() {
        for len in [0, 1, 7, 8, 9, 127, 128, 129, 1000, 4096, 300_001, 4_000_000] {
            let x = numbers(len);
            let x32: Vec<f32> = x.iter().map(|&v| v as f32).collect();
            let exact: f64 = x32.iter().map(|&v| f64::from(v)).sum();
            assert!(
                (f64::from(sum(&x32)) - exact).abs() <= 1e-6 * exact,
                "{len}"
            );
            let squares: f64 = x32.iter().map(|&v| f64::from(v).powi(2)).sum();
            assert!(
                (f64::from(sum_of_squares(&x32)) - squares).abs() <= 1e-6 * squares,
                "{len}"
            );
            let plain: f64 = x.iter().sum();
            assert!((sum(&x) - plain).abs() <= 1e-12 * plain, "{len}");
        }
    }

    #[test]
    fn one_thread_gives_the_same_bits() {
        let x = numbers(1_000_003);
        let sum_by = |threads| threads::limited(threads, || sum(&x)).to_bits();
        assert_eq!(sum_by(1), sum_by(3));
        let dot_by = |threads| threads::limited(threads, || dot(&x, &x)).to_bits();
        assert_eq!(dot_by(1), dot_by(3));
    }

    #[test]
    fn extremes_pass_nan_on_and_find_any_place() {
        let array = |x: &[f64]| Array::from_slice(x, [x.len()]);
        let (min, max) = (
            |x: &[f64]| array(x).min().item(),
            |x: &[f64]| array(x).max().item(),
        );
        for len in [1usize, 5, 63, 64, 65, 200, 200_003] {
            let mut x = numbers(len);
            for at in [0, len / 2, len - 1] {
                let kept = x[at];
                x[at] = 7.0;
                assert_eq!(max(&x), 7.0);
                x[at] = -7.0;
                assert_eq!(min(&x), -7.0);
                x[at] = f64::NAN;
                assert!(max(&x).is_nan() && min(&x).is_nan());
                x[at] = kept;
            }
        }
    }

    #[test]
    fn rows_and_columns() {
        for (rows, columns) in [(3, 5), (1, 1), (700, 300), (60, 5000), (4, 0), (0, 3)] {
            let x = numbers(rows * columns);
            let out = Array::from_slice(&x, [rows, columns]).sum_axis(1, false);
            for (i, o) in out.to_vec::<f64>().iter().enumerate() {
                let expected: f64 = (0..columns).map(|j| x[i * columns + j]).sum();
                assert!((o - expected).abs() <= 1e-12 * expected);
            }
            let mut out = vec![MaybeUninit::uninit(); columns];
            sum_columns(&x, &mut out);
            for (j, o) in out.iter().enumerate() {
                let expected: f64 = (0..rows).map(|i| x[i * columns + j]).sum();
                // SAFETY: sum_columns fills `out`.
                assert_eq!(unsafe { o.assume_init() }, expected);
            }
        }
    }
}

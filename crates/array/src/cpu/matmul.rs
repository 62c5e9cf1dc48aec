//! Products of two matrices: `gemm` for what is large, a kernel without set-up cost for what is
//! small, plain loops for integers.

use gemm_common::Parallelism;
use rayon::prelude::*;

use crate::Element;

/// Multiply-adds below which one product stays on one thread.
const PARALLEL_FROM: usize = 1 << 18;
/// Multiply-adds up to which `gemm`'s set-up costs more than its speed brings.
const SMALL: usize = 1 << 12;

/// One product of (m, k) by (k, n) into (m, n), whose rows are contiguous; strides are
/// (row, column).
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) a_strides: (isize, isize),
    pub(crate) b_strides: (isize, isize),
    /// Distance of the rows of the destination.
    pub(crate) c_stride: usize,
    /// Add to the destination instead of overwriting it.
    pub(crate) accumulate: bool,
}

/// A pointer that threads share; each writes to places of its own.
#[derive(Clone, Copy)]
pub(crate) struct SendPointer<T>(pub(crate) *mut T);
// SAFETY: whoever shares one vouches that its uses are disjoint.
unsafe impl<T: Send> Send for SendPointer<T> {}
unsafe impl<T: Send> Sync for SendPointer<T> {}

impl<T> SendPointer<T> {
    pub(crate) fn get(self) -> *mut T {
        self.0
    }
}

/// An element type that matrices can be multiplied in.
pub(crate) trait Multiply: Element {
    /// `c = a b`, or `c += a b` if the job accumulates.
    ///
    /// # Safety
    /// The operands lie at the pointers with the job's strides; `c` has room for m rows
    /// and holds elements if the job accumulates.
    unsafe fn multiply(job: &Job, c: *mut Self, a: *const Self, b: *const Self, parallel: bool);
}

/// Calls `product(i, parallel)` for a batch of products of `work` multiply-adds each: on several
/// threads, or one after the other where each is large enough to occupy the threads by itself.
pub(crate) fn for_each_batch(count: usize, work: usize, product: impl Fn(usize, bool) + Sync) {
    let threads = rayon::current_num_threads();
    if threads == 1 || count * work < PARALLEL_FROM {
        (0..count).for_each(|i| product(i, false));
    } else if count >= 2 * threads || work < PARALLEL_FROM {
        (0..count).into_par_iter().for_each(|i| product(i, false));
    } else {
        (0..count).for_each(|i| product(i, true));
    }
}

macro_rules! multiply_float {
    ($T:ident, $gemm:path, $LANES:literal) => {
        impl Multiply for $T {
            unsafe fn multiply(job: &Job, c: *mut $T, a: *const $T, b: *const $T, parallel: bool) {
                let &Job {
                    m,
                    k,
                    n,
                    a_strides,
                    b_strides,
                    c_stride,
                    accumulate,
                } = job;
                let work = m * k * n;
                if work <= SMALL {
                    // SAFETY: as promised by the caller.
                    return unsafe { small::<$T, $LANES>(job, c, a, b) };
                }
                let parallelism = if parallel && work >= PARALLEL_FROM {
                    Parallelism::Rayon(0)
                } else {
                    Parallelism::None
                };
                // gemm wants columns of the destination to be contiguous, so it computes
                // cᵀ = bᵀ aᵀ.
                // SAFETY: as promised by the caller.
                unsafe {
                    $gemm()(
                        n,
                        m,
                        k,
                        c,
                        c_stride as isize,
                        1,
                        accumulate,
                        b,
                        b_strides.0,
                        b_strides.1,
                        a,
                        a_strides.0,
                        a_strides.1,
                        1.0,
                        1.0,
                        false,
                        false,
                        false,
                        parallelism,
                    )
                }
            }
        }
    };
}
multiply_float!(f32, gemm_f32::gemm::f32::get_gemm_fn, 16);
multiply_float!(f64, gemm_f64::gemm::f64::get_gemm_fn, 8);

/// A product too small for packing and blocking: strips of `LANES` columns in registers.
///
/// # Safety
/// As [`Multiply::multiply`].
unsafe fn small<T, const LANES: usize>(job: &Job, c: *mut T, a: *const T, b: *const T)
where
    T: Element + std::ops::Add<Output = T> + std::ops::Mul<Output = T>,
{
    // SAFETY: indices stay below the job's sizes.
    unsafe {
        for j in (0..job.n).step_by(LANES) {
            let width = LANES.min(job.n - j);
            for i in 0..job.m {
                let mut sums = [T::default(); LANES];
                for p in 0..job.k {
                    let x = *a.offset(i as isize * job.a_strides.0 + p as isize * job.a_strides.1);
                    let row = b.offset(p as isize * job.b_strides.0 + j as isize * job.b_strides.1);
                    for (l, sum) in sums[..width].iter_mut().enumerate() {
                        *sum = *sum + x * *row.offset(l as isize * job.b_strides.1);
                    }
                }
                let out = c.add(i * job.c_stride + j);
                for (l, &sum) in sums[..width].iter().enumerate() {
                    let y = out.add(l);
                    y.write(if job.accumulate { *y + sum } else { sum });
                }
            }
        }
    }
}

macro_rules! multiply_exact {
    ($T:ident, $zero:expr, $fused:expr) => {
        impl Multiply for $T {
            unsafe fn multiply(job: &Job, c: *mut $T, a: *const $T, b: *const $T, _: bool) {
                let fused: fn($T, $T, $T) -> $T = $fused;
                // SAFETY: indices stay below the job's sizes.
                unsafe {
                    for i in 0..job.m {
                        let c = c.add(i * job.c_stride);
                        if !job.accumulate {
                            (0..job.n).for_each(|j| c.add(j).write($zero));
                        }
                        for p in 0..job.k as isize {
                            let x = *a.offset(i as isize * job.a_strides.0 + p * job.a_strides.1);
                            let row = b.offset(p * job.b_strides.0);
                            for j in 0..job.n {
                                let y = *row.offset(j as isize * job.b_strides.1);
                                *c.add(j) = fused(x, y, *c.add(j));
                            }
                        }
                    }
                }
            }
        }
    };
}
multiply_exact!(i64, 0, |x, y, sum| sum.wrapping_add(x.wrapping_mul(y)));
multiply_exact!(bool, false, |x, y, sum| sum | (x & y));

//! Products of two matrices: packed blocks and register tiles for floats, plain loops for integers.

use std::mem::MaybeUninit;
use std::ops::{Add, AddAssign, Mul, Range};

use super::panels::{Panels, depth_of_pass, max_depth, multiply_panels, pack_columns};
use super::threads;
use super::tile::{Plus, Real, Tiles};
use super::transpose::transpose;
use super::vector_matrix::add_vector_matrix;
use crate::Element;
use crate::buffer::Buffer;

/// Multiply-adds below which one product stays on one thread.
pub(super) const PARALLEL_FROM: usize = 1 << 20;
/// Bytes of a packed block of columns: most of a second cache of 1 MiB. The wider it is, the less often the left operand is read.
const BLOCK_BYTES: usize = 768 << 10;
/// Most rows for which columns are not worth packing, if they can be read where they are.
const FEW_ROWS: usize = 48;
/// Elements of a block that is packed on the stack, where asking for a buffer would be felt.
const ON_STACK: usize = 2048;

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
}

/// Where the matrices of a product lie.
pub(crate) struct Operands<T> {
    pub(crate) c: *mut T,
    pub(crate) plus: Plus<T>,
    pub(crate) a: *const T,
    pub(crate) b: *const T,
}

impl<T> Clone for Operands<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Operands<T> {}

impl<T> Operands<T> {
    /// All of them: a closure that named the fields would hold bare pointers.
    pub(crate) fn get(self) -> Self {
        self
    }
}

// SAFETY: threads write to parts of `c` of their own, as each use says, and read the rest.
unsafe impl<T: Send + Sync> Send for Operands<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Operands<T> {}

/// An element type that matrices can be multiplied in.
pub(crate) trait Multiply: Element {
    /// `c = a b`, plus what the operands say.
    ///
    /// # Safety
    /// The operands lie at the pointers with the job's strides; `c` has room for m rows.
    unsafe fn multiply(job: &Job, operands: Operands<Self>, parallel: bool);
}

/// Calls `product(i, parallel)` for a batch of products of `work` multiply-adds each: on several
/// threads, or one after the other where each is large enough to occupy the threads by itself.
pub(crate) fn for_each_batch(count: usize, work: usize, product: impl Fn(usize, bool) + Sync) {
    let threads = threads::count();
    if threads == 1 || count * work < PARALLEL_FROM {
        (0..count).for_each(|i| product(i, false));
    } else if count >= 2 * threads || work < PARALLEL_FROM {
        threads::for_each(count, &|i| product(i, false));
    } else {
        (0..count).for_each(|i| product(i, true));
    }
}

macro_rules! multiply_float {
    ($($T:ident),*) => {$(
        impl Multiply for $T {
            unsafe fn multiply(job: &Job, operands: Operands<$T>, parallel: bool) {
                // SAFETY: as promised by the caller.
                unsafe { product(job, operands, parallel) }
            }
        }
    )*};
}
multiply_float!(f32, f64);

/// [`Multiply::multiply`] for floats.
unsafe fn product<T>(job: &Job, operands: Operands<T>, parallel: bool)
where
    T: Real + Element + Add<Output = T> + AddAssign + Mul<Output = T>,
{
    let Operands { c, plus, a, b } = operands;
    let &Job { m, k, n, .. } = job;
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        // SAFETY: promised by the caller.
        return unsafe { start(m, n, (c, job.c_stride), plus) };
    }
    let work = m * k * n;
    // Where each element is used a few times only, memory is what takes the time.
    let moved = m * k + k * n + m * n;
    let parallel = parallel && work + 8 * moved >= PARALLEL_FROM && threads::count() > 1;
    if work >= ON_STACK {
        let (columns, rows) = (job.b_strides, job.a_strides);
        if m == 1 && (columns.1 == 1 || (columns.0 == 1 && rows.1 == 1)) {
            // SAFETY: promised by the caller.
            return unsafe {
                start(m, n, (c, job.c_stride), plus);
                add_vector_matrix(n, k, c, a, rows.1, b, columns, parallel)
            };
        }
        if n == 1 && job.c_stride == 1 && (rows.0 == 1 || (rows.1 == 1 && columns.0 == 1)) {
            let rows = (rows.1, rows.0);
            // SAFETY: promised by the caller.
            return unsafe {
                start(m, n, (c, job.c_stride), plus);
                add_vector_matrix(m, k, c, b, columns.0, a, rows, parallel)
            };
        }
    }
    // Few rows by a large transposed matrix: the transposed product has the rows to pack, and not the matrix.
    let is_transposed = job.b_strides.0 == 1 && job.b_strides.1 != 1;
    if is_transposed && matches!(plus, Plus::Nothing) && m >= 8 && 8 * m <= n {
        let turned = Job {
            m: n,
            k,
            n: m,
            a_strides: (job.b_strides.1, job.b_strides.0),
            b_strides: (job.a_strides.1, job.a_strides.0),
            c_stride: m,
        };
        let product_turned = Buffer::scratch::<T>(n * m);
        let from: *mut T = product_turned.elements();
        // SAFETY: the same operands, and room for the result and its transpose.
        return unsafe {
            let operands = Operands {
                c: from,
                plus: Plus::Nothing,
                a: b,
                b: a,
            };
            product(&turned, operands, parallel);
            transpose(from, m, n, m, c, job.c_stride);
        };
    }
    let tiles = T::tiles();
    let panel = 2 * tiles.lanes;
    let block = (BLOCK_BYTES / (max_depth::<T>() * size_of::<T>())).next_multiple_of(panel);
    if !parallel {
        for start in (0..n).step_by(block) {
            let columns = start..(start + block).min(n);
            // SAFETY: promised by the caller.
            unsafe { product_block(tiles, job, 0..m, columns, &operands) };
        }
        return;
    }
    let threads = threads::count();
    let count = n.div_ceil(block).next_multiple_of(threads);
    let width = n.div_ceil(count).next_multiple_of(panel);
    let height = m.div_ceil(threads).next_multiple_of(4);
    // What a thread does in vain at each step of the inner dimension, in multiply-adds, if it has some of the columns:
    // those that fill up a panel, and waiting for lines of the result of which another thread writes the neighbours.
    let columns_cost = (width * count / threads - n / threads) * m + 16 * m * n / (threads * k);
    // And if it has some of the rows: it packs all columns.
    let rows_cost = (height - m / threads) * n + 3 * n;
    if columns_cost <= rows_cost {
        threads::for_each(n.div_ceil(width), &|i| {
            let columns = i * width..((i + 1) * width).min(n);
            // SAFETY: promised by the caller; this task's columns are its own.
            unsafe { product_block(tiles, job, 0..m, columns, &operands) };
        });
    } else {
        threads::for_each(m.div_ceil(height), &|i| {
            let rows = i * height..((i + 1) * height).min(m);
            for start in (0..n).step_by(block) {
                let columns = start..(start + block).min(n);
                // SAFETY: promised by the caller; this task's rows are its own.
                unsafe { product_block(tiles, job, rows.clone(), columns, &operands) };
            }
        });
    }
}

/// Makes (m, n) elements at `c` what a product is added to.
///
/// # Safety
/// As [`Multiply::multiply`].
pub(super) unsafe fn start<T: Element>(
    m: usize,
    n: usize,
    (c, stride): (*mut T, usize),
    plus: Plus<T>,
) {
    for i in 0..m {
        // SAFETY: rows of the destination, and the row that is added.
        unsafe {
            let c = c.add(i * stride);
            match plus {
                Plus::Nothing => (0..n).for_each(|j| c.add(j).write(T::default())),
                Plus::Result => return,
                Plus::Row(row) => std::ptr::copy_nonoverlapping(row, c, n),
            }
        }
    }
}

/// The part of a product in `rows` and `columns`, on one thread.
///
/// # Safety
/// As [`Multiply::multiply`], inside the job's sizes.
unsafe fn product_block<T: Real + Element>(
    tiles: &Tiles<T>,
    job: &Job,
    rows: Range<usize>,
    columns: Range<usize>,
    &Operands { c, plus, a, b }: &Operands<T>,
) {
    let panel = 2 * tiles.lanes;
    // Whole vectors can be read where they are, unless the rows fall on the same cache sets.
    let apart = !(job.b_strides.0 as usize * size_of::<T>()).is_multiple_of(1024);
    let in_place = if rows.len() <= FEW_ROWS && job.b_strides.1 == 1 && apart {
        columns.len() / tiles.lanes * tiles.lanes
    } else {
        0
    };
    let border = columns.start + in_place;
    let (in_place, columns) = (columns.start..border, border..columns.end);
    let max_depth = depth_of_pass::<T>(job.k);
    let size = columns.len().next_multiple_of(panel) * max_depth;
    let mut on_stack = MaybeUninit::<[T; ON_STACK]>::uninit();
    let buffer;
    let packed: *mut T = if size <= ON_STACK {
        on_stack.as_mut_ptr().cast()
    } else {
        buffer = Buffer::scratch::<T>(size);
        buffer.elements()
    };
    // SAFETY: positions stay inside the job's sizes and the buffers.
    unsafe {
        for start in (0..job.k).step_by(max_depth) {
            let depth = max_depth.min(job.k - start);
            let multiply = |panels: &Panels<T>, columns: Range<usize>| {
                multiply_panels(
                    tiles,
                    panels,
                    rows.clone(),
                    (a.offset(start as isize * job.a_strides.1), job.a_strides),
                    columns,
                    (c, job.c_stride),
                    if start > 0 { Plus::Result } else { plus },
                );
            };
            let b = b.offset(start as isize * job.b_strides.0);
            if !in_place.is_empty() {
                let panels = Panels {
                    start: b.add(in_place.start),
                    depth,
                    next: panel,
                    row: job.b_strides.0 as usize,
                };
                multiply(&panels, in_place.clone());
            }
            for (i, first) in columns.clone().step_by(panel).enumerate() {
                let width = panel.min(columns.end - first);
                let b = b.offset(first as isize * job.b_strides.1);
                let packed = packed.add(i * panel * depth);
                pack_columns(tiles, b, job.b_strides, depth, width, packed);
            }
            if !columns.is_empty() {
                multiply(&Panels::packed(packed, depth, panel), columns.clone());
            }
        }
    }
}

macro_rules! multiply_exact {
    ($T:ident, $fused:expr) => {
        impl Multiply for $T {
            unsafe fn multiply(job: &Job, operands: Operands<$T>, _: bool) {
                let fused: fn($T, $T, $T) -> $T = $fused;
                let Operands { c, plus, a, b } = operands;
                // SAFETY: indices stay below the job's sizes.
                unsafe {
                    start(job.m, job.n, (c, job.c_stride), plus);
                    for i in 0..job.m {
                        let c = c.add(i * job.c_stride);
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
multiply_exact!(i64, |x, y, sum| sum.wrapping_add(x.wrapping_mul(y)));
multiply_exact!(bool, |x, y, sum| sum | (x & y));

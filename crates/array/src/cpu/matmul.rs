//! Products of two matrices: packed blocks and register tiles for floats, plain loops for integers.

use std::mem::MaybeUninit;
use std::ops::{Add, AddAssign, Mul, Range};

use super::simd::dispatch;
use super::threads::{self, SendPointer};
use super::tile::{Real, Tile, Tiles};
use super::transpose::transpose;
use crate::Element;
use crate::buffer::Buffer;

/// Multiply-adds below which one product stays on one thread.
pub(super) const PARALLEL_FROM: usize = 1 << 20;
/// Most steps of the inner dimension in one pass.
const MAX_DEPTH: usize = 384;
/// Bytes of a packed block of columns, which stays in the second cache.
const BLOCK_BYTES: usize = 384 << 10;
/// Most rows for which columns are not worth packing, if they can be read where they are.
const FEW_ROWS: usize = 48;
/// Elements of a block that is packed on the stack, where asking for a buffer would be felt.
const ON_STACK: usize = 2048;

/// Most steps of the inner dimension in one pass: a strip of rows stays in the first cache.
const fn max_depth<T>() -> usize {
    1536 / size_of::<T>()
}

/// Steps of each pass but the last, which has hardly less.
fn depth_of_pass<T>(k: usize) -> usize {
    k.div_ceil(k.div_ceil(max_depth::<T>()).max(1))
}

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
            unsafe fn multiply(
                job: &Job,
                c: *mut $T,
                a: *const $T,
                b: *const $T,
                parallel: bool,
            ) {
                // SAFETY: as promised by the caller.
                unsafe { product(job, c, a, b, parallel) }
            }
        }
    )*};
}
multiply_float!(f32, f64);

/// [`Multiply::multiply`] for floats.
unsafe fn product<T>(job: &Job, c: *mut T, a: *const T, b: *const T, parallel: bool)
where
    T: Real + Element + Add<Output = T> + AddAssign + Mul<Output = T>,
{
    let &Job { m, k, n, .. } = job;
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if !job.accumulate {
            for i in 0..m {
                // SAFETY: rows of the destination.
                (0..n).for_each(|j| unsafe { c.add(i * job.c_stride + j).write(T::default()) });
            }
        }
        return;
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
                vector_matrix(n, k, c, a, rows.1, b, columns, job.accumulate, parallel)
            };
        }
        if n == 1 && job.c_stride == 1 && (rows.0 == 1 || (rows.1 == 1 && columns.0 == 1)) {
            let rows = (rows.1, rows.0);
            // SAFETY: promised by the caller.
            return unsafe {
                vector_matrix(m, k, c, b, columns.0, a, rows, job.accumulate, parallel)
            };
        }
    }
    // Few rows by a large transposed matrix: the transposed product has the rows to pack, and not the matrix.
    let is_transposed = job.b_strides.0 == 1 && job.b_strides.1 != 1;
    if is_transposed && !job.accumulate && m >= 8 && 8 * m <= n {
        let turned = Job {
            m: n,
            n: m,
            a_strides: (job.b_strides.1, job.b_strides.0),
            b_strides: (job.a_strides.1, job.a_strides.0),
            c_stride: m,
            ..*job
        };
        let product_turned = Buffer::scratch::<T>(n * m);
        let from: *mut T = product_turned.elements();
        // SAFETY: the same operands, and room for the result and its transpose.
        return unsafe {
            product(&turned, from, b, a, parallel);
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
            unsafe { product_block(tiles, job, 0..m, columns, c, a, b) };
        }
        return;
    }
    let threads = threads::count();
    let (a, b, c) = (
        SendPointer(a.cast_mut()),
        SendPointer(b.cast_mut()),
        SendPointer(c),
    );
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
            unsafe { product_block(tiles, job, 0..m, columns, c.get(), a.get(), b.get()) };
        });
    } else {
        threads::for_each(m.div_ceil(height), &|i| {
            let rows = i * height..((i + 1) * height).min(m);
            for start in (0..n).step_by(block) {
                let columns = start..(start + block).min(n);
                // SAFETY: promised by the caller; this task's rows are its own.
                unsafe {
                    product_block(tiles, job, rows.clone(), columns, c.get(), a.get(), b.get())
                };
            }
        });
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
    c: *mut T,
    a: *const T,
    b: *const T,
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
                    job.accumulate || start > 0,
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

/// Columns of a right operand, `depth` steps deep: panels two vectors wide.
struct Panels<T> {
    start: *const T,
    depth: usize,
    /// Distance of the panels, and of the rows in them.
    next: usize,
    row: usize,
}

impl<T> Panels<T> {
    /// Panels that lie one after the other.
    fn packed(start: *const T, depth: usize, panel: usize) -> Panels<T> {
        Panels {
            start,
            depth,
            next: depth * panel,
            row: panel,
        }
    }
}

/// Rows `rows` of `a` by panels, into the `columns` of c.
///
/// # Safety
/// As [`Multiply::multiply`], inside these sizes; the depth is at most `MAX_DEPTH`.
unsafe fn multiply_panels<T: Real + Element>(
    tiles: &Tiles<T>,
    panels: &Panels<T>,
    rows: Range<usize>,
    (a, a_strides): (*const T, (isize, isize)),
    columns: Range<usize>,
    (c, c_stride): (*mut T, usize),
    accumulate: bool,
) {
    let (panel, depth) = (2 * tiles.lanes, panels.depth);
    let mut offsets = [const { MaybeUninit::uninit() }; MAX_DEPTH];
    for (p, offset) in offsets[..depth].iter_mut().enumerate() {
        offset.write(p * panels.row);
    }
    // Sixteen more than the depth, so that rows do not fall on the same cache sets.
    let mut strip = MaybeUninit::<[[T; MAX_DEPTH + 16]; 12]>::uninit();
    let strip: *mut T = strip.as_mut_ptr().cast();
    // SAFETY: positions stay inside the sizes and the buffers.
    unsafe {
        let mut row = rows.start;
        while row < rows.end {
            let height = tiles.height(rows.end - row);
            let mut a_strides = a_strides;
            let mut a = a.offset(row as isize * a_strides.0);
            // Rows a multiple of 2 KiB apart fall on the same few cache sets.
            let collide =
                a_strides.1 != 1 || (a_strides.0 as usize * size_of::<T>()).is_multiple_of(2048);
            if columns.len() > 2 * panel && height > 1 && collide {
                a_strides = pack_rows(a, a_strides, depth, height, strip);
                a = strip;
            }
            for (i, first) in columns.clone().step_by(panel).enumerate() {
                tiles.run(
                    height,
                    &Tile {
                        k: depth,
                        a,
                        a_strides,
                        b: panels.start.add(i * panels.next),
                        b_offsets: offsets.as_ptr().cast(),
                        c: c.add(row * c_stride + first),
                        c_stride,
                        width: panel.min(columns.end - first),
                        accumulate,
                    },
                );
            }
            row += height;
        }
    }
}

/// A right operand (k, n), packed once for several products.
pub(crate) struct Packed<T: 'static> {
    tiles: &'static Tiles<T>,
    k: usize,
    n: usize,
    /// For each pass over the inner dimension its panels.
    panels: Buffer,
}

impl<T: Real + Element> Packed<T> {
    /// # Safety
    /// A (k, n) matrix lies at `b` with these strides.
    pub(crate) unsafe fn new(k: usize, n: usize, b: *const T, strides: (isize, isize)) -> Self {
        let tiles = T::tiles();
        let panel = 2 * tiles.lanes;
        let panels = Buffer::scratch::<T>(k * n.next_multiple_of(panel));
        let mut to: *mut T = panels.elements();
        let max_depth = depth_of_pass::<T>(k);
        for start in (0..k).step_by(max_depth.max(1)) {
            let depth = max_depth.min(k - start);
            for first in (0..n).step_by(panel) {
                let width = panel.min(n - first);
                // SAFETY: inside the operand; the buffer has room for each panel.
                unsafe {
                    let b = b.offset(start as isize * strides.0 + first as isize * strides.1);
                    pack_columns(tiles, b, strides, depth, width, to);
                    to = to.add(depth * panel);
                }
            }
        }
        Packed {
            tiles,
            k,
            n,
            panels,
        }
    }

    /// `c = a b` for an (m, k) matrix `a`, both with contiguous rows; `c += a b` if `accumulate`.
    ///
    /// # Safety
    /// As [`Multiply::multiply`].
    pub(crate) unsafe fn multiply(
        &self,
        m: usize,
        c: *mut T,
        a: *const T,
        accumulate: bool,
        parallel: bool,
    ) {
        if m == 0 || self.n == 0 {
            return;
        }
        let panel = 2 * self.tiles.lanes;
        let (a, c) = (SendPointer(a.cast_mut()), SendPointer(c));
        // Columns of a task, in whole panels.
        let threads = if parallel { threads::count() } else { 1 };
        let block = self.n.div_ceil(threads).next_multiple_of(panel);
        let task = |i: usize| {
            let columns = i * block..((i + 1) * block).min(self.n);
            let max_depth = depth_of_pass::<T>(self.k);
            for start in (0..self.k).step_by(max_depth.max(1)) {
                let depth = max_depth.min(self.k - start);
                // SAFETY: promised by the caller; tasks write to columns of their own.
                unsafe {
                    let packed = self.panels.elements::<T>();
                    let packed = packed.add(start * self.n.next_multiple_of(panel));
                    multiply_panels(
                        self.tiles,
                        &Panels::packed(packed.add(columns.start * depth), depth, panel),
                        0..m,
                        (a.get().add(start).cast_const(), (self.k as isize, 1)),
                        columns.clone(),
                        (c.get(), self.n),
                        accumulate || start > 0,
                    );
                }
            }
        };
        if self.k == 0 && !accumulate {
            // SAFETY: promised by the caller.
            (0..m * self.n).for_each(|i| unsafe { c.get().add(i).write(T::default()) });
        } else {
            threads::for_each(self.n.div_ceil(block), &task);
        }
    }
}

/// Copies a strip of `height` rows to where they do not collide; returns its strides.
///
/// # Safety
/// The strip has room for 12 rows of `MAX_DEPTH + 16`.
unsafe fn pack_rows<T: Copy>(
    a: *const T,
    strides: (isize, isize),
    depth: usize,
    height: usize,
    strip: *mut T,
) -> (isize, isize) {
    // SAFETY: as promised by the caller.
    unsafe {
        if strides.1 == 1 {
            for i in 0..height {
                let row = a.offset(i as isize * strides.0);
                std::ptr::copy_nonoverlapping(row, strip.add(i * (MAX_DEPTH + 16)), depth);
            }
            return (MAX_DEPTH as isize + 16, 1);
        }
        for p in 0..depth {
            let column = a.offset(p as isize * strides.1);
            for i in 0..height {
                *strip.add(p * height + i) = *column.offset(i as isize * strides.0);
            }
        }
        (1, height as isize)
    }
}

/// Packs `depth` rows of `width` columns into a panel two vectors wide; what is beyond the last
/// column of a vector becomes zero.
///
/// # Safety
/// `packed` has room for the panel.
unsafe fn pack_columns<T: Copy + Default>(
    tiles: &Tiles<T>,
    b: *const T,
    strides: (isize, isize),
    depth: usize,
    width: usize,
    packed: *mut T,
) {
    let panel = 2 * tiles.lanes;
    // SAFETY: as promised by the caller.
    unsafe {
        let vectors = width.next_multiple_of(tiles.lanes);
        if width < vectors {
            for p in 0..depth {
                (width..vectors).for_each(|j| packed.add(p * panel + j).write(T::default()));
            }
        }
        if strides.1 == 1 {
            for p in 0..depth {
                let row = b.offset(p as isize * strides.0);
                copy_row(row, packed.add(p * panel), width);
            }
            return;
        }
        if strides.0 == 1 {
            return transpose(b, strides.1 as usize, width, depth, packed, panel);
        }
        for p in 0..depth {
            for j in 0..width {
                let from = b.offset(p as isize * strides.0 + j as isize * strides.1);
                *packed.add(p * panel + j) = *from;
            }
        }
    }
}

/// Copies the columns of a row: whole panels by a few moves, where calling `memcpy` is most of the time.
///
/// # Safety
/// Both hold `width` elements.
#[inline(always)]
unsafe fn copy_row<T: Copy>(from: *const T, to: *mut T, width: usize) {
    // SAFETY: promised by the caller.
    unsafe {
        match width * size_of::<T>() {
            128 => to
                .cast::<[u8; 128]>()
                .write_unaligned(from.cast::<[u8; 128]>().read_unaligned()),
            64 => to
                .cast::<[u8; 64]>()
                .write_unaligned(from.cast::<[u8; 64]>().read_unaligned()),
            _ => std::ptr::copy_nonoverlapping(from, to, width),
        }
    }
}

/// y (n) = x (k) · b (k, n), bound by reading `b` once; its rows or its columns are contiguous,
/// in the second case x too.
///
/// # Safety
/// As [`Multiply::multiply`].
#[allow(clippy::too_many_arguments)]
unsafe fn vector_matrix<T>(
    n: usize,
    k: usize,
    y: *mut T,
    x: *const T,
    x_stride: isize,
    b: *const T,
    b_strides: (isize, isize),
    accumulate: bool,
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
        if !accumulate {
            y.fill(T::default());
        }
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

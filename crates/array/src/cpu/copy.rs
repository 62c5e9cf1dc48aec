//! Strided copies: rows by `memcpy`, transposes by tiles, threads where there is much to move.

use std::mem::MaybeUninit;

use super::nest::Nest;
use super::threads;
use crate::layout::{contiguous_strides, size_of_shape};
use crate::{Array, match_dtype};

/// Side of a tile of a transpose: 16 f32 fill a cache line.
const TILE: usize = 16;
/// Rows of a transpose that are written together: a few lines in a row of each page that is read.
const STRIP: usize = 4 * TILE;
/// Moving fewer bytes takes less time than waking the threads.
pub(crate) const PARALLEL_FROM: usize = 1 << 19;

/// A pointer that threads share; each of them touches elements of its own.
#[derive(Clone, Copy)]
pub(crate) struct Shared<P>(P);
// SAFETY: whoever hands it to threads keeps their elements apart.
unsafe impl<P> Send for Shared<P> {}
// SAFETY: as above.
unsafe impl<P> Sync for Shared<P> {}

impl<P: Copy> Shared<P> {
    pub(crate) fn new(pointer: P) -> Shared<P> {
        Shared(pointer)
    }

    /// A method, so that closures capture the whole and not the bare pointer in it.
    #[inline(always)]
    pub(crate) fn get(&self) -> P {
        self.0
    }
}

/// A contiguous copy of any array.
pub(crate) fn contiguous(x: &Array) -> Array {
    match_dtype!(x.dtype(), T => Array::build(x.shape(), |out: &mut [MaybeUninit<T>]| {
        let strides = contiguous_strides(x.shape());
        // SAFETY: `out` is new, contiguous and has the shape of `x`.
        unsafe {
            copy_strided(x.shape(), x.pointer::<T>(), x.strides(), out.as_mut_ptr().cast(), &strides);
        }
    }))
}

/// Calls `body` with ranges that together cover `0..n`: one where moving `bytes` is quick, several
/// on threads where it is not.
pub(crate) fn for_ranges(n: usize, bytes: usize, body: impl Fn(std::ops::Range<usize>) + Sync) {
    let threads = threads::count();
    if bytes < PARALLEL_FROM || threads == 1 || n < 2 {
        return body(0..n);
    }
    // A few pieces for each thread even out their speeds.
    let pieces = (4 * threads).min(n).min(bytes / (PARALLEL_FROM / 8));
    threads::for_each(pieces, &|i| body(n * i / pieces..n * (i + 1) / pieces));
}

/// Copies the elements of `shape` from one layout to another.
///
/// # Safety
/// Both layouts lie in memory that may be read (`src`) and written (`dst`); those of `dst` are
/// distinct and nobody else touches them.
pub(crate) unsafe fn copy_strided<T: Copy>(
    shape: &[usize],
    src: *const T,
    src_strides: &[isize],
    dst: *mut T,
    dst_strides: &[isize],
) {
    let size = size_of_shape(shape);
    if size == 0 {
        return;
    }
    let nest = Nest::new(shape, [dst_strides, src_strides]);
    let (src, dst) = (Shared::new(src), Shared::new(dst));
    let [dst_step, src_step] = nest.steps();
    if dst_step == 1
        && src_step.unsigned_abs() > 1
        && nest.columns() >= TILE / 2
        && let Some(axis) = nest
            .axes()
            .iter()
            .position(|&(n, [_, step])| step == 1 && n >= TILE / 2)
    {
        return copy_transposed(&nest, axis, src, dst, size);
    }
    for_ranges(size, size * size_of::<T>(), |range| {
        nest.for_rows(range, |_, columns, [to, from]| {
            // SAFETY: the row lies inside both layouts.
            unsafe {
                let (dst, src) = (dst.get().offset(to), src.get().offset(from));
                match (dst_step, src_step) {
                    (1, 1) => std::ptr::copy_nonoverlapping(src, dst, columns),
                    (1, 0) => std::slice::from_raw_parts_mut(dst.cast::<MaybeUninit<T>>(), columns)
                        .fill(MaybeUninit::new(*src)),
                    _ => {
                        for j in 0..columns as isize {
                            *dst.offset(j * dst_step) = *src.offset(j * src_step);
                        }
                    }
                }
            }
        });
    });
}

/// `copy_strided` where `dst` runs along the last axis and `src` along `axis`.
fn copy_transposed<T: Copy>(
    nest: &Nest<2>,
    axis: usize,
    src: Shared<*const T>,
    dst: Shared<*mut T>,
    size: usize,
) {
    let (columns, [_, src_step]) = nest.axes()[nest.axes().len() - 1];
    let (rows, [dst_step, _]) = nest.axes()[axis];
    // What is left is walked outside of the tiles: one position for each strip of `STRIP` rows.
    let strips = rows.div_ceil(STRIP);
    let mut outer = crate::Shape::new();
    let mut outer_strides = [crate::Strides::new(), crate::Strides::new()];
    for (i, &(n, steps)) in nest.axes().iter().enumerate() {
        if i + 1 == nest.axes().len() {
            break;
        }
        let (n, scale) = if i == axis {
            (strips, STRIP as isize)
        } else {
            (n, 1)
        };
        outer.push(n);
        outer_strides[0].push(steps[0] * scale);
        outer_strides[1].push(steps[1] * scale);
    }
    // Which strip of `axis` a position is in: strips after it in row-major order.
    let inside: usize = outer[axis + 1..].iter().product();
    let outer_size = size_of_shape(&outer);
    let walk = Nest::new(&outer, [&outer_strides[0], &outer_strides[1]]);
    let [to_step, from_step] = walk.steps();
    for_ranges(outer_size, size * size_of::<T>(), |range| {
        walk.for_rows(range, |position, length, [to, from]| {
            for i in 0..length {
                let strip = (position + i) / inside % strips;
                let height = STRIP.min(rows - strip * STRIP);
                // SAFETY: the strip lies inside both layouts.
                unsafe {
                    let dst = dst.get().offset(to + i as isize * to_step);
                    let src = src.get().offset(from + i as isize * from_step);
                    copy_strip(src, src_step, dst, dst_step, height, columns);
                }
            }
        });
    });
}

/// Writes `dst[r * dst_step + j] = src[r + j * src_step]` for `height` rows of `columns` elements.
///
/// # Safety
/// All those elements can be read and written.
unsafe fn copy_strip<T: Copy>(
    src: *const T,
    src_step: isize,
    dst: *mut T,
    dst_step: isize,
    height: usize,
    columns: usize,
) {
    let mut tile = [[MaybeUninit::<T>::uninit(); TILE]; TILE];
    for left in (0..columns).step_by(TILE) {
        let width = TILE.min(columns - left);
        for top in (0..height).step_by(TILE) {
            let height = TILE.min(height - top);
            // SAFETY: inside the strip, as the caller vouches.
            unsafe {
                let src = src.offset(left as isize * src_step).add(top);
                let dst = dst.offset(top as isize * dst_step).add(left);
                if height == TILE && width == TILE {
                    for (j, column) in tile.iter_mut().enumerate() {
                        let from = src.offset(j as isize * src_step).cast();
                        std::ptr::copy_nonoverlapping(from, column.as_mut_ptr(), TILE);
                    }
                    write_tile(&tile, dst, dst_step);
                } else {
                    for r in 0..height as isize {
                        for j in 0..width as isize {
                            *dst.offset(r * dst_step + j) = *src.offset(r + j * src_step);
                        }
                    }
                }
            }
        }
    }
}

/// Writes `dst[r * dst_step + j] = tile[j][r]`.
///
/// # Safety
/// All of `tile` is initialised, and the places in `dst` can be written.
#[inline(always)]
unsafe fn write_tile<T: Copy>(tile: &[[MaybeUninit<T>; TILE]; TILE], dst: *mut T, dst_step: isize) {
    // SSE2 is a part of x86-64: no need to ask. The instructions move bits, whatever the type.
    #[cfg(target_arch = "x86_64")]
    // SAFETY: in each block, loads stay in `tile` and stores in the places of the caller.
    unsafe {
        use std::arch::x86_64::*;
        if size_of::<T>() == 4 {
            for r in (0..TILE).step_by(4) {
                for j in (0..TILE).step_by(4) {
                    let load = |k: usize| _mm_loadu_ps(tile[j + k][r..].as_ptr().cast());
                    let (mut a, mut b, mut c, mut d) = (load(0), load(1), load(2), load(3));
                    _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
                    for (k, row) in [a, b, c, d].into_iter().enumerate() {
                        let to = dst.offset((r + k) as isize * dst_step).add(j);
                        _mm_storeu_ps(to.cast(), row);
                    }
                }
            }
            return;
        }
        if size_of::<T>() == 8 {
            for r in (0..TILE).step_by(2) {
                for j in (0..TILE).step_by(2) {
                    let a = _mm_loadu_pd(tile[j][r..].as_ptr().cast());
                    let b = _mm_loadu_pd(tile[j + 1][r..].as_ptr().cast());
                    let to = dst.offset(r as isize * dst_step).add(j);
                    _mm_storeu_pd(to.cast(), _mm_unpacklo_pd(a, b));
                    _mm_storeu_pd(to.offset(dst_step).cast(), _mm_unpackhi_pd(a, b));
                }
            }
            return;
        }
    }
    for r in 0..TILE {
        for (j, column) in tile.iter().enumerate() {
            // SAFETY: as the caller vouches.
            unsafe { *dst.offset(r as isize * dst_step).add(j) = column[r].assume_init() };
        }
    }
}

/// Calls `f(&mut dst[i], src[i])` for each index of `shape`, in row-major order within a thread.
///
/// # Safety
/// As for [`copy_strided`].
pub(crate) unsafe fn update_strided<T: Copy>(
    shape: &[usize],
    src: *const T,
    src_strides: &[isize],
    dst: *mut T,
    dst_strides: &[isize],
    f: impl Fn(&mut T, T) + Sync,
) {
    let size = size_of_shape(shape);
    if size == 0 {
        return;
    }
    let nest = Nest::new(shape, [dst_strides, src_strides]);
    let (src, dst) = (Shared::new(src), Shared::new(dst));
    let [dst_step, src_step] = nest.steps();
    for_ranges(size, size * size_of::<T>(), |range| {
        nest.for_rows(range, |_, columns, [to, from]| {
            // SAFETY: the row lies inside both layouts.
            unsafe {
                let (dst, src) = (dst.get().offset(to), src.get().offset(from));
                if dst_step == 1 && src_step == 1 {
                    let row = std::slice::from_raw_parts_mut(dst, columns);
                    for (y, &x) in row.iter_mut().zip(std::slice::from_raw_parts(src, columns)) {
                        f(y, x);
                    }
                } else {
                    for j in 0..columns as isize {
                        f(&mut *dst.offset(j * dst_step), *src.offset(j * src_step));
                    }
                }
            }
        });
    });
}

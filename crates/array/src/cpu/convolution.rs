//! Convolution on the CPU.

use std::mem::MaybeUninit;
use std::ops::AddAssign;
use std::ops::Range;

use rayon::prelude::*;

use super::matmul::{Job, Multiply, SendPointer};
use crate::Element;
use crate::convolution::Geometry;

/// Elements of a block of columns: small enough to stay in the second cache.
const BLOCK: usize = 1 << 16;

/// Writes the windows of `x` (N, C, H, W) as (N, C, KH, KW, OH, OW).
pub(crate) fn im2col<T: Element>(g: &Geometry, x: &[T], columns: &mut [MaybeUninit<T>]) {
    let windows = g.windows();
    if windows == 0 || g.taps() == 0 {
        return;
    }
    columns
        .par_chunks_mut(g.taps() * windows)
        .enumerate()
        .for_each(|(plane, columns)| {
            let x = &x[plane * g.pixels()..][..g.pixels()];
            // SAFETY: `columns` holds the rows of this plane.
            unsafe { write_columns(g, x, 0..g.taps(), 0..windows, columns.as_mut_ptr().cast()) }
        });
}

/// Adds windows (N, C, KH, KW, OH, OW) up to `y` (N, C, H, W).
pub(crate) fn col2im<T: Element + AddAssign>(
    g: &Geometry,
    columns: &[T],
    y: &mut [MaybeUninit<T>],
) {
    if y.is_empty() {
        return;
    }
    let windows = g.windows();
    y.par_chunks_mut(g.pixels())
        .enumerate()
        .for_each(|(plane, y)| {
            let columns = &columns[plane * g.taps() * windows..][..g.taps() * windows];
            let y = zeroed(y);
            add_columns(g, columns, 0..windows, y);
        });
}

fn zeroed<T: Element>(y: &mut [MaybeUninit<T>]) -> &mut [T] {
    y.fill(MaybeUninit::new(T::default()));
    // SAFETY: all elements were just set.
    unsafe { &mut *(y as *mut [MaybeUninit<T>] as *mut [T]) }
}

impl Geometry {
    /// Pixels of a plane of the input.
    fn pixels(&self) -> usize {
        self.image.0 * self.image.1
    }

    /// Pixels of a plane of the output.
    fn windows(&self) -> usize {
        self.out.0 * self.out.1
    }

    /// Pixels of one plane of the filter.
    fn taps(&self) -> usize {
        self.kernel.0 * self.kernel.1
    }

    /// Channels of the input and of the output that belong to one group.
    fn group_channels(&self) -> (usize, usize) {
        let groups = self.params.groups;
        (self.in_channels / groups, self.out_channels / groups)
    }

    /// Output columns whose window has its `tap`-th column inside the image, and the image column
    /// of the first.
    fn inside(&self, tap: usize) -> (Range<usize>, usize) {
        let (stride, padding) = (self.params.stride.1, self.params.padding.1);
        let shift = tap * self.params.dilation.1;
        let start = padding.saturating_sub(shift).div_ceil(stride);
        let end = (self.image.1 + padding)
            .saturating_sub(shift)
            .div_ceil(stride)
            .min(self.out.1);
        let start = start.min(end);
        (start..end, (start * stride + shift).saturating_sub(padding))
    }

    /// The image row that output row `row` reads at filter row `tap`, if it is inside the image.
    fn image_row(&self, row: usize, tap: usize) -> Option<usize> {
        (row * self.params.stride.0 + tap * self.params.dilation.0)
            .checked_sub(self.params.padding.0)
            .filter(|&row| row < self.image.0)
    }

    /// Splits a range of windows into (output row, output columns), with the position of each
    /// piece in the range.
    fn pieces(&self, windows: Range<usize>) -> impl Iterator<Item = (usize, usize, Range<usize>)> {
        let (start, end, width) = (windows.start, windows.end, self.out.1);
        (start / width..end.div_ceil(width)).map(move |row| {
            let first = (row * width).max(start);
            let last = ((row + 1) * width).min(end);
            (first - start, row, first - row * width..last - row * width)
        })
    }
}

/// Writes rows `rows` (channel, filter row, filter column) of the columns of `windows`.
///
/// # Safety
/// `out` has room for `rows` times `windows` elements.
unsafe fn write_columns<T: Element>(
    g: &Geometry,
    x: &[T],
    rows: Range<usize>,
    windows: Range<usize>,
    out: *mut T,
) {
    let stride = g.params.stride.1;
    let count = windows.len();
    let first = rows.start;
    for r in rows {
        let (channel, tap) = (r / g.taps(), r % g.taps());
        let (tap_row, tap_column) = (tap / g.kernel.1, tap % g.kernel.1);
        let plane = &x[channel * g.pixels()..][..g.pixels()];
        let (inside, from) = g.inside(tap_column);
        // SAFETY: row `r - first` of the promised room.
        let out = unsafe { std::slice::from_raw_parts_mut(out.add((r - first) * count), count) };
        for (at, row, columns) in g.pieces(windows.clone()) {
            let out = &mut out[at..][..columns.len()];
            let Some(image_row) = g.image_row(row, tap_row) else {
                out.fill(T::default());
                continue;
            };
            let start = inside.start.clamp(columns.start, columns.end);
            let end = inside.end.clamp(start, columns.end);
            let (before, rest) = out.split_at_mut(start - columns.start);
            let (middle, after) = rest.split_at_mut(end - start);
            before.fill(T::default());
            after.fill(T::default());
            if middle.is_empty() {
                continue;
            }
            let from = image_row * g.image.1 + from + (start - inside.start) * stride;
            if stride == 1 {
                middle.copy_from_slice(&plane[from..][..middle.len()]);
            } else {
                for (y, x) in middle.iter_mut().zip(plane[from..].iter().step_by(stride)) {
                    *y = *x;
                }
            }
        }
    }
}

/// Adds all rows of the columns of `windows` to the planes `y` that they were cut from.
fn add_columns<T: Element + AddAssign>(
    g: &Geometry,
    columns: &[T],
    windows: Range<usize>,
    y: &mut [T],
) {
    let stride = g.params.stride.1;
    let count = windows.len();
    for (r, values) in columns.chunks_exact(count).enumerate() {
        let (channel, tap) = (r / g.taps(), r % g.taps());
        let (tap_row, tap_column) = (tap / g.kernel.1, tap % g.kernel.1);
        let plane = &mut y[channel * g.pixels()..][..g.pixels()];
        let (inside, from) = g.inside(tap_column);
        for (at, row, columns) in g.pieces(windows.clone()) {
            let Some(image_row) = g.image_row(row, tap_row) else {
                continue;
            };
            let start = inside.start.clamp(columns.start, columns.end);
            let end = inside.end.clamp(start, columns.end);
            if start == end {
                continue;
            }
            let values = &values[at + start - columns.start..][..end - start];
            let from = image_row * g.image.1 + from + (start - inside.start) * stride;
            if stride == 1 {
                for (y, &x) in plane[from..].iter_mut().zip(values) {
                    *y += x;
                }
            } else {
                for (y, &x) in plane[from..].iter_mut().step_by(stride).zip(values) {
                    *y += x;
                }
            }
        }
    }
}

/// Ranges of windows whose columns, of `rows` elements each, make blocks for the cache.
fn blocks(rows: usize, windows: usize) -> impl Iterator<Item = Range<usize>> {
    let length = (BLOCK / rows.max(1)).next_multiple_of(64);
    (0..windows)
        .step_by(length)
        .map(move |start| start..(start + length).min(windows))
}

/// y (N, O, OH, OW) from x (N, C, H, W), w (O, C / groups, KH, KW) and b (O).
pub(crate) fn forward<T: Multiply>(
    g: &Geometry,
    x: &[T],
    w: &[T],
    b: Option<&[T]>,
    y: &mut [MaybeUninit<T>],
) {
    let windows = g.windows();
    let (c, o) = g.group_channels();
    if y.is_empty() {
        return;
    }
    if let Some(b) = b {
        for (i, plane) in y.chunks_exact_mut(windows).enumerate() {
            plane.fill(MaybeUninit::new(b[i % b.len()]));
        }
    }
    let rows = c * g.taps();
    let y = SendPointer(y.as_mut_ptr().cast::<T>());
    for_each_group(g, |part, parallel| {
        let x = &x[part * c * g.pixels()..][..c * g.pixels()];
        let w = &w[part % g.params.groups * o * rows..][..o * rows];
        // SAFETY: each part writes to its own planes of the output.
        let y = unsafe { y.get().add(part * o * windows) };
        for block in blocks(rows, windows) {
            let mut columns = Vec::with_capacity(rows * block.len());
            let job = Job {
                m: o,
                k: rows,
                n: block.len(),
                a_strides: (rows as isize, 1),
                b_strides: (block.len() as isize, 1),
                c_stride: windows,
                accumulate: b.is_some(),
            };
            // SAFETY: the buffers have the sizes of the job; the bias was written above.
            unsafe {
                let columns: *mut T = columns.as_mut_ptr();
                let start = block.start;
                write_columns(g, x, 0..rows, block, columns);
                T::multiply(&job, y.add(start), w.as_ptr(), columns, parallel);
            }
        }
    });
}

/// gx (N, C, H, W) from gy (N, O, OH, OW) and w (O, C / groups, KH, KW).
pub(crate) fn input_gradient<T: Multiply + AddAssign>(
    g: &Geometry,
    gy: &[T],
    w: &[T],
    gx: &mut [MaybeUninit<T>],
) {
    let windows = g.windows();
    let (c, o) = g.group_channels();
    let gx = SendPointer(zeroed(gx).as_mut_ptr());
    let rows = c * g.taps();
    for_each_group(g, |part, parallel| {
        let gy = &gy[part * o * windows..][..o * windows];
        let w = &w[part % g.params.groups * o * rows..][..o * rows];
        // SAFETY: each part writes to its own planes of the result.
        let gx = unsafe {
            std::slice::from_raw_parts_mut(gx.get().add(part * c * g.pixels()), c * g.pixels())
        };
        for block in blocks(rows, windows) {
            let mut columns = Vec::<T>::with_capacity(rows * block.len());
            let job = Job {
                m: rows,
                k: o,
                n: block.len(),
                a_strides: (1, rows as isize),
                b_strides: (windows as isize, 1),
                c_stride: block.len(),
                accumulate: false,
            };
            // SAFETY: the buffers have the sizes of the job, which writes all columns.
            unsafe {
                let gy = gy.as_ptr().add(block.start);
                T::multiply(&job, columns.as_mut_ptr(), w.as_ptr(), gy, parallel);
                columns.set_len(rows * block.len());
            }
            add_columns(g, &columns, block, gx);
        }
    });
}

/// gw (O, C / groups, KH, KW) from x (N, C, H, W) and gy (N, O, OH, OW).
pub(crate) fn weight_gradient<T: Multiply>(
    g: &Geometry,
    x: &[T],
    gy: &[T],
    gw: &mut [MaybeUninit<T>],
) {
    let windows = g.windows();
    let (c, o) = g.group_channels();
    let rows = c * g.taps();
    let gw = zeroed(gw).as_mut_ptr();
    for part in 0..g.images * g.params.groups {
        let x = &x[part * c * g.pixels()..][..c * g.pixels()];
        let gy = &gy[part * o * windows..][..o * windows];
        for block in blocks(rows, windows) {
            let mut columns = Vec::with_capacity(rows * block.len());
            let job = Job {
                m: o,
                k: block.len(),
                n: rows,
                a_strides: (windows as isize, 1),
                b_strides: (1, block.len() as isize),
                c_stride: rows,
                accumulate: true,
            };
            // SAFETY: the buffers have the sizes of the job; the result starts as zeros.
            unsafe {
                let columns: *mut T = columns.as_mut_ptr();
                let gy = gy.as_ptr().add(block.start);
                let gw = gw.add(part % g.params.groups * o * rows);
                write_columns(g, x, 0..rows, block, columns);
                T::multiply(&job, gw, gy, columns, true);
            }
        }
    }
}

/// Calls `f(part, parallel)` for each group of each image: over threads where there are enough of
/// them, else one after the other with threads inside.
fn for_each_group(g: &Geometry, f: impl Fn(usize, bool) + Sync) {
    let parts = g.images * g.params.groups;
    let (c, o) = g.group_channels();
    let work = c * o * g.taps() * g.windows();
    super::matmul::for_each_batch(parts, work, f);
}

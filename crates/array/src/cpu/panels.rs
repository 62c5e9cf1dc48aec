//! The right operand of a product in panels, and the rows of the left one that go by it.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::matmul::{Operands, start};
use super::threads;
use super::tile::{Plus, Real, Tile, Tiles};
use super::transpose::transpose;
use crate::Element;
use crate::buffer::Buffer;

/// Most steps of the inner dimension in one pass.
const MAX_DEPTH: usize = 384;

/// Most steps of the inner dimension in one pass: a strip of rows stays in the first cache.
pub(super) const fn max_depth<T>() -> usize {
    1536 / size_of::<T>()
}

/// Steps of each pass but the last, which has hardly less.
pub(super) fn depth_of_pass<T>(k: usize) -> usize {
    k.div_ceil(k.div_ceil(max_depth::<T>()).max(1))
}

/// Columns of a right operand, `depth` steps deep: panels two vectors wide.
pub(super) struct Panels<T> {
    pub(super) start: *const T,
    pub(super) depth: usize,
    /// Distance of the panels, and of the rows in them.
    pub(super) next: usize,
    pub(super) row: usize,
}

impl<T> Panels<T> {
    /// Panels that lie one after the other.
    pub(super) fn packed(start: *const T, depth: usize, panel: usize) -> Panels<T> {
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
pub(super) unsafe fn multiply_panels<T: Real + Element>(
    tiles: &Tiles<T>,
    panels: &Panels<T>,
    rows: Range<usize>,
    (a, a_strides): (*const T, (isize, isize)),
    columns: Range<usize>,
    (c, c_stride): (*mut T, usize),
    plus: Plus<T>,
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
                        plus: plus.at_column(first),
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

    /// `c = plus + a b` for an (m, k) matrix `a`, both with contiguous rows.
    ///
    /// # Safety
    /// As [`Multiply::multiply`].
    pub(crate) unsafe fn multiply(
        &self,
        m: usize,
        (c, plus): (*mut T, Plus<T>),
        a: *const T,
        parallel: bool,
    ) {
        if m == 0 || self.n == 0 {
            return;
        }
        if self.k == 0 {
            // SAFETY: promised by the caller.
            return unsafe { start(m, self.n, (c, self.n), plus) };
        }
        let panel = 2 * self.tiles.lanes;
        let b = self.panels.elements::<T>().cast_const();
        let operands = Operands { c, plus, a, b };
        // Columns of a task, in whole panels.
        let threads = if parallel { threads::count() } else { 1 };
        let block = self.n.div_ceil(threads).next_multiple_of(panel);
        let task = |i: usize| {
            let Operands { c, plus, a, b } = operands.get();
            let columns = i * block..((i + 1) * block).min(self.n);
            let max_depth = depth_of_pass::<T>(self.k);
            for start in (0..self.k).step_by(max_depth) {
                let depth = max_depth.min(self.k - start);
                // SAFETY: promised by the caller; tasks write to columns of their own.
                unsafe {
                    let packed = b.add(start * self.n.next_multiple_of(panel));
                    multiply_panels(
                        self.tiles,
                        &Panels::packed(packed.add(columns.start * depth), depth, panel),
                        0..m,
                        (a.add(start), (self.k as isize, 1)),
                        columns.clone(),
                        (c, self.n),
                        if start > 0 { Plus::Result } else { plus },
                    );
                }
            }
        };
        threads::for_each(self.n.div_ceil(block), &task);
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
pub(super) unsafe fn pack_columns<T: Copy + Default>(
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

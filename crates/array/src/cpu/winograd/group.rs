//! Pixels and outputs of a few tiles, as the transforms read and write them.

use super::{IN, OUT, Segment, Winograd};
use crate::cpu::simd::dispatch;
use crate::cpu::transpose::square;

/// Tiles that are transformed together, of whatever rows and images.
pub(super) const GROUP: usize = 32;
/// Distance of two positions: room for whole vectors beyond the last tile.
pub(super) const PITCH: usize = GROUP + 16;
/// Numbers that are copied at a time.
const LANES: usize = 8;

/// The numbers at each position of all tiles of a group lie together, as a vector of tiles reads and writes them.
#[repr(align(64))]
pub(super) struct Group {
    /// (rows of a tile's pixels, columns, `PITCH`)
    pub(super) values: [f32; IN * IN * PITCH],
    /// The rows under a segment as they lie in the image. All are written before any is read, as a vector cannot be
    /// read while pieces of it are on their way to memory.
    lines: [[f32; (GROUP + 1) * OUT]; IN],
}

impl Group {
    pub(super) fn new() -> Group {
        Group {
            values: [0.0; IN * IN * PITCH],
            lines: [[0.0; (GROUP + 1) * OUT]; IN],
        }
    }

    /// Reads the pixels of a plane under a segment of the group.
    pub(super) fn load(&mut self, g: &Winograd, x: &[f32], segment: &Segment) {
        dispatch(
            #[inline(always)]
            || self.load_inlined(g, x, segment),
        )
    }

    #[inline(always)]
    fn load_inlined(&mut self, g: &Winograd, x: &[f32], segment: &Segment) {
        let (h, w) = g.image;
        // Whole squares of as many tiles as a tile has columns.
        let tiles = segment.columns.len().next_multiple_of(OUT);
        // The columns under these tiles, and those of them that lie inside the image.
        let first = (segment.columns.start * OUT) as isize - g.padding.1;
        let size = (tiles + 1) * OUT;
        let from = ((-first).max(0) as usize).min(size);
        let upto = ((w as isize - first).max(0) as usize).clamp(from, size);
        for (i, line) in self.lines.iter_mut().enumerate() {
            let line = &mut line[..size];
            let row = (segment.row * OUT + i) as isize - g.padding.0;
            if row < 0 || row >= h as isize || from == upto {
                line.fill(0.0);
                continue;
            }
            let at = row as usize * w + (first + from as isize) as usize;
            line[..from].fill(0.0);
            copy(&x[at..][..upto - from], &mut line[from..upto]);
            line[upto..].fill(0.0);
        }
        for (i, line) in self.lines.iter().enumerate() {
            let to = &mut self.values[i * IN * PITCH + segment.at..];
            debug_assert!(to.len() >= (IN - 1) * PITCH + tiles);
            for t in (0..tiles).step_by(OUT) {
                // SAFETY: a tile reads on to the first pixels of the next one, which the line has; the group has room for
                // these tiles, of which this segment's are some, and a square more.
                unsafe {
                    let (line, to) = (line.as_ptr().add(t * OUT), to.as_mut_ptr().add(t));
                    square::<OUT>(line, OUT, to, PITCH);
                    square::<{ IN - OUT }>(line.add(OUT), OUT, to.add(OUT * PITCH), PITCH);
                }
            }
        }
    }

    /// Writes the outputs of a segment of the group.
    ///
    /// # Safety
    /// `y` is a plane of the output.
    pub(super) unsafe fn store(&mut self, g: &Winograd, segment: &Segment, y: *mut f32) {
        dispatch(
            #[inline(always)]
            // SAFETY: promised by the caller.
            || unsafe { self.store_inlined(g, segment, y) },
        )
    }

    #[inline(always)]
    unsafe fn store_inlined(&mut self, g: &Winograd, segment: &Segment, y: *mut f32) {
        let tiles = segment.columns.len().next_multiple_of(OUT);
        let first = segment.columns.start * OUT;
        let width = (segment.columns.len() * OUT).min(g.out.1 - first);
        let rows = OUT.min(g.out.0 - segment.row * OUT);
        for (i, line) in self.lines[..rows].iter_mut().enumerate() {
            let from = &self.values[i * IN * PITCH + segment.at..];
            for t in (0..tiles).step_by(OUT) {
                // SAFETY: as in `load_inlined`, the other way round.
                unsafe {
                    let (from, line) = (from.as_ptr().add(t), line.as_mut_ptr().add(t * OUT));
                    square::<OUT>(from, PITCH, line, OUT);
                }
            }
        }
        for (i, line) in self.lines[..rows].iter().enumerate() {
            let at = (segment.row * OUT + i) * g.out.1 + first;
            // SAFETY: a part of one row of the plane.
            let y = unsafe { std::slice::from_raw_parts_mut(y.add(at), width) };
            copy(&line[..width], y);
        }
    }
}

/// Copies a row, mostly a short one: calling `memcpy` would be felt.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    let count = from.len();
    if count < LANES {
        for (to, &x) in to.iter_mut().zip(from) {
            *to = x;
        }
        return;
    }
    for start in (0..count).step_by(LANES) {
        // The last lanes go over some numbers again rather than over less than all.
        let start = start.min(count - LANES);
        to[start..][..LANES].copy_from_slice(&from[start..][..LANES]);
    }
}

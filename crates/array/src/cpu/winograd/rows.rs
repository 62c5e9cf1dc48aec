//! Rows of pixels and outputs, as the transforms read and write them.

use super::{IN, OUT, Segment, Winograd};
use crate::cpu::simd::dispatch;

/// The rows of a segment of tiles, each taken apart into the columns 4t, 4t+1, 4t+2, 4t+3: what a
/// vector of tiles reads or writes at one position lies together.
pub(super) struct Rows {
    pub(super) values: Vec<f32>,
    /// Elements of one row at one of the four columns.
    pub(super) pitch: usize,
}

impl Rows {
    pub(super) fn new(columns: usize, lanes: usize) -> Rows {
        let pitch = (columns + 1).next_multiple_of(lanes) + lanes;
        Rows {
            values: vec![0.0; IN * OUT * pitch],
            pitch,
        }
    }

    /// Reads the six rows of pixels under a segment.
    pub(super) fn load(&mut self, g: &Winograd, x: &[f32], segment: &Segment) {
        dispatch(
            #[inline(always)]
            || self.load_inlined(g, x, segment),
        )
    }

    #[inline(always)]
    fn load_inlined(&mut self, g: &Winograd, x: &[f32], segment: &Segment) {
        let (h, w) = g.image;
        let first = (segment.columns.start * OUT) as isize - g.padding.1;
        for i in 0..IN {
            let rows = &mut self.values[i * OUT * self.pitch..][..OUT * self.pitch];
            let row = (segment.row * OUT + i) as isize - g.padding.0;
            if row < 0 || row >= h as isize {
                rows.fill(0.0);
                continue;
            }
            let row = &x[row as usize * w..][..w];
            let (a, rest) = rows.split_at_mut(self.pitch);
            let (b, rest) = rest.split_at_mut(self.pitch);
            let (c, d) = rest.split_at_mut(self.pitch);
            // Groups of four that lie inside the row; the rest one pixel at a time.
            let count = segment.columns.len() + 1;
            let from = ((-first).max(0) as usize).div_ceil(OUT).min(count);
            let inside = (w as isize - first).max(0) as usize / OUT;
            let upto = inside.clamp(from, count);
            let quads = if from < upto {
                let start = (first + (from * OUT) as isize) as usize;
                &row[start..start + (upto - from) * OUT]
            } else {
                &[]
            };
            for (t, quad) in quads.chunks_exact(OUT).enumerate() {
                a[from + t] = quad[0];
                b[from + t] = quad[1];
                c[from + t] = quad[2];
                d[from + t] = quad[3];
            }
            let at = |column: isize| {
                let inside = column >= 0 && column < w as isize;
                if inside { row[column as usize] } else { 0.0 }
            };
            for t in (0..from).chain(upto..count) {
                let column = first + (t * OUT) as isize;
                a[t] = at(column);
                b[t] = at(column + 1);
                c[t] = at(column + 2);
                d[t] = at(column + 3);
            }
        }
    }

    /// Writes the four rows of outputs of a segment.
    ///
    /// # Safety
    /// `y` is a plane of the output.
    pub(super) unsafe fn store(&self, g: &Winograd, bias: f32, segment: &Segment, y: *mut f32) {
        dispatch(
            #[inline(always)]
            // SAFETY: promised by the caller.
            || unsafe { self.store_inlined(g, bias, segment, y) },
        )
    }

    #[inline(always)]
    unsafe fn store_inlined(&self, g: &Winograd, bias: f32, segment: &Segment, y: *mut f32) {
        let first = segment.columns.start * OUT;
        let width = (segment.columns.len() * OUT).min(g.out.1 - first);
        for i in 0..OUT.min(g.out.0 - segment.row * OUT) {
            let rows = &self.values[i * OUT * self.pitch..][..OUT * self.pitch];
            let (a, rest) = rows.split_at(self.pitch);
            let (b, rest) = rest.split_at(self.pitch);
            let (c, d) = rest.split_at(self.pitch);
            let at = (segment.row * OUT + i) * g.out.1 + first;
            // SAFETY: a part of one row of the plane.
            let y = unsafe { std::slice::from_raw_parts_mut(y.add(at), width) };
            let mut quads = y.chunks_exact_mut(OUT);
            for (t, quad) in (&mut quads).enumerate() {
                quad[0] = a[t] + bias;
                quad[1] = b[t] + bias;
                quad[2] = c[t] + bias;
                quad[3] = d[t] + bias;
            }
            let t = width / OUT;
            let rest = quads.into_remainder();
            for (y, part) in rest.iter_mut().zip([a, b, c]) {
                *y = part[t] + bias;
            }
        }
    }
}

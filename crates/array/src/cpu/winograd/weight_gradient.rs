//! The gradient of the filters.

use super::transforms::Level;
use super::{IN, OUT, POINTS, SHARED_BYTES, Segment, Winograd, apart, for_each};
use crate::buffer::Buffer;
use crate::cpu::threads::SendPointer;
use crate::cpu::tile::{Plus, Real, Tile, Tiles};
use crate::cpu::transpose::transpose;

impl Winograd {
    /// gw (O, C, 3, 3) from x (N, C, H, W) and gy (N, O, OH, OW): the transpose of the sum over
    /// channels,
    ///
    /// gw = Gᵀ [Σ over tiles (A gy Aᵀ) ⊙ (Bᵀ x B)] G
    ///
    /// # Safety
    /// `gw` has room for the result.
    pub(crate) unsafe fn weight_gradient(&self, x: &[f32], gy: &[f32], gw: *mut f32) {
        // SAFETY: as promised by the caller.
        unsafe { self.weight_gradient_with(f32::tiles(), x, gy, gw) };
    }

    pub(super) unsafe fn weight_gradient_with(
        &self,
        tiles: &'static Tiles<f32>,
        x: &[f32],
        gy: &[f32],
        gw: *mut f32,
    ) {
        let parallel = self.is_parallel();
        let level = Level::of(tiles);
        let (c, o) = (self.channels, self.outputs);
        let pitch = |channels: usize| channels.next_multiple_of(level.lanes);
        let (c_pitch, o_pitch) = (pitch(c), pitch(o));
        let total = self.tiles();
        let per_tile = POINTS * (c_pitch + o_pitch) * size_of::<f32>();
        let size = (SHARED_BYTES / per_tile).clamp(32, 256).min(total);
        let panel = 2 * level.lanes;
        let floats = Buffer::scratch::<f32>;
        let share = |buffer: &Buffer| SendPointer(buffer.elements::<f32>());
        let (c_points, o_points) = (apart(size * c_pitch), apart(size * o_pitch));
        let sum_points = apart(o * c_pitch);
        // One vector more, which tiles read and drop where the last is half used.
        let pixels = floats(POINTS * c_points + panel);
        let pixels = share(&pixels);
        let gradients = floats(POINTS * o_points);
        let gradients = share(&gradients);
        let sums = floats(POINTS * sum_points);
        let sums = share(&sums);
        let offsets: Vec<usize> = (0..size).map(|tile| tile * c_pitch).collect();
        // SAFETY: these are the last elements of the buffer.
        (0..panel).for_each(|i| unsafe {
            let end = pixels.get().add(POINTS * c_points);
            end.add(i).write(0.0);
        });
        for start in (0..total).step_by(size) {
            let block = start..(start + size).min(total);
            let segments: Vec<Segment> = self.segments(block.clone()).collect();
            for_each(parallel, segments.len(), |i| {
                let segment = &segments[i];
                let count = segment.columns.len();
                let first = |start: usize, padding: isize| (start * OUT) as isize - padding;
                let mut strip = Strip {
                    channels: c,
                    pitch: c_pitch,
                    plane: self.image,
                    rows: IN,
                    columns: count * OUT + IN - OUT,
                    row: first(segment.row, self.padding.0),
                    column: first(segment.columns.start, self.padding.1),
                };
                let plane = self.image.0 * self.image.1;
                let x = &x[segment.image * c * plane..][..c * plane];
                let last = floats(strip.rows * strip.columns * c_pitch);
                let last: *mut f32 = last.elements();
                // SAFETY: the buffers have room for `size` tiles; this task's tiles are its own.
                unsafe {
                    strip.load(x, last);
                    let to = pixels.get().add(segment.at * c_pitch);
                    (level.pixels)(last, strip.columns, c_pitch, count, to, c_points);
                }
                strip = Strip {
                    channels: o,
                    pitch: o_pitch,
                    plane: self.out,
                    rows: OUT,
                    columns: count * OUT,
                    row: first(segment.row, 0),
                    column: first(segment.columns.start, 0),
                };
                let plane = self.out.0 * self.out.1;
                let gy = &gy[segment.image * o * plane..][..o * plane];
                let last = floats(strip.rows * strip.columns * o_pitch);
                let last: *mut f32 = last.elements();
                // SAFETY: as before.
                unsafe {
                    strip.load(gy, last);
                    let to = gradients.get().add(segment.at * o_pitch);
                    (level.gradients)(last, strip.columns, o_pitch, count, to, o_points);
                }
            });
            for_each(parallel, POINTS, |point| {
                let mut output = 0;
                while output < o {
                    let height = tiles.height(o - output);
                    for first in (0..c).step_by(panel) {
                        // SAFETY: all channels and tiles of the block lie in the buffers; this task's point is its own.
                        unsafe {
                            tiles.run(
                                height,
                                &Tile {
                                    k: block.len(),
                                    a: gradients.get().add(point * o_points + output),
                                    a_strides: (1, o_pitch as isize),
                                    b: pixels.get().add(point * c_points + first),
                                    b_offsets: offsets.as_ptr(),
                                    c: sums
                                        .get()
                                        .add(point * sum_points + output * c_pitch + first),
                                    c_stride: c_pitch,
                                    width: panel.min(c - first),
                                    plus: Plus::result_if(start > 0),
                                },
                            );
                        }
                    }
                    output += height;
                }
            });
        }
        let gw = SendPointer(gw);
        for_each(parallel, o, |output| {
            let planes = floats(9 * c_pitch);
            let planes: *mut f32 = planes.elements();
            // SAFETY: there is room for the nine taps of all channels; this task's output is its own.
            unsafe {
                (level.weights)(
                    sums.get().add(output * c_pitch),
                    sum_points,
                    planes,
                    c_pitch,
                );
                let gw = gw.get().add(output * c * 9);
                for channel in 0..c {
                    for tap in 0..9 {
                        *gw.add(channel * 9 + tap) = *planes.add(tap * c_pitch + channel);
                    }
                }
            }
        });
    }
}

/// A part of an image, brought into an order with the channels last.
struct Strip {
    channels: usize,
    /// Distance of its pixels.
    pitch: usize,
    /// Rows and columns of the image.
    plane: (usize, usize),
    rows: usize,
    columns: usize,
    /// Its first row and column in the image; what lies outside is zero.
    row: isize,
    column: isize,
}

impl Strip {
    /// # Safety
    /// `to` has room for the strip.
    unsafe fn load(&self, x: &[f32], to: *mut f32) {
        let (h, w) = self.plane;
        // Columns of the strip that lie inside the image.
        let from = ((-self.column).max(0) as usize).min(self.columns);
        let upto = ((w as isize - self.column).max(0) as usize).clamp(from, self.columns);
        let row_size = self.columns * self.pitch;
        for i in 0..self.rows {
            // SAFETY: row i of the promised room, whose every element is written.
            let to = unsafe { std::slice::from_raw_parts_mut(to.add(i * row_size), row_size) };
            let row = self.row + i as isize;
            if row < 0 || row >= h as isize || from == upto {
                to.fill(0.0);
                continue;
            }
            to[..from * self.pitch].fill(0.0);
            to[upto * self.pitch..].fill(0.0);
            let at = row as usize * w + (self.column + from as isize) as usize;
            let (channels, count) = (self.channels, upto - from);
            // SAFETY: pixels inside the image, and their places in the strip.
            unsafe {
                let to = to.as_mut_ptr().add(from * self.pitch);
                transpose(x.as_ptr().add(at), h * w, channels, count, to, self.pitch);
            }
            for pixel in to.chunks_exact_mut(self.pitch) {
                pixel[self.channels..].fill(0.0);
            }
        }
    }
}

//! Convolution with 3x3 filters by Winograd's algorithm F(4x4, 3x3), in f32.
//!
//! A tile of 4x4 outputs reads 6x6 pixels. With the small matrices A, B and G of the algorithm,
//!
//! y = Aᵀ \[(G w Gᵀ) ⊙ (Bᵀ x B)] A
//!
//! so that after summing over channels each of the 36 points is one product of matrices: 36
//! multiplications for 16 outputs, not 144. The rounding error is some ten times that of the
//! direct sum, about 1e-5 of the largest output.

use std::ops::Range;

use super::matmul::PARALLEL_FROM;
use super::simd::dispatch;
use super::threads::{self, SendPointer};
use super::tile::{Portable, Real, Tile, Tiles, Vector};
use super::transpose::transpose;
use crate::buffer::Buffer;
use crate::convolution::Geometry;

/// Outputs of a tile along an axis, and pixels that it reads.
const OUT: usize = 4;
const IN: usize = 6;
/// Points at which the products are taken.
const POINTS: usize = IN * IN;
/// Filters transformed that stay in the caches while every thread works on tiles of its own.
const SMALL_FILTERS: usize = 3 << 20;
/// Bytes of transformed pixels and sums, where each thread has its own and where all share.
const OWN_BYTES: usize = 600 << 10;
const SHARED_BYTES: usize = 12 << 20;
/// Most outputs whose filters a thread transforms at a time, where all work on the same tiles.
const STRIP: usize = 48;

/// The convolution of all images with 3x3 filters, stride 1.
pub(crate) struct Winograd {
    pub(crate) images: usize,
    pub(crate) channels: usize,
    pub(crate) outputs: usize,
    pub(crate) image: (usize, usize),
    /// Zeros before the first row and column; negative where the first pixels are not read.
    pub(crate) padding: (isize, isize),
    pub(crate) out: (usize, usize),
}

/// Adjacent tiles of one row of tiles, and the position of the first in the block.
struct Segment {
    image: usize,
    row: usize,
    columns: Range<usize>,
    at: usize,
}

impl Winograd {
    /// The convolution of `g`, whose filters are 3x3 without stride.
    pub(crate) fn of(g: &Geometry) -> Winograd {
        let padding = g.params.padding;
        Winograd {
            images: g.images,
            channels: g.in_channels,
            outputs: g.out_channels,
            image: g.image,
            padding: (padding.0 as isize, padding.1 as isize),
            out: g.out,
        }
    }

    /// Whether it beats the direct sum: enough channels on both sides for the products to outweigh
    /// the transforms, and enough tiles to outweigh that of the filters.
    pub(crate) fn pays(&self) -> bool {
        self.channels >= 16 && self.outputs >= 16 && self.tiles() >= 24
    }

    /// Rows and columns of tiles of an image.
    fn grid(&self) -> (usize, usize) {
        (self.out.0.div_ceil(OUT), self.out.1.div_ceil(OUT))
    }

    fn tiles(&self) -> usize {
        self.images * self.grid().0 * self.grid().1
    }

    fn segments(&self, tiles: Range<usize>) -> impl Iterator<Item = Segment> {
        let (rows, columns) = self.grid();
        let first = tiles.start;
        (tiles.start / columns..tiles.end.div_ceil(columns)).map(move |row| {
            let start = (row * columns).max(tiles.start);
            let end = ((row + 1) * columns).min(tiles.end);
            Segment {
                image: row / rows,
                row: row % rows,
                columns: start - row * columns..end - row * columns,
                at: start - first,
            }
        })
    }

    fn is_parallel(&self) -> bool {
        let work = self.tiles() * POINTS * self.channels * self.outputs;
        work >= PARALLEL_FROM && threads::count() > 1
    }

    /// y (N, O, OH, OW) from x (N, C, H, W), w (O, C, 3, 3) and the bias (O).
    ///
    /// # Safety
    /// `y` has room for the output.
    pub(crate) unsafe fn run(&self, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: *mut f32) {
        let (tiles, parallel) = (f32::tiles(), self.is_parallel());
        let filters = POINTS * self.channels * self.outputs * size_of::<f32>();
        let enough = self.tiles().div_ceil(self.own_tiles()) >= threads::count();
        // SAFETY: as promised by the caller.
        unsafe {
            if filters <= SMALL_FILTERS && (enough || !parallel) {
                self.run_by_tiles(tiles, x, w, bias, y, parallel);
            } else {
                self.run_by_outputs(tiles, x, w, bias, y, parallel);
            }
        }
    }

    /// Tiles whose pixels and sums stay in the cache of a thread.
    fn own_tiles(&self) -> usize {
        let per_tile = POINTS * (self.channels + self.outputs) * size_of::<f32>();
        (OWN_BYTES / per_tile / 32 * 32).max(32)
    }

    /// [`run`](Winograd::run) where all filters are transformed at once: threads take tiles.
    unsafe fn run_by_tiles(
        &self,
        tiles: &'static Tiles<f32>,
        x: &[f32],
        w: &[f32],
        bias: Option<&[f32]>,
        y: *mut f32,
        parallel: bool,
    ) {
        let (count, size) = (self.tiles(), self.own_tiles());
        let filters = self.transform_filters(tiles, w, 0..self.outputs, parallel);
        let y = SendPointer(y);
        for_each(parallel, count.div_ceil(size), |i| {
            let block = i * size..((i + 1) * size).min(count);
            let pixels = self.transform_pixels(tiles, x, block, false);
            // SAFETY: as promised by the caller; blocks write to tiles of their own.
            unsafe { self.multiply(tiles, &filters, &pixels, bias, y.get()) };
        });
    }

    /// [`run`](Winograd::run) where all work on the same tiles: threads take outputs, and never are
    /// all filters transformed, which are four times as large then.
    unsafe fn run_by_outputs(
        &self,
        tiles: &'static Tiles<f32>,
        x: &[f32],
        w: &[f32],
        bias: Option<&[f32]>,
        y: *mut f32,
        parallel: bool,
    ) {
        let (count, o) = (self.tiles(), self.outputs);
        let per_tile = POINTS * self.channels * size_of::<f32>();
        let size = (SHARED_BYTES / per_tile / 32 * 32).max(32);
        // As many for each thread.
        let tasks = o.div_ceil(STRIP);
        let tasks = tasks.next_multiple_of(threads::count());
        let strip = o.div_ceil(tasks).next_multiple_of(4);
        let y = SendPointer(y);
        for start in (0..count).step_by(size) {
            let block = start..(start + size).min(count);
            let pixels = self.transform_pixels(tiles, x, block, parallel);
            for_each(parallel, o.div_ceil(strip), |i| {
                let outputs = i * strip..((i + 1) * strip).min(o);
                let filters = self.transform_filters(tiles, w, outputs, false);
                // SAFETY: as promised by the caller; strips write to outputs of their own.
                unsafe { self.multiply(tiles, &filters, &pixels, bias, y.get()) };
            });
        }
    }

    /// G w Gᵀ of some outputs as (points, outputs, C).
    fn transform_filters(
        &self,
        tiles: &Tiles<f32>,
        w: &[f32],
        outputs: Range<usize>,
        parallel: bool,
    ) -> Filters {
        let c = self.channels;
        // Not a multiple of 2 KiB.
        let pitch = c.next_multiple_of(16) + 16;
        let points = apart(outputs.len() * pitch);
        let filters = Filters {
            values: Buffer::scratch::<f32>(POINTS * points),
            pitch,
            points,
            outputs: outputs.clone(),
        };
        let to = SendPointer(filters.values.elements::<f32>());
        for_each(parallel, outputs.len(), |i| {
            let w = &w[(outputs.start + i) * c * 9..][..c * 9];
            let planes = Buffer::scratch::<f32>(9 * pitch);
            let planes: *mut f32 = planes.elements();
            // SAFETY: the rows of this output; `planes` has room for 9 rows.
            unsafe {
                for tap in 0..9 {
                    for channel in 0..pitch {
                        let w = if channel < c {
                            w[channel * 9 + tap]
                        } else {
                            0.0
                        };
                        planes.add(tap * pitch + channel).write(w);
                    }
                }
                let to = to.get().add(i * pitch);
                (Level::of(tiles).filter)(planes, pitch, to, points);
            }
        });
        filters
    }

    /// Bᵀ x B of some tiles as (points, C, tiles).
    fn transform_pixels(
        &self,
        tiles: &Tiles<f32>,
        x: &[f32],
        block: Range<usize>,
        parallel: bool,
    ) -> Pixels {
        let c = self.channels;
        let lanes = tiles.lanes;
        let by_rows = Level::of(tiles).for_columns(self.grid().1);
        let pitch = (block.len() + lanes).next_multiple_of(lanes);
        let points = apart(c * pitch);
        let pixels = Pixels {
            values: Buffer::scratch::<f32>(POINTS * points),
            pitch,
            points,
            block,
        };
        let to = SendPointer(pixels.values.elements::<f32>());
        for_each(parallel, c, |channel| {
            let mut rows = Rows::new(self.grid().1, lanes);
            for segment in self.segments(pixels.block.clone()) {
                let plane = self.image.0 * self.image.1;
                let x = &x[(segment.image * c + channel) * plane..][..plane];
                rows.load(self, x, &segment);
                // SAFETY: there is room for `pitch` tiles of each channel and point; tasks write to
                // channels of their own.
                unsafe {
                    let to = to.get().add(channel * pitch + segment.at);
                    (by_rows.input)(&rows, segment.columns.len(), to, points);
                }
            }
        });
        pixels
    }

    /// The outputs of `filters` at the tiles of `pixels`.
    ///
    /// # Safety
    /// `y` has room for the output.
    unsafe fn multiply(
        &self,
        tiles: &Tiles<f32>,
        filters: &Filters,
        pixels: &Pixels,
        bias: Option<&[f32]>,
        y: *mut f32,
    ) {
        let (c, o) = (self.channels, filters.outputs.len());
        let (count, pitch) = (pixels.block.len(), pixels.pitch);
        let points = apart(o * pitch);
        let sums = Buffer::scratch::<f32>(POINTS * points);
        let sums: *mut f32 = sums.elements();
        let panel = 2 * tiles.lanes;
        let offsets: Vec<usize> = (0..c).map(|channel| channel * pitch).collect();
        for point in 0..POINTS {
            let mut output = 0;
            while output < o {
                let height = tiles.height(o - output);
                for first in (0..count).step_by(panel) {
                    // SAFETY: buffers have room for `pitch` tiles of each channel, output and point.
                    unsafe {
                        let a = filters.values.elements::<f32>();
                        let b = pixels.values.elements::<f32>();
                        tiles.run(
                            height,
                            &Tile {
                                k: c,
                                a: a.add(point * filters.points + output * filters.pitch),
                                a_strides: (filters.pitch as isize, 1),
                                b: b.add(point * pixels.points + first),
                                b_offsets: offsets.as_ptr(),
                                c: sums.add(point * points + output * pitch + first),
                                c_stride: pitch,
                                width: panel.min(count - first),
                                accumulate: false,
                            },
                        );
                    }
                }
                output += height;
            }
        }
        let by_rows = Level::of(tiles).for_columns(self.grid().1);
        let mut rows = Rows::new(self.grid().1, tiles.lanes);
        for (i, output) in filters.outputs.clone().enumerate() {
            let bias = bias.map_or(0.0, |bias| bias[output]);
            for segment in self.segments(pixels.block.clone()) {
                let plane = self.out.0 * self.out.1;
                let at = (segment.image * self.outputs + output) * plane;
                // SAFETY: as above, and `y` has room for this plane, as the caller vouches.
                unsafe {
                    let from = sums.add(i * pitch + segment.at);
                    (by_rows.output)(from, points, segment.columns.len(), &mut rows);
                    rows.store(self, bias, &segment, y.add(at));
                }
            }
        }
    }

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

    unsafe fn weight_gradient_with(
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
                                    accumulate: start > 0,
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

/// Room for one point, such that all points of a number do not fall on the same cache sets.
fn apart(size: usize) -> usize {
    size.next_multiple_of(16) + 16
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

fn for_each(parallel: bool, count: usize, f: impl Fn(usize) + Sync) {
    if parallel {
        threads::for_each(count, &f);
    } else {
        (0..count).for_each(f);
    }
}

/// The transformed filters of some outputs.
struct Filters {
    values: Buffer,
    /// Distances of the rows and of the points.
    pitch: usize,
    points: usize,
    outputs: Range<usize>,
}

/// The transformed pixels of some tiles.
struct Pixels {
    values: Buffer,
    /// Distances of the channels and of the points.
    pitch: usize,
    points: usize,
    block: Range<usize>,
}

/// The rows of a segment of tiles, each taken apart into the columns 4t, 4t+1, 4t+2, 4t+3: what a
/// vector of tiles reads or writes at one position lies together.
struct Rows {
    values: Vec<f32>,
    /// Elements of one row at one of the four columns.
    pitch: usize,
}

impl Rows {
    fn new(columns: usize, lanes: usize) -> Rows {
        let pitch = (columns + 1).next_multiple_of(lanes) + lanes;
        Rows {
            values: vec![0.0; IN * OUT * pitch],
            pitch,
        }
    }

    /// Reads the six rows of pixels under a segment.
    fn load(&mut self, g: &Winograd, x: &[f32], segment: &Segment) {
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
    unsafe fn store(&self, g: &Winograd, bias: f32, segment: &Segment, y: *mut f32) {
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

/// The transforms, compiled for one SIMD level.
struct Level {
    lanes: usize,
    /// (nine planes of weights, length of a plane, result, distance of its points)
    filter: unsafe fn(*const f32, usize, *mut f32, usize),
    /// (rows, tiles, result, distance of its points)
    input: unsafe fn(&Rows, usize, *mut f32, usize),
    /// (sums, distance of their points, tiles, rows)
    output: unsafe fn(*const f32, usize, usize, &mut Rows),
    /// (strip of pixels, its columns, its pitch, tiles, result, distance of its points)
    pixels: unsafe fn(*const f32, usize, usize, usize, *mut f32, usize),
    /// (strip of the output's gradient, and as above)
    gradients: unsafe fn(*const f32, usize, usize, usize, *mut f32, usize),
    /// (sums, distance of their points, nine planes of weights, length of a plane)
    weights: unsafe fn(*const f32, usize, *mut f32, usize),
}

macro_rules! level {
    ($name:ident, $V:ty $(, #[$feature:meta])?) => {
        // SAFETY of all: the caller promises what the transform asks for; a `Level` is chosen with the tiles of this machine.
        #[expect(clippy::undocumented_unsafe_blocks, reason = "said once for all")]
        static $name: Level = {
            $(#[$feature])?
            unsafe fn filter(w: *const f32, length: usize, to: *mut f32, pitch: usize) {
                unsafe { filter_transform::<$V>(w, length, to, pitch) }
            }
            $(#[$feature])?
            unsafe fn input(rows: &Rows, count: usize, to: *mut f32, pitch: usize) {
                unsafe { input_transform::<$V>(rows, count, to, pitch) }
            }
            $(#[$feature])?
            unsafe fn output(from: *const f32, pitch: usize, count: usize, rows: &mut Rows) {
                unsafe { output_transform::<$V>(from, pitch, count, rows) }
            }
            $(#[$feature])?
            unsafe fn pixels(
                x: *const f32,
                columns: usize,
                pitch: usize,
                count: usize,
                to: *mut f32,
                points: usize,
            ) {
                unsafe {
                    strip_transform::<$V, IN>(x, columns, pitch, count, to, points, #[inline(always)] |x| b(x))
                }
            }
            $(#[$feature])?
            unsafe fn gradients(
                x: *const f32,
                columns: usize,
                pitch: usize,
                count: usize,
                to: *mut f32,
                points: usize,
            ) {
                unsafe {
                    strip_transform::<$V, OUT>(x, columns, pitch, count, to, points, #[inline(always)] |x| a_transposed(x))
                }
            }
            $(#[$feature])?
            unsafe fn weights(from: *const f32, points: usize, to: *mut f32, length: usize) {
                unsafe { weight_transform::<$V>(from, points, to, length) }
            }
            Level {
                lanes: <$V as Vector>::LANES,
                filter,
                input,
                output,
                pixels,
                gradients,
                weights,
            }
        };
    };
}
level!(PORTABLE, Portable<f32, 4>);
#[cfg(target_arch = "x86_64")]
level!(V4, std::arch::x86_64::__m512, #[target_feature(enable = "avx512f")]);
#[cfg(target_arch = "x86_64")]
level!(V3, std::arch::x86_64::__m256, #[target_feature(enable = "avx2,fma")]);

impl Level {
    /// The level for rows of so many tiles: most of a wide vector would be wasted on short ones.
    fn for_columns(&'static self, columns: usize) -> &'static Level {
        match (self.lanes, columns) {
            #[cfg(target_arch = "x86_64")]
            (16, ..=8) => &V3,
            _ => self,
        }
    }

    /// The level that tiles were compiled for.
    fn of(tiles: &Tiles<f32>) -> &'static Level {
        match tiles.lanes {
            #[cfg(target_arch = "x86_64")]
            16 => &V4,
            #[cfg(target_arch = "x86_64")]
            8 => &V3,
            _ => &PORTABLE,
        }
    }
}

/// The one-dimensional transform `f` along both axes of a square read by `load`.
#[inline(always)]
unsafe fn both_axes<V: Vector, const I: usize, const O: usize>(
    load: impl Fn(usize, usize) -> V,
    f: impl Fn([V; I]) -> [V; O] + Copy,
) -> [[V; O]; O] {
    // SAFETY: registers only.
    unsafe {
        let zero = V::zero();
        let mut half = [[zero; I]; O];
        for j in 0..I {
            let mut column = [zero; I];
            for (i, x) in column.iter_mut().enumerate() {
                *x = load(i, j);
            }
            for (half, x) in half.iter_mut().zip(f(column)) {
                half[j] = x;
            }
        }
        let mut whole = [[zero; O]; O];
        for (whole, half) in whole.iter_mut().zip(half) {
            *whole = f(half);
        }
        whole
    }
}

/// k·x + y
#[inline(always)]
unsafe fn axpy<V: Vector<Scalar = f32>>(k: f32, x: V, y: V) -> V {
    // SAFETY: registers only.
    unsafe { V::splat(k).mul_add(x, y) }
}

/// Bᵀ
#[inline(always)]
unsafe fn b<V: Vector<Scalar = f32>>([x0, x1, x2, x3, x4, x5]: [V; IN]) -> [V; IN] {
    // SAFETY: registers only.
    unsafe {
        let (p, q) = (axpy(-4.0, x2, x4), axpy(-4.0, x1, x3));
        let (r, s) = (axpy(-1.0, x2, x4), axpy(-1.0, x1, x3));
        [
            axpy(4.0, x0, axpy(-5.0, x2, x4)),
            p.add(q),
            axpy(-1.0, q, p),
            axpy(2.0, s, r),
            axpy(-2.0, s, r),
            axpy(4.0, x1, axpy(-5.0, x3, x5)),
        ]
    }
}

/// Aᵀ
#[inline(always)]
unsafe fn a<V: Vector<Scalar = f32>>([x0, x1, x2, x3, x4, x5]: [V; IN]) -> [V; OUT] {
    // SAFETY: registers only.
    unsafe {
        let (p, q) = (x1.add(x2), axpy(-1.0, x2, x1));
        let (r, s) = (x3.add(x4), axpy(-1.0, x4, x3));
        [
            x0.add(p).add(r),
            axpy(2.0, s, q),
            axpy(4.0, r, p),
            axpy(8.0, s, q).add(x5),
        ]
    }
}

/// G
#[inline(always)]
unsafe fn g<V: Vector<Scalar = f32>>([x0, x1, x2]: [V; 3]) -> [V; IN] {
    // SAFETY: registers only.
    unsafe {
        let zero = V::zero();
        let p = axpy(-1.0 / 6.0, x0.add(x2), zero);
        let q = axpy(1.0 / 24.0, x0, axpy(1.0 / 6.0, x2, zero));
        [
            axpy(0.25, x0, zero),
            axpy(-1.0 / 6.0, x1, p),
            axpy(1.0 / 6.0, x1, p),
            axpy(1.0 / 12.0, x1, q),
            axpy(-1.0 / 12.0, x1, q),
            x2,
        ]
    }
}

/// A
#[inline(always)]
unsafe fn a_transposed<V: Vector<Scalar = f32>>([x0, x1, x2, x3]: [V; OUT]) -> [V; IN] {
    // SAFETY: registers only.
    unsafe {
        let (p, q) = (x0.add(x2), x1.add(x3));
        let r = axpy(4.0, x2, x0);
        let s = axpy(4.0, x3, x1);
        [
            x0,
            p.add(q),
            axpy(-1.0, q, p),
            axpy(2.0, s, r),
            axpy(-2.0, s, r),
            x3,
        ]
    }
}

/// Gᵀ
#[inline(always)]
unsafe fn g_transposed<V: Vector<Scalar = f32>>([x0, x1, x2, x3, x4, x5]: [V; IN]) -> [V; 3] {
    // SAFETY: registers only.
    unsafe {
        let zero = V::zero();
        let (p, q) = (x1.add(x2), axpy(-1.0, x1, x2));
        let (r, s) = (x3.add(x4), axpy(-1.0, x4, x3));
        let p = axpy(-1.0 / 6.0, p, zero);
        [
            axpy(0.25, x0, axpy(1.0 / 24.0, r, p)),
            axpy(1.0 / 6.0, q, axpy(1.0 / 12.0, s, zero)),
            axpy(1.0 / 6.0, r, p).add(x5),
        ]
    }
}

#[inline(always)]
unsafe fn filter_transform<V: Vector<Scalar = f32>>(
    w: *const f32,
    length: usize,
    to: *mut f32,
    pitch: usize,
) {
    for at in (0..length).step_by(V::LANES) {
        // SAFETY: planes of `length`, a multiple of the lanes.
        unsafe {
            let u: [[V; IN]; IN] = both_axes(
                #[inline(always)]
                |i, j| V::load(w.add((i * 3 + j) * length + at)),
                #[inline(always)]
                |x| g(x),
            );
            for (point, u) in u.as_flattened().iter().enumerate() {
                u.store(to.add(point * pitch + at));
            }
        }
    }
}

#[inline(always)]
unsafe fn input_transform<V: Vector<Scalar = f32>>(
    rows: &Rows,
    count: usize,
    to: *mut f32,
    pitch: usize,
) {
    let x = rows.values.as_ptr();
    for at in (0..count).step_by(V::LANES) {
        // SAFETY: rows have room for a vector beyond the last tile, and so does the result.
        unsafe {
            let v: [[V; IN]; IN] = both_axes(
                #[inline(always)]
                |i, j| V::load(x.add((i * OUT + j % OUT) * rows.pitch + j / OUT + at)),
                #[inline(always)]
                |x| b(x),
            );
            for (point, v) in v.as_flattened().iter().enumerate() {
                v.store(to.add(point * pitch + at));
            }
        }
    }
}

#[inline(always)]
unsafe fn output_transform<V: Vector<Scalar = f32>>(
    from: *const f32,
    pitch: usize,
    count: usize,
    rows: &mut Rows,
) {
    let y = rows.values.as_mut_ptr();
    for at in (0..count).step_by(V::LANES) {
        // SAFETY: the sums have room for a vector beyond the last tile, and so do rows.
        unsafe {
            let out: [[V; OUT]; OUT] = both_axes(
                #[inline(always)]
                |i, j| V::load(from.add((i * IN + j) * pitch + at)),
                #[inline(always)]
                |x| a(x),
            );
            for (i, out) in out.iter().enumerate() {
                for (j, out) in out.iter().enumerate() {
                    out.store(y.add((i * OUT + j) * rows.pitch + at));
                }
            }
        }
    }
}

/// Transforms the tiles of a strip, vectors of channels at a time.
#[inline(always)]
unsafe fn strip_transform<V: Vector<Scalar = f32>, const I: usize>(
    x: *const f32,
    columns: usize,
    pitch: usize,
    count: usize,
    to: *mut f32,
    points: usize,
    f: impl Fn([V; I]) -> [V; IN] + Copy,
) {
    for tile in 0..count {
        for at in (0..pitch).step_by(V::LANES) {
            // SAFETY: pixels of the strip; the pitch is a multiple of the lanes.
            unsafe {
                let v: [[V; IN]; IN] = both_axes(
                    #[inline(always)]
                    |i, j| V::load(x.add((i * columns + tile * OUT + j) * pitch + at)),
                    f,
                );
                for (point, v) in v.as_flattened().iter().enumerate() {
                    v.store(to.add(point * points + tile * pitch + at));
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn weight_transform<V: Vector<Scalar = f32>>(
    from: *const f32,
    points: usize,
    to: *mut f32,
    length: usize,
) {
    for at in (0..length).step_by(V::LANES) {
        // SAFETY: rows of `length`, a multiple of the lanes.
        unsafe {
            let w: [[V; 3]; 3] = both_axes(
                #[inline(always)]
                |i, j| V::load(from.add((i * IN + j) * points + at)),
                #[inline(always)]
                |x| g_transposed(x),
            );
            for (tap, w) in w.as_flattened().iter().enumerate() {
                w.store(to.add(tap * length + at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tile::all_tiles_f32;

    /// Each level against the definition in f64, with more than one block, rows of tiles cut by
    /// blocks and images, and channels that fill no vector.
    #[test]
    fn every_level_agrees_with_the_definition() {
        let g = Winograd {
            images: 2,
            channels: 17,
            outputs: 19,
            image: (13, 22),
            padding: (1, 2),
            out: (13, 24),
        };
        let numbers = |count: usize, seed: usize| -> Vec<f32> {
            let number = |i: usize| ((i * 7919 + seed) % 1009) as f32 / 504.5 - 1.0;
            (0..count).map(number).collect()
        };
        let (c, o) = (g.channels, g.outputs);
        let (h, w) = g.image;
        let (rows, columns) = g.out;
        let x = numbers(g.images * c * h * w, 1);
        let filter = numbers(o * c * 9, 2);
        let bias = numbers(o, 3);
        let gy = numbers(g.images * o * rows * columns, 4);
        let mut y = vec![0.0f64; gy.len()];
        let mut gw = vec![0.0f64; filter.len()];
        for image in 0..g.images {
            for (output, &b) in bias.iter().enumerate() {
                for i in 0..rows {
                    for j in 0..columns {
                        let to = ((image * o + output) * rows + i) * columns + j;
                        y[to] += f64::from(b);
                        for channel in 0..c {
                            for tap in 0..9 {
                                let row = (i + tap / 3).wrapping_sub(1);
                                let column = (j + tap % 3).wrapping_sub(2);
                                if row >= h || column >= w {
                                    continue;
                                }
                                let from = ((image * c + channel) * h + row) * w + column;
                                let at = (output * c + channel) * 9 + tap;
                                y[to] += f64::from(x[from]) * f64::from(filter[at]);
                                gw[at] += f64::from(x[from]) * f64::from(gy[to]);
                            }
                        }
                    }
                }
            }
        }
        let check = |found: &[f32], expected: &[f64], what: &str| {
            let largest = expected.iter().fold(0.0f64, |m, x| m.max(x.abs()));
            for (i, (&x, &y)) in found.iter().zip(expected).enumerate() {
                let error = (f64::from(x) - y).abs() / largest;
                assert!(error < 2e-5, "{what}: element {i} is {x}, expected {y}");
            }
        };
        for tiles in all_tiles_f32() {
            for (name, run) in [
                (
                    "tiles",
                    Winograd::run_by_tiles as unsafe fn(_, _, _, _, _, _, _),
                ),
                ("outputs", Winograd::run_by_outputs),
            ] {
                let mut found = vec![f32::NAN; y.len()];
                let (bias, to) = (Some(&bias[..]), found.as_mut_ptr());
                // SAFETY: the result has its size.
                unsafe { run(&g, tiles, &x, &filter, bias, to, true) };
                check(
                    &found,
                    &y,
                    &format!("y by {name} with {} lanes", tiles.lanes),
                );
            }
            let mut found_gw = vec![f32::NAN; gw.len()];
            // SAFETY: the result has its size.
            unsafe { g.weight_gradient_with(tiles, &x, &gy, found_gw.as_mut_ptr()) };
            check(&found_gw, &gw, &format!("gw with {} lanes", tiles.lanes));
        }
    }
}

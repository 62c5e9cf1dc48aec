//! Convolution with 3x3 filters by Winograd's algorithm F(4x4, 3x3), in f32.
//!
//! A tile of 4x4 outputs reads 6x6 pixels. With the small matrices A, B and G of the algorithm,
//!
//! y = Aᵀ \[(G w Gᵀ) ⊙ (Bᵀ x B)] A
//!
//! so that after summing over channels each of the 36 points is one product of matrices: 36
//! multiplications for 16 outputs, not 144. The rounding error is some ten times that of the
//! direct sum, about 1e-5 of the largest output.

mod group;
mod transforms;
mod weight_gradient;

use std::ops::Range;

use group::{GROUP, Group};
use transforms::Level;

use super::matmul::PARALLEL_FROM;
use super::threads::{self, SendPointer};
use super::tile::{Plus, Real, Tile, Tiles};
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

/// Channels whose pixels a task transforms.
const CHANNELS: usize = 8;

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
        let pitch = (block.len() + lanes).next_multiple_of(lanes);
        let points = apart(c * pitch);
        let pixels = Pixels {
            values: Buffer::scratch::<f32>(POINTS * points),
            pitch,
            points,
            block,
        };
        let to = SendPointer(pixels.values.elements::<f32>());
        for_each(parallel, c.div_ceil(CHANNELS), |i| {
            let mut group = Group::new();
            for channel in i * CHANNELS..((i + 1) * CHANNELS).min(c) {
                for start in pixels.block.clone().step_by(GROUP) {
                    let some = start..(start + GROUP).min(pixels.block.end);
                    for segment in self.segments(some.clone()) {
                        let plane = self.image.0 * self.image.1;
                        let x = &x[(segment.image * c + channel) * plane..][..plane];
                        group.load(self, x, &segment);
                    }
                    // SAFETY: there is room for `pitch` tiles of each channel and point; tasks write to
                    // channels of their own.
                    unsafe {
                        let to = to.get().add(channel * pitch + start - pixels.block.start);
                        (Level::of(tiles).input)(&group, some.len(), to, points);
                    }
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
                                plus: Plus::Nothing,
                            },
                        );
                    }
                }
                output += height;
            }
        }
        let mut group = Group::new();
        for (i, output) in filters.outputs.clone().enumerate() {
            let bias = bias.map_or(0.0, |bias| bias[output]);
            for start in pixels.block.clone().step_by(GROUP) {
                let some = start..(start + GROUP).min(pixels.block.end);
                // SAFETY: as above.
                unsafe {
                    let from = sums.add(i * pitch + start - pixels.block.start);
                    (Level::of(tiles).output)(from, points, some.len(), bias, &mut group);
                }
                for segment in self.segments(some) {
                    let plane = self.out.0 * self.out.1;
                    let at = (segment.image * self.outputs + output) * plane;
                    // SAFETY: `y` has room for this plane, as the caller vouches.
                    unsafe { group.store(self, &segment, y.add(at)) };
                }
            }
        }
    }
}

/// Room for one point, such that all points of a number do not fall on the same cache sets.
fn apart(size: usize) -> usize {
    size.next_multiple_of(16) + 16
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tile::all_tiles_f32;

    /// More than one block, rows of tiles cut by blocks and images, and channels that fill no vector.
    #[test]
    fn every_level_agrees_with_the_definition() {
        check([2, 17, 19], (13, 22), (1, 2));
    }

    /// Less than a tile, a vector or a row of either.
    #[test]
    fn the_smallest_agree_too() {
        for [images, channels, outputs] in [[1, 1, 1], [1, 1, 5], [1, 3, 1], [3, 1, 2]] {
            for (image, padding) in [
                ((3, 3), (0, 0)),
                ((1, 1), (1, 1)),
                ((2, 1), (2, 2)),
                ((1, 9), (1, 0)),
                ((6, 5), (0, 1)),
                ((3, 70), (1, 1)),
            ] {
                if image.1 + 2 * padding.1 > 2 {
                    check([images, channels, outputs], image, padding);
                }
            }
        }
    }

    /// Each level against the definition in f64.
    fn check(
        [images, channels, outputs]: [usize; 3],
        image: (usize, usize),
        padding: (usize, usize),
    ) {
        let g = Winograd {
            images,
            channels,
            outputs,
            image,
            padding: (padding.0 as isize, padding.1 as isize),
            out: (image.0 + 2 * padding.0 - 2, image.1 + 2 * padding.1 - 2),
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
                                let row = (i + tap / 3).wrapping_sub(padding.0);
                                let column = (j + tap % 3).wrapping_sub(padding.1);
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
        let compare = |found: &[f32], expected: &[f64], what: &str| {
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
                compare(
                    &found,
                    &y,
                    &format!("y by {name} with {} lanes", tiles.lanes),
                );
            }
            let mut found_gw = vec![f32::NAN; gw.len()];
            // SAFETY: the result has its size.
            unsafe { g.weight_gradient_with(tiles, &x, &gy, found_gw.as_mut_ptr()) };
            compare(&found_gw, &gw, &format!("gw with {} lanes", tiles.lanes));
        }
    }
}

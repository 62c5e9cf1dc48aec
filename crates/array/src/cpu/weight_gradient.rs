//! The gradient of a convolution's filters.

use std::mem::MaybeUninit;

use super::convolution::Float;
use super::matmul::PARALLEL_FROM;
use super::threads::{self, SendPointer};
use super::tile::{Plus, Tile};
use super::transpose::transpose;
use super::winograd::Winograd;
use crate::buffer::Buffer;
use crate::convolution::Geometry;

/// Bytes of images with their channels last that are worked on at a time.
const CHUNK_BYTES: usize = 16 << 20;
/// Pixels in one pass of the weight gradient: a strip of gy stays in the first cache.
const PIXELS: usize = 256;

/// gw (O, C / groups, KH, KW) from x (N, C, H, W) and gy (N, O, OH, OW).
///
/// The sum runs over pixels, so the columns of the product are channels. With the channels of a
/// padded image last, those of one filter row are one run of memory at each pixel; where all the filter
/// is less than a panel of columns, windows are written out, and it is one run.
pub(crate) fn weight_gradient<T: Float>(
    g: &Geometry,
    x: &[T],
    gy: &[T],
    gw: &mut [MaybeUninit<T>],
) {
    let (c, o) = g.group_channels();
    let (p, taps, windows) = (&g.params, g.taps(), g.windows());
    if gw.is_empty() {
        return;
    }
    if g.images * windows == 0 {
        gw.fill(MaybeUninit::new(T::default()));
        return;
    }
    if g.fits_winograd() {
        // SAFETY: `gw` is the whole weight.
        let done = unsafe { T::winograd_weight(&Winograd::of(g), x, gy, gw.as_mut_ptr().cast()) };
        if done {
            return;
        }
    }
    let tiles = T::tiles();
    let panel = 2 * tiles.lanes;
    let written_out = g.kernel.0 > 1 && c * taps <= panel;
    // The part of the padded image that windows read.
    let rows = (g.out.0 - 1) * p.stride.0 + (g.kernel.0 - 1) * p.dilation.0 + 1;
    let columns = (g.out.1 - 1) * p.stride.1 + (g.kernel.1 - 1) * p.dilation.1 + 1;
    let part_size = c * if written_out {
        windows * taps
    } else {
        rows * columns
    };
    let offset = |i: usize| {
        let (row, column) = (i / g.out.1 * p.stride.0, i % g.out.1 * p.stride.1);
        c * if written_out {
            i * taps
        } else {
            row * columns + column
        }
    };
    let offsets: Vec<usize> = (0..windows).map(offset).collect();
    // Runs of columns of the product: where one starts, and its length.
    let runs: Vec<(usize, usize)> = if written_out {
        vec![(0, c * taps)]
    } else if p.dilation.1 == 1 {
        (0..g.kernel.0)
            .map(|i| (i * p.dilation.0 * columns * c, g.kernel.1 * c))
            .collect()
    } else {
        (0..taps)
            .map(|tap| {
                let (row, column) = (tap / g.kernel.1, tap % g.kernel.1);
                let at = (row * p.dilation.0 * columns + column * p.dilation.1) * c;
                (at, c)
            })
            .collect()
    };
    let work = g.images * p.groups * windows * c * o * taps;
    let threads = if work < PARALLEL_FROM {
        1
    } else {
        threads::count()
    };
    let size = if p.groups >= 4 * threads {
        o
    } else {
        o.div_ceil(threads).next_multiple_of(4).min(o)
    };
    let chunks = o.div_ceil(size);
    let per_chunk =
        (CHUNK_BYTES / (part_size * p.groups * size_of::<T>()).max(1)).clamp(1, g.images);
    let last = Buffer::scratch::<T>(per_chunk * p.groups * part_size + panel);
    let last = SendPointer(last.elements::<T>());
    // One (O, KH, KW, C) for each group, where the sums over images grow.
    let sums = Buffer::scratch::<T>(gw.len());
    let sums = SendPointer(sums.elements::<T>());
    for first in (0..g.images).step_by(per_chunk) {
        let images = per_chunk.min(g.images - first);
        let parts = images * p.groups;
        let turn = |part: usize| {
            let pixels = g.pixels();
            let x = &x[(first * p.groups + part) * c * pixels..][..c * pixels];
            // SAFETY: the place of this part, whose every element is written.
            let to = unsafe {
                std::slice::from_raw_parts_mut(last.get().add(part * part_size), part_size)
            };
            if written_out {
                write_out(g, x, c, to);
            } else {
                channels_last(g, x, c, (rows, columns), to);
            }
        };
        // SAFETY: the room beyond the last part, which tiles read and drop.
        (0..panel)
            .for_each(|i| unsafe { last.get().add(parts * part_size + i).write(T::default()) });
        let multiply = |task: usize| {
            let (group, start) = (task / chunks, task % chunks * size);
            let outputs = start..(start + size).min(o);
            for image in 0..images {
                let part = image * p.groups + group;
                let gy = &gy[((first * p.groups + part) * o) * windows..][..o * windows];
                for pixel in (0..windows).step_by(PIXELS) {
                    let k = PIXELS.min(windows - pixel);
                    let mut output = outputs.start;
                    while output < outputs.end {
                        let height = tiles.height(outputs.end - output);
                        let to = (group * o + output) * taps * c;
                        let mut column = 0;
                        for &(at, length) in &runs {
                            for start in (0..length).step_by(panel) {
                                // SAFETY: inside the buffers, which have room for whole vectors
                                // at their end; tasks write to rows of their own.
                                unsafe {
                                    tiles.run(
                                        height,
                                        &Tile {
                                            k,
                                            a: gy.as_ptr().add(output * windows + pixel),
                                            a_strides: (windows as isize, 1),
                                            b: last.get().add(part * part_size + at + start),
                                            b_offsets: offsets.as_ptr().add(pixel),
                                            c: sums.get().add(to + column + start),
                                            c_stride: taps * c,
                                            width: panel.min(length - start),
                                            plus: Plus::result_if(first + image + pixel > 0),
                                        },
                                    );
                                }
                            }
                            column += length;
                        }
                        output += height;
                    }
                }
            }
        };
        if threads == 1 {
            (0..parts).for_each(turn);
            (0..p.groups * chunks).for_each(multiply);
        } else {
            threads::for_each(parts, &turn);
            threads::for_each(p.groups * chunks, &multiply);
        }
    }
    // SAFETY: all sums were written.
    let sums = unsafe { std::slice::from_raw_parts(sums.get(), gw.len()) };
    for (gw, sums) in gw
        .chunks_exact_mut(c * taps)
        .zip(sums.chunks_exact(c * taps))
    {
        for (channel, gw) in gw.chunks_exact_mut(taps).enumerate() {
            for (tap, gw) in gw.iter_mut().enumerate() {
                gw.write(sums[tap * c + channel]);
            }
        }
    }
}

/// Writes the windows of planes (C, H, W) as (OH, OW, KH, KW, C).
fn write_out<T: Float>(g: &Geometry, x: &[T], channels: usize, to: &mut [T]) {
    to.fill(T::default());
    let (size, stride) = (g.taps() * channels, g.params.stride.1);
    for channel in 0..channels {
        let x = &x[channel * g.pixels()..][..g.pixels()];
        for tap in 0..g.taps() {
            g.for_each_run(tap, |window, pixel, count| {
                let to = &mut to[window * size + tap * channels + channel..];
                let x = x[pixel..].iter().step_by(stride);
                for (to, &x) in to.iter_mut().step_by(size).zip(x).take(count) {
                    *to = x;
                }
            });
        }
    }
}

/// Writes planes (C, H, W) as a padded image (rows, columns, C).
fn channels_last<T: Float>(
    g: &Geometry,
    x: &[T],
    channels: usize,
    (rows, columns): (usize, usize),
    to: &mut [T],
) {
    let (h, w) = g.image;
    let padding = g.params.padding;
    debug_assert_eq!(to.len(), rows * columns * channels);
    let left = padding.1.min(columns);
    let right = (padding.1 + w).min(columns);
    for (i, to) in to.chunks_exact_mut(columns * channels).enumerate() {
        let Some(row) = i.checked_sub(padding.0).filter(|&row| row < h) else {
            to.fill(T::default());
            continue;
        };
        to[..left * channels].fill(T::default());
        to[right * channels..].fill(T::default());
        let to = &mut to[left * channels..right * channels];
        // SAFETY: pixels inside the image, and their places in the result.
        unsafe {
            let x = x.as_ptr().add(row * w);
            transpose(x, h * w, channels, right - left, to.as_mut_ptr(), channels);
        }
    }
}

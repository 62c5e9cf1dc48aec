//! Kernels over channels: images (N, C, pixels) lie as N · C planes one after the other.

use std::mem::MaybeUninit;

use super::reduce_kernels::{sum, sum_map, sum_zip};
use super::simd::{Cost, Operand, zip};
use super::threads;
use super::vector_math::Real;

/// Sizes of what is normalised.
#[derive(Clone, Copy)]
pub(crate) struct Planes {
    pub(crate) images: usize,
    pub(crate) channels: usize,
    pub(crate) pixels: usize,
}

/// Elements from which threads share the work.
const PARALLEL_FROM: usize = 1 << 14;
/// Elements that a task takes at least.
const TASK: usize = 1 << 13;

impl Planes {
    fn size(&self) -> usize {
        self.images * self.channels * self.pixels
    }

    /// The planes of channel `c` in `x`.
    fn of_channel<'a, T>(
        &self,
        x: &'a [T],
        c: usize,
    ) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        let Planes {
            channels, pixels, ..
        } = *self;
        (0..self.images).map(move |n| &x[(n * channels + c) * pixels..][..pixels])
    }

    /// Writes `body(c)` for each channel.
    fn for_each_channel<R: Copy + Send>(
        &self,
        out: &mut [MaybeUninit<R>],
        body: impl Fn(usize) -> R + Sync,
    ) {
        if self.size() < PARALLEL_FROM {
            for (c, out) in out.iter_mut().enumerate() {
                out.write(body(c));
            }
            return;
        }
        let at_once = TASK.div_ceil((self.images * self.pixels).max(1));
        chunks(out, at_once, &|start, out| {
            for (i, out) in out.iter_mut().enumerate() {
                out.write(body(start + i));
            }
        });
    }

    /// Calls `body(channel, range of the plane, part of y that is the plane)` for all planes.
    fn for_each_plane<T: Send>(
        &self,
        y: &mut [MaybeUninit<T>],
        body: impl Fn(usize, std::ops::Range<usize>, &mut [MaybeUninit<T>]) + Sync,
    ) {
        if y.is_empty() {
            return;
        }
        let Planes {
            channels, pixels, ..
        } = *self;
        let some = |first: usize, y: &mut [MaybeUninit<T>]| {
            for (i, y) in y.chunks_exact_mut(pixels).enumerate() {
                let plane = first + i;
                body(plane % channels, plane * pixels..(plane + 1) * pixels, y);
            }
        };
        if y.len() < PARALLEL_FROM {
            return some(0, y);
        }
        let at_once = TASK.div_ceil(pixels);
        chunks(y, at_once * pixels, &|start, y| some(start / pixels, y));
    }
}

/// Hands pieces of `out`, each with its start, to threads.
fn chunks<T: Send>(
    out: &mut [MaybeUninit<T>],
    length: usize,
    body: &(dyn Fn(usize, &mut [MaybeUninit<T>]) + Sync),
) {
    struct Shared<T>(*mut MaybeUninit<T>);
    // SAFETY: every task makes a slice of its own piece.
    unsafe impl<T: Send> Sync for Shared<T> {}
    let (size, shared) = (out.len(), Shared(out.as_mut_ptr()));
    let shared = &shared;
    threads::for_each(size.div_ceil(length), &|i| {
        let start = i * length;
        let length = length.min(size - start);
        // SAFETY: pieces do not overlap and lie within `out`, which is borrowed until all are done.
        body(start, unsafe {
            std::slice::from_raw_parts_mut(shared.0.add(start), length)
        });
    });
}

/// The mean of each channel.
pub(crate) fn mean<T: Real>(planes: &Planes, x: &[T], out: &mut [MaybeUninit<T>]) {
    let count = T::from_f64((planes.images * planes.pixels) as f64);
    planes.for_each_channel(out, |c| {
        planes
            .of_channel(x, c)
            .fold(T::ZERO, |total, plane| total + sum(plane))
            / count
    });
}

/// The mean of (x - mean)² of each channel.
pub(crate) fn variance<T: Real>(planes: &Planes, x: &[T], mean: &[T], out: &mut [MaybeUninit<T>]) {
    let count = T::from_f64((planes.images * planes.pixels) as f64);
    planes.for_each_channel(out, |c| {
        let mean = mean[c];
        let squares = |plane| sum_map(plane, |x: T| (x - mean) * (x - mean));
        planes
            .of_channel(x, c)
            .fold(T::ZERO, |total, plane| total + squares(plane))
            / count
    });
}

/// The sum of gy of each channel.
pub(crate) fn total<T: Real>(planes: &Planes, gy: &[T], out: &mut [MaybeUninit<T>]) {
    planes.for_each_channel(out, |c| {
        planes
            .of_channel(gy, c)
            .fold(T::ZERO, |total, plane| total + sum(plane))
    });
}

/// The sum of gy · (x - mean) · scale of each channel.
pub(crate) fn product<T: Real>(
    planes: &Planes,
    gy: &[T],
    x: &[T],
    mean: &[T],
    scale: &[T],
    out: &mut [MaybeUninit<T>],
) {
    planes.for_each_channel(out, |c| {
        let mean = mean[c];
        let pairs = planes.of_channel(gy, c).zip(planes.of_channel(x, c));
        let along = |(gy, x)| sum_zip(gy, x, |gy: T, x: T| gy * (x - mean));
        pairs.fold(T::ZERO, |total, pair| total + along(pair)) * scale[c]
    });
}

/// y = (x - mean) · scale + shift, numbers of the channel.
pub(crate) fn affine<T: Real>(
    planes: &Planes,
    x: &[T],
    mean: &[T],
    scale: &[T],
    shift: &[T],
    y: &mut [MaybeUninit<T>],
) {
    planes.for_each_plane(y, |c, range, y| {
        let (mean, scale, shift) = (mean[c], scale[c], shift[c]);
        zip(
            Operand::Slice(&x[range]),
            Operand::Scalar(shift),
            y,
            Cost::Cheap,
            #[inline(always)]
            move |x, shift| (x - mean) * scale + shift,
        );
    });
}

/// gx = a · gy + b · (x - mean) + c, numbers of the channel.
pub(crate) fn combine<T: Real>(
    planes: &Planes,
    (gy, x): (&[T], &[T]),
    mean: &[T],
    (a, b, c): (&[T], &[T], &[T]),
    gx: &mut [MaybeUninit<T>],
) {
    planes.for_each_plane(gx, |channel, range, gx| {
        let mean = mean[channel];
        let (a, b, c) = (a[channel], b[channel], c[channel]);
        zip(
            Operand::Slice(&gy[range.clone()]),
            Operand::Slice(&x[range]),
            gx,
            Cost::Cheap,
            #[inline(always)]
            move |gy, x| a * gy + b * (x - mean) + c,
        );
    });
}

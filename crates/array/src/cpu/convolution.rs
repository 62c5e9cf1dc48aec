//! Convolution on the CPU.

use std::mem::MaybeUninit;
use std::ops::{Add, AddAssign, Range};

use super::correlation::{Correlation, Planes, Target};
use super::matmul::{Job, Multiply, Operands, for_each_batch};
use super::threads::{self, SendPointer};
use super::tile::{Plus, Real};
use super::winograd::Winograd;
use crate::Element;
use crate::convolution::Geometry;

/// A type that convolutions are computed in.
pub(crate) trait Float: Multiply + Real + Add<Output = Self> + AddAssign {
    /// Runs a convolution by Winograd's algorithm and returns true, if it pays and the type is not
    /// one that is chosen for its precision.
    ///
    /// # Safety
    /// As [`Winograd::run`].
    unsafe fn winograd(
        _: &Winograd,
        _x: &[Self],
        _w: &[Self],
        _bias: Option<&[Self]>,
        _y: *mut Self,
    ) -> bool {
        false
    }

    /// The same for the gradient of the weight.
    ///
    /// # Safety
    /// As [`Winograd::weight_gradient`].
    unsafe fn winograd_weight(_: &Winograd, _x: &[Self], _gy: &[Self], _gw: *mut Self) -> bool {
        false
    }
}

impl Float for f64 {}

impl Float for f32 {
    unsafe fn winograd(
        winograd: &Winograd,
        x: &[f32],
        w: &[f32],
        bias: Option<&[f32]>,
        y: *mut f32,
    ) -> bool {
        let pays = winograd.pays();
        if pays {
            // SAFETY: as promised by the caller.
            unsafe { winograd.run(x, w, bias, y) };
        }
        pays
    }

    unsafe fn winograd_weight(winograd: &Winograd, x: &[f32], gy: &[f32], gw: *mut f32) -> bool {
        let pays = winograd.pays();
        if pays {
            // SAFETY: as promised by the caller.
            unsafe { winograd.weight_gradient(x, gy, gw) };
        }
        pays
    }
}

/// Writes the windows of `x` (N, C, H, W) as (N, C, KH, KW, OH, OW).
pub(crate) fn im2col<T: Element>(g: &Geometry, x: &[T], columns: &mut [MaybeUninit<T>]) {
    if columns.is_empty() {
        return;
    }
    let (windows, stride) = (g.windows(), g.params.stride.1);
    threads::for_each_chunk(columns, windows, |i, columns| {
        let (plane, tap) = (i / g.taps(), i % g.taps());
        let x = &x[plane * g.pixels()..][..g.pixels()];
        let columns = zeroed(columns);
        g.for_each_run(tap, |window, pixel, count| {
            let x = x[pixel..].iter().step_by(stride);
            for (y, &x) in columns[window..][..count].iter_mut().zip(x) {
                *y = x;
            }
        });
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
    let (windows, stride) = (g.windows(), g.params.stride.1);
    threads::for_each_chunk(y, g.pixels(), |plane, y| {
        let y = zeroed(y);
        for tap in 0..g.taps() {
            let columns = &columns[(plane * g.taps() + tap) * windows..][..windows];
            g.for_each_run(tap, |window, pixel, count| {
                let y = y[pixel..].iter_mut().step_by(stride);
                for (y, &x) in y.zip(&columns[window..][..count]) {
                    *y += x;
                }
            });
        }
    });
}

fn zeroed<T: Element>(y: &mut [MaybeUninit<T>]) -> &mut [T] {
    y.fill(MaybeUninit::new(T::default()));
    // SAFETY: all elements were just set.
    unsafe { &mut *(y as *mut [MaybeUninit<T>] as *mut [T]) }
}

impl Geometry {
    /// Pixels of a plane of the input.
    pub(super) fn pixels(&self) -> usize {
        self.image.0 * self.image.1
    }

    /// Pixels of a plane of the output.
    pub(super) fn windows(&self) -> usize {
        self.out.0 * self.out.1
    }

    /// Pixels of one plane of the filter.
    pub(super) fn taps(&self) -> usize {
        self.kernel.0 * self.kernel.1
    }

    /// Channels of the input and of the output that belong to one group.
    pub(super) fn group_channels(&self) -> (usize, usize) {
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

    /// Whether the convolution is a product of the filters with the image itself.
    fn is_pointwise(&self) -> bool {
        self.kernel == (1, 1) && self.params.stride == (1, 1) && self.params.padding == (0, 0)
    }

    /// Whether Winograd's algorithm computes this convolution.
    pub(super) fn fits_winograd(&self) -> bool {
        let p = &self.params;
        self.kernel == (3, 3) && p.stride == (1, 1) && p.dilation == (1, 1) && p.groups == 1
    }

    /// Calls `f(window, pixel, count)` for each run of windows of one output row that read, for
    /// filter pixel `tap`, pixels inside the plane, which are `stride` apart.
    pub(super) fn for_each_run(&self, tap: usize, mut f: impl FnMut(usize, usize, usize)) {
        let (columns, from) = self.inside(tap % self.kernel.1);
        if columns.is_empty() {
            return;
        }
        for row in 0..self.out.0 {
            if let Some(image_row) = self.image_row(row, tap / self.kernel.1) {
                let window = row * self.out.1 + columns.start;
                f(window, image_row * self.image.1 + from, columns.len());
            }
        }
    }
}

/// y (N, O, OH, OW) from x (N, C, H, W), w (O, C / groups, KH, KW) and b (O).
pub(crate) fn forward<T: Float>(
    g: &Geometry,
    x: &[T],
    w: &[T],
    b: Option<&[T]>,
    y: &mut [MaybeUninit<T>],
) {
    let (c, o) = g.group_channels();
    if y.is_empty() {
        return;
    }
    if g.is_pointwise() {
        return pointwise(g, (o, c), w, (c as isize, 1), x, b, y);
    }
    let (padding, dilation) = (g.params.padding, g.params.dilation);
    if g.fits_winograd() {
        let winograd = Winograd::of(g);
        // SAFETY: `y` is the whole output.
        if unsafe { T::winograd(&winograd, x, w, b, y.as_mut_ptr().cast()) } {
            return;
        }
    }
    let correlation = Correlation {
        channels: c,
        image: g.image,
        start: (-(padding.0 as isize), -(padding.1 as isize)),
        step: g.params.stride,
        taps: (0..g.taps())
            .map(|tap| (tap / g.kernel.1 * dilation.0, tap % g.kernel.1 * dilation.1))
            .collect(),
        outputs: o,
        windows: g.out,
        target: Target {
            image: g.out,
            start: (0, 0),
            step: (1, 1),
        },
    };
    let planes = Planes {
        parts: g.images * g.params.groups,
        groups: g.params.groups,
        x,
        a: w,
        bias: b,
    };
    // SAFETY: `y` is the whole output.
    unsafe { correlation.run(&planes, y.as_mut_ptr().cast()) };
}

/// One product of a matrix (m, k) for each group with the planes (k, pixels) of each image: what a
/// kernel of one pixel without stride comes to.
fn pointwise<T: Float>(
    g: &Geometry,
    (m, k): (usize, usize),
    a: &[T],
    a_strides: (isize, isize),
    x: &[T],
    b: Option<&[T]>,
    y: &mut [MaybeUninit<T>],
) {
    let pixels = g.pixels();
    if let Some(b) = b {
        for (i, plane) in y.chunks_exact_mut(pixels).enumerate() {
            plane.fill(MaybeUninit::new(b[i % b.len()]));
        }
    }
    let job = Job {
        m,
        k,
        n: pixels,
        a_strides,
        b_strides: (pixels as isize, 1),
        c_stride: pixels,
    };
    let y = SendPointer(y.as_mut_ptr().cast::<T>());
    let parts = g.images * g.params.groups;
    for_each_batch(parts, m * k * pixels, |part, parallel| {
        let x = &x[part * k * pixels..][..k * pixels];
        let a = &a[part % g.params.groups * m * k..][..m * k];
        // SAFETY: each part writes to its own planes; the bias was written above.
        unsafe {
            let operands = Operands {
                c: y.get().add(part * m * pixels),
                plus: Plus::result_if(b.is_some()),
                a: a.as_ptr(),
                b: x.as_ptr(),
            };
            T::multiply(&job, operands, parallel);
        }
    });
}

/// gx (N, C, H, W) from gy (N, O, OH, OW) and w (O, C / groups, KH, KW).
///
/// A pixel of the padded image at position t receives, through filter row k, from output row
/// (t - k · dilation) / stride where that is whole. So the pixels of one remainder of t by the
/// stride are a correlation of gy with the filter rows of that remainder.
pub(crate) fn input_gradient<T: Float>(g: &Geometry, gy: &[T], w: &[T], gx: &mut [MaybeUninit<T>]) {
    if gx.is_empty() {
        return;
    }
    let (c, o) = g.group_channels();
    if g.is_pointwise() {
        return pointwise(g, (c, o), w, (1, c as isize), gy, None, gx);
    }
    let p = &g.params;
    if g.fits_winograd() {
        let winograd = Winograd {
            images: g.images,
            channels: o,
            outputs: c,
            image: g.out,
            padding: (2 - p.padding.0 as isize, 2 - p.padding.1 as isize),
            out: g.image,
        };
        if winograd.pays() {
            let w = turned(g, w, &[8, 7, 6, 5, 4, 3, 2, 1, 0]);
            // SAFETY: `gx` is the whole image.
            if unsafe { T::winograd(&winograd, gy, &w, None, gx.as_mut_ptr().cast()) } {
                return;
            }
        }
    }
    let rows = remainders(g.image.0, g.kernel.0, p.stride.0, p.padding.0, p.dilation.0);
    let columns = remainders(g.image.1, g.kernel.1, p.stride.1, p.padding.1, p.dilation.1);
    // Pixels that no filter pixel reaches keep this zero.
    if rows.len() < p.stride.0.min(g.image.0) || columns.len() < p.stride.1.min(g.image.1) {
        gx.fill(MaybeUninit::new(T::default()));
    }
    for row in &rows {
        for column in &columns {
            let mut filter = Vec::with_capacity(row.taps.len() * column.taps.len());
            let mut taps = Vec::with_capacity(filter.capacity());
            for (k, shift) in &row.taps {
                for (l, other) in &column.taps {
                    filter.push(k * g.kernel.1 + l);
                    taps.push((*shift, *other));
                }
            }
            let correlation = Correlation {
                channels: o,
                image: g.out,
                start: (row.start, column.start),
                step: (1, 1),
                taps,
                outputs: c,
                windows: (row.count, column.count),
                target: Target {
                    image: g.image,
                    start: (row.first, column.first),
                    step: p.stride,
                },
            };
            let a = turned(g, w, &filter);
            let planes = Planes {
                parts: g.images * p.groups,
                groups: p.groups,
                x: gy,
                a: &a,
                bias: None,
            };
            // SAFETY: `gx` is the whole image; the remainders' pixels are disjoint.
            unsafe { correlation.run(&planes, gx.as_mut_ptr().cast()) };
        }
    }
}

/// The pixels along one axis of the image that have one remainder by the stride.
struct Remainder {
    /// The first pixel, and how many there are, a stride apart.
    first: usize,
    count: usize,
    /// Filter positions that reach them, each with its shift from `start`.
    taps: Vec<(usize, usize)>,
    /// The position of the output that shift 0 of the first pixel reads.
    start: isize,
}

/// The remainders along an axis that some filter position reaches.
fn remainders(
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Vec<Remainder> {
    let of = |remainder: usize| {
        // Padded position `first + padding` is stride · number + remainder.
        let number = padding.saturating_sub(remainder).div_ceil(stride);
        let first = number * stride + remainder - padding;
        let reach: Vec<(usize, usize)> = (0..kernel)
            .filter(|k| k * dilation % stride == remainder)
            .map(|k| (k, k * dilation / stride))
            .collect();
        let farthest = reach.iter().map(|(_, back)| *back).max()?;
        (first < size).then(|| Remainder {
            first,
            count: (size - first).div_ceil(stride),
            taps: reach
                .iter()
                .map(|(k, back)| (*k, farthest - back))
                .collect(),
            start: number as isize - farthest as isize,
        })
    };
    (0..stride).filter_map(of).collect()
}

/// The weight as (groups, C, O, taps) for the given pixels of the filter.
fn turned<T: Float>(g: &Geometry, w: &[T], filter: &[usize]) -> Vec<T> {
    /// Channels of a square that stays in the first cache while it is turned.
    const SQUARE: usize = 16;
    /// Weights below which threads do not pay.
    const ONE_THREAD: usize = 1 << 16;
    let (c, o) = g.group_channels();
    let (taps, size) = (g.taps(), filter.len());
    let mut a = vec![T::default(); g.params.groups * c * o * size];
    if a.is_empty() {
        return a;
    }
    for (group, a) in a.chunks_exact_mut(c * o * size).enumerate() {
        let w = &w[group * o * c * taps..][..o * c * taps];
        let square_of = |square: usize, a: &mut [T]| {
            for start in (0..o).step_by(SQUARE) {
                for (i, a) in a.chunks_exact_mut(o * size).enumerate() {
                    let channel = square * SQUARE + i;
                    for output in start..(start + SQUARE).min(o) {
                        let w = &w[(output * c + channel) * taps..][..taps];
                        let a = &mut a[output * size..][..size];
                        for (a, &tap) in a.iter_mut().zip(filter) {
                            *a = w[tap];
                        }
                    }
                }
            }
        };
        if a.len() < ONE_THREAD {
            for (square, a) in a.chunks_mut(SQUARE * o * size).enumerate() {
                square_of(square, a);
            }
        } else {
            threads::for_each_chunk(a, SQUARE * o * size, square_of);
        }
    }
    a
}

//! Pooling on the CPU: each plane of an image by itself, planes over threads.

use std::mem::MaybeUninit;
use std::ops::{AddAssign, Div, Range};
use std::sync::atomic::{AtomicBool, Ordering};

use super::simd::dispatch;
use super::threads::{self, SendPointer};
use crate::Element;
use crate::pooling::Windows;

/// Planes that one task takes, so that small planes are not a task each.
fn planes_per_task(pixels: usize) -> usize {
    (1usize << 14).div_ceil(pixels.max(1))
}

/// Calls `f(input plane, output plane)` for all planes.
fn for_each_plane<T: Sync, U: Send>(
    x: &[T],
    pixels: usize,
    y: &mut [U],
    windows: usize,
    f: impl Fn(&[T], &mut [U]) + Sync,
) {
    if y.is_empty() {
        return;
    }
    let count = planes_per_task(pixels.max(windows));
    threads::for_each_chunk(y, windows * count, |task, y| {
        for (i, y) in y.chunks_exact_mut(windows).enumerate() {
            f(&x[(task * count + i) * pixels..][..pixels], y);
        }
    });
}

/// Positions of window `i` along an axis that lie inside it.
fn inside(
    i: usize,
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> impl Iterator<Item = usize> {
    (0..kernel).filter_map(move |k| {
        (i * stride + k * dilation)
            .checked_sub(padding)
            .filter(|&at| at < size)
    })
}

/// Maxima and their positions in the plane.
pub(crate) fn max<T: Element>(
    g: &Windows,
    x: &[T],
    y: &mut [MaybeUninit<T>],
    indices: &mut [MaybeUninit<i64>],
) {
    if y.is_empty() {
        return;
    }
    let (pixels, windows) = (g.image.0 * g.image.1, g.out.0 * g.out.1);
    let count = planes_per_task(pixels);
    debug_assert_eq!(y.len(), indices.len());
    let indices = SendPointer(indices.as_mut_ptr());
    threads::for_each_chunk(y, windows * count, |task, y| {
        for (i, y) in y.chunks_exact_mut(windows).enumerate() {
            let plane = task * count + i;
            // SAFETY: the indices of this plane, as many as there are numbers.
            let indices = unsafe {
                std::slice::from_raw_parts_mut(indices.get().add(plane * windows), windows)
            };
            max_plane(g, &x[plane * pixels..][..pixels], y, indices);
        }
    });
}

fn max_plane<T: Element>(
    g: &Windows,
    x: &[T],
    y: &mut [MaybeUninit<T>],
    indices: &mut [MaybeUninit<i64>],
) {
    let p = &g.params;
    let (height, width) = g.image;
    // Columns whose windows lie inside the image; the others are worked out one by one.
    let from = p.padding.1.div_ceil(p.stride.1).min(g.out.1);
    let reach = (p.kernel.1 - 1) * p.dilation.1;
    let upto = match (width + p.padding.1).checked_sub(reach) {
        Some(room) => room.div_ceil(p.stride.1).clamp(from, g.out.1),
        None => from,
    };
    // Where the first of these windows has its pixels.
    let mut taps_of_first = Vec::with_capacity(p.kernel.0 * p.kernel.1);
    for row in 0..g.out.0 {
        let taps = || {
            inside(
                row,
                height,
                p.kernel.0,
                p.stride.0,
                p.padding.0,
                p.dilation.0,
            )
        };
        let y = &mut y[row * g.out.1..][..g.out.1];
        let indices = &mut indices[row * g.out.1..][..g.out.1];
        for column in (0..from).chain(upto..g.out.1) {
            let mut best: Option<(T, usize)> = None;
            for i in taps() {
                for j in inside(
                    column,
                    width,
                    p.kernel.1,
                    p.stride.1,
                    p.padding.1,
                    p.dilation.1,
                ) {
                    let at = i * width + j;
                    if best.is_none_or(|(top, _)| wins(x[at], top)) {
                        best = Some((x[at], at));
                    }
                }
            }
            let (value, at) = best.expect("a window has a pixel: its padding is at most half");
            y[column].write(value);
            indices[column].write(at as i64);
        }
        if from == upto {
            continue;
        }
        taps_of_first.clear();
        for i in taps() {
            let at = i * width + from * p.stride.1 - p.padding.1;
            taps_of_first.extend((0..p.kernel.1).map(|j| at + j * p.dilation.1));
        }
        let (y, indices) = (&mut y[from..upto], &mut indices[from..upto]);
        max_of_row(x, &taps_of_first, p.stride.1, y, indices);
    }
}

/// Whether `x` takes the place of the maximum so far: it is larger, or the first NaN.
#[inline(always)]
fn wins<T: PartialOrd + Copy>(x: T, top: T) -> bool {
    #[allow(clippy::neg_cmp_op_on_partial_ord, clippy::eq_op)]
    {
        !(x <= top) & (top == top)
    }
}

/// The maxima of windows side by side, `stride` apart, of which the first has its pixels at `taps`.
fn max_of_row<T: Element>(
    x: &[T],
    taps: &[usize],
    stride: usize,
    y: &mut [MaybeUninit<T>],
    indices: &mut [MaybeUninit<i64>],
) {
    dispatch(
        #[inline(always)]
        move || match (y.len(), stride) {
            // A stride that is known makes vectors of the loops over lanes.
            (8.., 1) => max_of_lanes::<T, 8>(x, taps, 1, y, indices),
            (8.., 2) => max_of_lanes::<T, 8>(x, taps, 2, y, indices),
            (4.., 1) => max_of_lanes::<T, 4>(x, taps, 1, y, indices),
            (4.., 2) => max_of_lanes::<T, 4>(x, taps, 2, y, indices),
            (8.., _) => max_of_lanes::<T, 8>(x, taps, stride, y, indices),
            _ => max_of_lanes::<T, 1>(x, taps, stride, y, indices),
        },
    );
}

/// [`max_of_row`], `LANES` of at least as many windows at a time.
#[inline(always)]
fn max_of_lanes<T: Element, const LANES: usize>(
    x: &[T],
    taps: &[usize],
    stride: usize,
    y: &mut [MaybeUninit<T>],
    indices: &mut [MaybeUninit<i64>],
) {
    let count = y.len();
    for start in (0..count).step_by(LANES) {
        // The last lanes go over some windows again rather than over less than all.
        let start = start.min(count - LANES);
        let mut best = [T::default(); LANES];
        let mut at = [taps[0]; LANES];
        for (i, &tap) in taps.iter().enumerate() {
            let row = &x[tap + start * stride..][..(LANES - 1) * stride + 1];
            let (mut pixels, mut wins) = ([T::default(); LANES], [i == 0; LANES]);
            for l in 0..LANES {
                pixels[l] = row[l * stride];
            }
            for l in 0..LANES {
                wins[l] |= self::wins(pixels[l], best[l]);
            }
            for l in 0..LANES {
                best[l] = if wins[l] { pixels[l] } else { best[l] };
            }
            for l in 0..LANES {
                at[l] = if wins[l] { tap } else { at[l] };
            }
        }
        let (y, indices) = (&mut y[start..][..LANES], &mut indices[start..][..LANES]);
        for l in 0..LANES {
            y[l].write(best[l]);
        }
        for l in 0..LANES {
            indices[l].write((at[l] + (start + l) * stride) as i64);
        }
    }
}

/// Adds each number to its position in a plane of zeros. Says whether all positions lie inside; those outside get nothing.
pub(crate) fn scatter<T: Element + AddAssign>(
    x: &[T],
    indices: &[i64],
    windows: usize,
    pixels: usize,
    y: &mut [MaybeUninit<T>],
) -> bool {
    if y.is_empty() {
        return indices.is_empty();
    }
    let all_inside = AtomicBool::new(true);
    let count = planes_per_task(pixels);
    threads::for_each_chunk(y, pixels * count, |task, y| {
        for (i, y) in y.chunks_exact_mut(pixels).enumerate() {
            let y = zeroed(y);
            let start = (task * count + i) * windows;
            let indices = &indices[start..][..windows];
            for (&at, &x) in indices.iter().zip(&x[start..][..windows]) {
                match y.get_mut(at as usize) {
                    Some(y) => *y += x,
                    None => all_inside.store(false, Ordering::Relaxed),
                }
            }
        }
    });
    all_inside.into_inner()
}

/// The numbers at positions of a plane. Says whether all lie inside; it gives zeros for the others.
pub(crate) fn gather<T: Element>(
    x: &[T],
    indices: &[i64],
    windows: usize,
    pixels: usize,
    y: &mut [MaybeUninit<T>],
) -> bool {
    if y.is_empty() {
        return true;
    }
    let all_inside = AtomicBool::new(true);
    let count = planes_per_task(windows);
    threads::for_each_chunk(y, windows * count, |task, y| {
        for (i, y) in y.chunks_exact_mut(windows).enumerate() {
            let plane = task * count + i;
            let x = &x[plane * pixels..][..pixels];
            for (y, &at) in y.iter_mut().zip(&indices[plane * windows..]) {
                let found = x.get(at as usize).copied();
                if found.is_none() {
                    all_inside.store(false, Ordering::Relaxed);
                }
                y.write(found.unwrap_or_default());
            }
        }
    });
    all_inside.into_inner()
}

fn zeroed<T: Element>(y: &mut [MaybeUninit<T>]) -> &mut [T] {
    y.fill(MaybeUninit::new(T::default()));
    // SAFETY: all elements were just set.
    unsafe { &mut *(y as *mut [MaybeUninit<T>] as *mut [T]) }
}

/// The windows of average pooling: those of rows times those of columns.
pub(crate) struct Means {
    pub(crate) rows: Axis,
    pub(crate) columns: Axis,
}

/// Windows along one axis.
pub(crate) struct Axis {
    /// Length of the axis.
    pub(crate) size: usize,
    /// The part of each window inside the axis, and the length it counts with.
    pub(crate) windows: Vec<(Range<usize>, usize)>,
    dilation: usize,
}

impl Means {
    pub(crate) fn of_windows(g: &Windows, count_padding: bool) -> Means {
        let p = &g.params;
        let axis = |size: usize, out: usize, kernel: usize, stride, padding: usize, dilation| {
            let windows = (0..out).map(|i: usize| {
                let first = i * stride;
                // Steps of the window that lie before, and up to the end of, the axis.
                let before = padding.saturating_sub(first).div_ceil(dilation).min(kernel);
                let upto = (size + padding)
                    .saturating_sub(first)
                    .div_ceil(dilation)
                    .min(kernel);
                // PyTorch counts padding up to the padded border, not beyond it.
                let padded = (size + 2 * padding)
                    .saturating_sub(first)
                    .div_ceil(dilation)
                    .min(kernel);
                let start = (first + before * dilation).saturating_sub(padding);
                let count = if count_padding { padded } else { upto - before };
                (start..(start + (upto - before) * dilation).min(size), count)
            });
            Axis {
                size,
                windows: windows.collect(),
                dilation,
            }
        };
        Means {
            rows: axis(
                g.image.0,
                g.out.0,
                p.kernel.0,
                p.stride.0,
                p.padding.0,
                p.dilation.0,
            ),
            columns: axis(
                g.image.1,
                g.out.1,
                p.kernel.1,
                p.stride.1,
                p.padding.1,
                p.dilation.1,
            ),
        }
    }

    pub(crate) fn adaptive(image: (usize, usize), out: (usize, usize)) -> Means {
        let axis = |size: usize, out: usize| Axis {
            size,
            windows: (0..out)
                .map(|i| {
                    let window = i * size / out..((i + 1) * size).div_ceil(out);
                    let count = window.len();
                    (window, count)
                })
                .collect(),
            dilation: 1,
        };
        Means {
            rows: axis(image.0, out.0),
            columns: axis(image.1, out.1),
        }
    }

    /// Calls `f(window, count, rows, columns)` for each window.
    fn for_each_window(&self, mut f: impl FnMut(usize, usize, Range<usize>, Range<usize>)) {
        let width = self.columns.windows.len();
        for (i, (rows, row_count)) in self.rows.windows.iter().enumerate() {
            for (j, (columns, column_count)) in self.columns.windows.iter().enumerate() {
                let count = row_count * column_count;
                f(i * width + j, count, rows.clone(), columns.clone());
            }
        }
    }

    fn sizes(&self) -> (usize, usize) {
        (
            self.rows.size * self.columns.size,
            self.rows.windows.len() * self.columns.windows.len(),
        )
    }
}

/// Means of windows.
pub(crate) fn mean<T>(g: &Means, x: &[T], y: &mut [MaybeUninit<T>])
where
    T: Element + AddAssign + Div<Output = T>,
{
    let (pixels, windows) = g.sizes();
    for_each_plane(x, pixels, y, windows, |x, y| {
        g.for_each_window(|window, count, rows, columns| {
            let mut sum = T::default();
            for row in rows.step_by(g.rows.dilation) {
                let x = &x[row * g.columns.size..][columns.clone()];
                x.iter().step_by(g.columns.dilation).for_each(|&x| sum += x);
            }
            y[window].write(sum / T::from_f64(count as f64));
        });
    });
}

/// Spreads each number over its window: the transpose of [`mean`].
pub(crate) fn spread<T>(g: &Means, gy: &[T], gx: &mut [MaybeUninit<T>])
where
    T: Element + AddAssign + Div<Output = T>,
{
    let (pixels, windows) = g.sizes();
    for_each_plane(gy, windows, gx, pixels, |gy, gx| {
        let gx = zeroed(gx);
        g.for_each_window(|window, count, rows, columns| {
            let part = gy[window] / T::from_f64(count as f64);
            for row in rows.step_by(g.rows.dilation) {
                let gx = &mut gx[row * g.columns.size..][columns.clone()];
                gx.iter_mut()
                    .step_by(g.columns.dilation)
                    .for_each(|gx| *gx += part);
            }
        });
    });
}

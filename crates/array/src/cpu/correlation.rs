//! Weighted sums of shifted planes: what a convolution and the gradient of its input both are.
//!
//! The planes are copied, a band of rows at a time, into a buffer with the padding written out and
//! with pixels a stride apart brought together. In that buffer the columns of a filter tap are one
//! run of memory for all windows of the band, so that register tiles read them in place.

use std::mem::MaybeUninit;
use std::ops::{Add, Range};

use super::matmul::PARALLEL_FROM;
use super::threads::{self, SendPointer};
use super::tile::{Plus, Real, Tile};
use crate::Element;
use crate::buffer::Buffer;

/// Bytes of a band of planes: about half of the second cache.
const BAND_BYTES: usize = 400 << 10;
/// Steps of the inner dimension in one pass: a strip of weights stays in the first cache.
const DEPTH: usize = 512;

/// y\[o]\[window] = Σ over channels c and taps: a\[o]\[c, tap] · x\[c]\[start + step · window + tap].
///
/// Pixels outside the image are zero.
pub(crate) struct Correlation {
    pub(crate) channels: usize,
    /// Rows and columns of the planes of x.
    pub(crate) image: (usize, usize),
    pub(crate) start: (isize, isize),
    pub(crate) step: (usize, usize),
    pub(crate) taps: Vec<(usize, usize)>,
    /// Planes of y.
    pub(crate) outputs: usize,
    pub(crate) windows: (usize, usize),
    pub(crate) target: Target,
}

/// Where windows are written: window (i, j) to pixel `start + step · (i, j)` of a plane of y.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) image: (usize, usize),
    pub(crate) start: (usize, usize),
    pub(crate) step: (usize, usize),
}

/// One correlation for each image and group.
pub(crate) struct Planes<'a, T> {
    /// Images times groups.
    pub(crate) parts: usize,
    pub(crate) groups: usize,
    pub(crate) x: &'a [T],
    /// One (outputs, channels · taps) matrix for each group.
    pub(crate) a: &'a [T],
    /// One number for each output of each group.
    pub(crate) bias: Option<&'a [T]>,
}

impl Correlation {
    /// Steps of the inner dimension.
    fn depth(&self) -> usize {
        self.channels * self.taps.len()
    }

    /// Writes y for all parts.
    ///
    /// # Safety
    /// `y` has room for the planes of all parts.
    pub(crate) unsafe fn run<T>(&self, planes: &Planes<'_, T>, y: *mut T)
    where
        T: Real + Element + Add<Output = T>,
    {
        if self.windows.0 * self.windows.1 * self.outputs * planes.parts == 0 {
            return;
        }
        let layout = Layout::new(self);
        let row_bytes = layout.row_size() * self.channels * size_of::<T>();
        let rows = (BAND_BYTES / row_bytes.max(1))
            .saturating_sub(layout.extra.0)
            .clamp(1, self.windows.0);
        let bands = self.windows.0.div_ceil(rows);
        let rows = self.windows.0.div_ceil(bands);
        let bands = self.windows.0.div_ceil(rows);
        let work = self.outputs * self.depth() * self.windows.0 * self.windows.1 * planes.parts;
        let threads = threads::count();
        let y = SendPointer(y);
        let task = |part: usize, band: usize, outputs: Range<usize>| {
            let rows = band * rows..((band + 1) * rows).min(self.windows.0);
            // SAFETY: tasks write to rows of planes of their own.
            unsafe { self.run_band(&layout, planes, part, rows, outputs, y.get()) };
        };
        let tasks = planes.parts * bands;
        if threads == 1 || work < PARALLEL_FROM {
            (0..tasks).for_each(|i| task(i / bands, i % bands, 0..self.outputs));
        } else if tasks >= 4 * threads || tasks.is_multiple_of(threads) || self.outputs < threads {
            threads::for_each(tasks, &|i| task(i / bands, i % bands, 0..self.outputs));
        } else {
            let size = self.outputs.div_ceil(threads).next_multiple_of(4);
            let chunks = self.outputs.div_ceil(size);
            threads::for_each(tasks * chunks, &|i| {
                let start = i % chunks * size;
                let outputs = start..(start + size).min(self.outputs);
                task(i / chunks / bands, i / chunks % bands, outputs);
            });
        }
    }

    /// # Safety
    /// As [`run`](Correlation::run).
    unsafe fn run_band<T>(
        &self,
        layout: &Layout,
        planes: &Planes<'_, T>,
        part: usize,
        rows: Range<usize>,
        outputs: Range<usize>,
        y: *mut T,
    ) where
        T: Real + Element + Add<Output = T>,
    {
        let tiles = T::tiles();
        let panel = 2 * tiles.lanes;
        let depth = self.depth();
        let group = part % planes.groups;
        let plane = layout.row_size() * (rows.len() + layout.extra.0);
        let size = self.channels * plane;
        let band = Buffer::scratch::<T>(size + panel);
        let band: *mut T = band.elements();
        // Windows of all rows in one run; what lies between the rows is computed and dropped.
        let run = (rows.len() - 1) * layout.pitch + self.windows.1;
        let c_stride = run.next_multiple_of(panel);
        let sums = Buffer::scratch::<T>(tiles.max_height() * c_stride);
        let sums: *mut T = sums.elements();
        let offsets = layout.offsets(self, rows.len(), plane);
        let pixels = self.image.0 * self.image.1;
        let x = &planes.x[part * self.channels * pixels..][..self.channels * pixels];
        let a = &planes.a[group * self.outputs * depth..][..self.outputs * depth];
        // SAFETY: positions stay inside the buffers, whose every element is set before it is read.
        unsafe {
            layout.fill(self, x, rows.clone(), band);
            for i in 0..panel {
                band.add(size + i).write(T::default());
            }
            let mut apart = MaybeUninit::<[[T; DEPTH + 16]; 12]>::uninit();
            let mut o = outputs.start;
            while o < outputs.end {
                let height = tiles.height(outputs.end - o);
                for start in (0..depth).step_by(DEPTH) {
                    let k = DEPTH.min(depth - start);
                    let mut strip = a.as_ptr().add(o * depth + start);
                    let mut strip_stride = depth;
                    // Rows a multiple of 2 KiB apart fall on the same few cache sets.
                    if (depth * size_of::<T>()).is_multiple_of(2048) && run > panel {
                        for i in 0..height {
                            let to = apart.as_mut_ptr().cast::<T>().add(i * (DEPTH + 16));
                            std::ptr::copy_nonoverlapping(strip.add(i * depth), to, k);
                        }
                        strip = apart.as_ptr().cast();
                        strip_stride = DEPTH + 16;
                    }
                    for first in (0..run).step_by(panel) {
                        tiles.run(
                            height,
                            &Tile {
                                k,
                                a: strip,
                                a_strides: (strip_stride as isize, 1),
                                b: band.add(first),
                                b_offsets: offsets.as_ptr().add(start),
                                c: sums.add(first),
                                c_stride,
                                width: panel.min(run - first),
                                plus: Plus::result_if(start > 0),
                            },
                        );
                    }
                }
                for i in 0..height {
                    let output = group * self.outputs + o + i;
                    let bias = planes.bias.map(|b| b[output]);
                    let plane = self.target.image.0 * self.target.image.1;
                    let y = y.add((part * self.outputs + o + i) * plane);
                    self.write(sums.add(i * c_stride), layout.pitch, rows.clone(), bias, y);
                }
                o += height;
            }
        }
    }

    /// Writes the windows of `rows` of one plane.
    #[inline]
    unsafe fn write<T: Copy + Add<Output = T>>(
        &self,
        sums: *const T,
        pitch: usize,
        rows: Range<usize>,
        bias: Option<T>,
        y: *mut T,
    ) {
        let t = &self.target;
        let (first, step) = (rows.start, t.step.1);
        for row in rows {
            // SAFETY: windows lie inside the plane.
            unsafe {
                let sums =
                    std::slice::from_raw_parts(sums.add((row - first) * pitch), self.windows.1);
                let y = y.add((t.start.0 + row * t.step.0) * t.image.1 + t.start.1);
                match (step, bias) {
                    (1, None) => std::ptr::copy_nonoverlapping(sums.as_ptr(), y, sums.len()),
                    (1, Some(bias)) => {
                        for (j, &sum) in sums.iter().enumerate() {
                            y.add(j).write(sum + bias);
                        }
                    }
                    _ => {
                        for (j, &sum) in sums.iter().enumerate() {
                            y.add(j * step).write(bias.map_or(sum, |bias| sum + bias));
                        }
                    }
                }
            }
        }
    }
}

/// How a band lies in its buffer: for each channel, for each pair of phases, rows of `pitch`.
///
/// With steps of s, pixel s·q + r is number q of phase r.
struct Layout {
    /// Phases of rows and of columns that some tap reads.
    phases: (Vec<usize>, Vec<usize>),
    /// Rows and columns that taps reach beyond the last window, in their phase.
    extra: (usize, usize),
    pitch: usize,
}

impl Layout {
    fn new(c: &Correlation) -> Layout {
        let phases = |taps: &mut dyn Iterator<Item = usize>, step: usize| {
            let mut phases: Vec<usize> = taps.map(|tap| tap % step).collect();
            phases.sort_unstable();
            phases.dedup();
            phases
        };
        let extra = (
            c.taps.iter().map(|t| t.0 / c.step.0).max().unwrap_or(0),
            c.taps.iter().map(|t| t.1 / c.step.1).max().unwrap_or(0),
        );
        Layout {
            phases: (
                phases(&mut c.taps.iter().map(|t| t.0), c.step.0),
                phases(&mut c.taps.iter().map(|t| t.1), c.step.1),
            ),
            extra,
            pitch: c.windows.1 + extra.1,
        }
    }

    /// Elements of one row of all phases of a channel.
    fn row_size(&self) -> usize {
        self.phases.0.len() * self.phases.1.len() * self.pitch
    }

    /// Where the columns of each (channel, tap) start.
    fn offsets(&self, c: &Correlation, rows: usize, plane: usize) -> Vec<usize> {
        let position = |phases: &[usize], phase| phases.iter().position(|&p| p == phase);
        let taps: Vec<usize> = c
            .taps
            .iter()
            .map(|tap| {
                let row = position(&self.phases.0, tap.0 % c.step.0).expect("a phase of the taps");
                let column =
                    position(&self.phases.1, tap.1 % c.step.1).expect("a phase of the taps");
                let phase = row * self.phases.1.len() + column;
                (phase * (rows + self.extra.0) + tap.0 / c.step.0) * self.pitch + tap.1 / c.step.1
            })
            .collect();
        (0..c.channels)
            .flat_map(|channel| taps.iter().map(move |tap| channel * plane + tap))
            .collect()
    }

    /// Copies the pixels that windows of `rows` read.
    ///
    /// # Safety
    /// `band` has room for them.
    unsafe fn fill<T: Element>(&self, c: &Correlation, x: &[T], rows: Range<usize>, band: *mut T) {
        let (h, w) = c.image;
        let mut to = band;
        for channel in 0..c.channels {
            let plane = &x[channel * h * w..][..h * w];
            for &row_phase in &self.phases.0 {
                for &phase in &self.phases.1 {
                    // Columns of this phase that lie inside the image.
                    let first = phase as isize + c.start.1;
                    let from = ((-first).max(0) as usize)
                        .div_ceil(c.step.1)
                        .min(self.pitch);
                    let upto = ((w as isize - first).max(0) as usize)
                        .div_ceil(c.step.1)
                        .clamp(from, self.pitch);
                    let first = (first + (from * c.step.1) as isize) as usize;
                    for q in rows.start..rows.end + self.extra.0 {
                        let row = (q * c.step.0 + row_phase) as isize + c.start.0;
                        // SAFETY: the next row of the promised room.
                        let out = unsafe { std::slice::from_raw_parts_mut(to, self.pitch) };
                        to = to.wrapping_add(self.pitch);
                        if row < 0 || row >= h as isize || from == upto {
                            out.fill(T::default());
                            continue;
                        }
                        let row = &plane[row as usize * w + first..(row as usize + 1) * w];
                        out[..from].fill(T::default());
                        out[upto..].fill(T::default());
                        let out = &mut out[from..upto];
                        match c.step.1 {
                            1 => out.copy_from_slice(&row[..upto - from]),
                            2 => {
                                for (i, y) in out.iter_mut().enumerate() {
                                    *y = row[2 * i];
                                }
                            }
                            step => {
                                for (y, &x) in out.iter_mut().zip(row.iter().step_by(step)) {
                                    *y = x;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

//! Resizing of images on the CPU, plane by plane.

use std::mem::MaybeUninit;
use std::ops::{Add, AddAssign, Mul};

use super::threads;
use crate::Element;
use crate::upsampling::Interpolation;

/// Elements of one task.
const TASK: usize = 1 << 14;

/// Where the pixels of one axis come from.
pub(crate) struct Axis {
    /// Length of the axis before.
    size: usize,
    /// For each new pixel the two it lies between, and the weight of the second.
    sources: Vec<(usize, usize, f64)>,
}

impl Axis {
    pub(crate) fn new(size: usize, new_size: usize, interpolation: Interpolation) -> Axis {
        let source = |i: usize| {
            let at = match interpolation {
                Interpolation::Nearest => {
                    let at = (i * size / new_size).min(size - 1);
                    return (at, at, 0.0);
                }
                Interpolation::Bilinear {
                    align_corners: true,
                } if new_size == 1 => 0.0,
                Interpolation::Bilinear {
                    align_corners: true,
                } => i as f64 * ((size - 1) as f64 / (new_size - 1) as f64),
                Interpolation::Bilinear {
                    align_corners: false,
                } => ((i as f64 + 0.5) * (size as f64 / new_size as f64) - 0.5).max(0.0),
            };
            let first = (at as usize).min(size - 1);
            (first, (first + 1).min(size - 1), at - first as f64)
        };
        Axis {
            size,
            sources: (0..new_size).map(source).collect(),
        }
    }
}

/// y (…, OH, OW) from x (…, H, W).
pub(crate) fn resize<T>(axes: &(Axis, Axis), x: &[T], y: &mut [MaybeUninit<T>])
where
    T: Element + Add<Output = T> + Mul<Output = T>,
{
    let (rows, columns) = axes;
    let pixels = rows.size * columns.size;
    let new_pixels = rows.sources.len() * columns.sources.len();
    let count = TASK.div_ceil(new_pixels);
    threads::for_each_chunk(y, new_pixels * count, |task, y| {
        for (i, y) in y.chunks_exact_mut(new_pixels).enumerate() {
            let x = &x[(task * count + i) * pixels..][..pixels];
            let rows = rows.sources.iter();
            for (y, &(top, bottom, down)) in y.chunks_exact_mut(columns.sources.len()).zip(rows) {
                let row = |i: usize| &x[i * columns.size..][..columns.size];
                let (top, bottom) = (row(top), row(bottom));
                for (y, &(left, right, along)) in y.iter_mut().zip(&columns.sources) {
                    let mean =
                        |a, b, weight: f64| a * T::from_f64(1.0 - weight) + b * T::from_f64(weight);
                    let above = mean(top[left], top[right], along);
                    let below = mean(bottom[left], bottom[right], along);
                    y.write(mean(above, below, down));
                }
            }
        }
    });
}

/// gx (…, H, W) from gy (…, OH, OW): each number goes where [`resize`] took it from.
pub(crate) fn resize_transposed<T>(axes: &(Axis, Axis), gy: &[T], gx: &mut [MaybeUninit<T>])
where
    T: Element + AddAssign + Mul<Output = T>,
{
    let (rows, columns) = axes;
    let pixels = rows.size * columns.size;
    let new_pixels = rows.sources.len() * columns.sources.len();
    let count = TASK.div_ceil(pixels);
    threads::for_each_chunk(gx, pixels * count, |task, gx| {
        gx.fill(MaybeUninit::new(T::default()));
        // SAFETY: all elements were just set.
        let gx = unsafe { &mut *(gx as *mut [MaybeUninit<T>] as *mut [T]) };
        for (i, gx) in gx.chunks_exact_mut(pixels).enumerate() {
            let gy = &gy[(task * count + i) * new_pixels..][..new_pixels];
            let rows = rows.sources.iter();
            for (gy, &(top, bottom, down)) in gy.chunks_exact(columns.sources.len()).zip(rows) {
                for (&gy, &(left, right, along)) in gy.iter().zip(&columns.sources) {
                    let mut give = |row: usize, column: usize, weight: f64| {
                        gx[row * columns.size + column] += gy * T::from_f64(weight);
                    };
                    give(top, left, (1.0 - down) * (1.0 - along));
                    give(top, right, (1.0 - down) * along);
                    give(bottom, left, down * (1.0 - along));
                    give(bottom, right, down * along);
                }
            }
        }
    });
}

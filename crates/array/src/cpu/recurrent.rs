//! Kernels of LSTM and GRU steps.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::cpu::simd;
use crate::cpu::vector_math::{self, Real};

/// Elements computed together: whole vectors also at the end of a row.
const LANES: usize = 16;
/// Rows times sizes from which threads share the rows.
const PARALLEL_FROM: usize = 1 << 13;

type Lanes<T> = [T; LANES];

/// The elements, filled up with zeros.
#[inline(always)]
fn load<T: Real>(x: &[T]) -> Lanes<T> {
    let mut lanes = [T::ZERO; LANES];
    if let Some(whole) = x.first_chunk::<LANES>() {
        lanes = *whole;
    } else {
        lanes[..x.len()].copy_from_slice(x);
    }
    lanes
}

#[inline(always)]
fn store<T: Copy>(out: &mut [MaybeUninit<T>], lanes: &Lanes<T>) {
    // A length that is known makes whole vectors of it.
    if let Some(whole) = out.first_chunk_mut::<LANES>() {
        for (out, x) in whole.iter_mut().zip(lanes) {
            out.write(*x);
        }
        return;
    }
    for (out, x) in out.iter_mut().zip(lanes) {
        out.write(*x);
    }
}

/// Inputs and outputs of one row.
struct Row<'a, T, const I: usize, const O: usize> {
    inputs: [&'a [T]; I],
    outputs: [&'a mut [MaybeUninit<T>]; O],
    size: usize,
}

impl<T: Real, const I: usize, const O: usize> Row<'_, T, I, O> {
    /// Elements `start..` of gate `k` of input `i`.
    #[inline(always)]
    fn load(&self, i: usize, k: usize, start: usize) -> Lanes<T> {
        let end = (start + LANES).min(self.size);
        load(&self.inputs[i][k * self.size + start..k * self.size + end])
    }

    /// The sum of the first two inputs there.
    #[inline(always)]
    fn load_sum(&self, k: usize, start: usize) -> Lanes<T> {
        let (mut a, b) = (self.load(0, k, start), self.load(1, k, start));
        for l in 0..LANES {
            a[l] = a[l] + b[l];
        }
        a
    }

    /// Writes elements `start..` of gate `k` of output `i`.
    #[inline(always)]
    fn store(&mut self, i: usize, k: usize, start: usize, lanes: &Lanes<T>) {
        let end = (start + LANES).min(self.size);
        store(
            &mut self.outputs[i][k * self.size + start..k * self.size + end],
            lanes,
        );
    }
}

/// Calls `body` for each row and each group of lanes in it. An array has as many columns as
/// `size` divides its length per row.
#[inline(always)]
fn for_each_lanes<T: Real, const I: usize, const O: usize>(
    size: usize,
    inputs: [&[T]; I],
    outputs: [&mut [MaybeUninit<T>]; O],
    gates: ([usize; I], [usize; O]),
    body: impl Fn(&mut Row<'_, T, I, O>, usize) + Copy + Sync,
) {
    let rows = inputs[0].len().checked_div(gates.0[0] * size).unwrap_or(0);
    // Rows are dealt out by hand: rayon has no chunks of several slices at once.
    let mut row_outputs: Vec<[&mut [MaybeUninit<T>]; O]> = Vec::with_capacity(rows);
    let mut rests = outputs;
    for _ in 0..rows {
        let mut k = 0;
        row_outputs.push(rests.each_mut().map(|rest| {
            let (row, after) = std::mem::take(rest).split_at_mut(gates.1[k] * size);
            *rest = after;
            k += 1;
            row
        }));
    }
    let one = |(i, outputs): (usize, [&mut [MaybeUninit<T>]; O])| {
        let mut k = 0;
        let inputs = inputs.map(|x| {
            let columns = gates.0[k] * size;
            k += 1;
            &x[i * columns..(i + 1) * columns]
        });
        let mut row = Row {
            inputs,
            outputs,
            size,
        };
        simd::dispatch(
            #[inline(always)]
            || {
                for start in (0..size).step_by(LANES) {
                    // The last lanes go over some elements again rather than over less than all.
                    body(&mut row, start.min(size.saturating_sub(LANES)));
                }
            },
        );
    };
    if rows * size < PARALLEL_FROM {
        row_outputs.into_iter().enumerate().for_each(one);
    } else {
        row_outputs
            .into_par_iter()
            .enumerate()
            .with_min_len(8)
            .for_each(one);
    }
}

/// From a0, a1, c: h', c' and the activated gates.
pub(crate) fn lstm<T: Real>(size: usize, inputs: [&[T]; 3], outputs: [&mut [MaybeUninit<T>]; 3]) {
    for_each_lanes(
        size,
        inputs,
        outputs,
        ([4, 4, 1], [1, 1, 4]),
        #[inline(always)]
        |row, start| {
            let (mut i, mut f) = (row.load_sum(0, start), row.load_sum(1, start));
            let (mut g, mut o) = (row.load_sum(2, start), row.load_sum(3, start));
            let mut c = row.load(2, 0, start);
            for gate in [&mut i, &mut f, &mut o] {
                for x in gate {
                    *x = vector_math::sigmoid(*x);
                }
            }
            for x in &mut g {
                *x = vector_math::tanh(*x);
            }
            let mut h = [T::ZERO; LANES];
            for l in 0..LANES {
                c[l] = f[l] * c[l] + i[l] * g[l];
                h[l] = o[l] * vector_math::tanh(c[l]);
            }
            row.store(0, 0, start, &h);
            row.store(1, 0, start, &c);
            for (k, gate) in [i, f, g, o].iter().enumerate() {
                row.store(2, k, start, gate);
            }
        },
    );
}

/// From the gates, c, c', gh', gc': the gradients of the gates before their activations, and gc.
pub(crate) fn lstm_grad<T: Real>(
    size: usize,
    inputs: [&[T]; 5],
    outputs: [&mut [MaybeUninit<T>]; 2],
) {
    for_each_lanes(
        size,
        inputs,
        outputs,
        ([4, 1, 1, 1, 1], [4, 1]),
        #[inline(always)]
        |row, start| {
            let (mut i, mut f) = (row.load(0, 0, start), row.load(0, 1, start));
            let (mut g, mut o) = (row.load(0, 2, start), row.load(0, 3, start));
            let (c, c1) = (row.load(1, 0, start), row.load(2, 0, start));
            let (gh, mut gc) = (row.load(3, 0, start), row.load(4, 0, start));
            for l in 0..LANES {
                let t = vector_math::tanh(c1[l]);
                let dc = gc[l] + gh[l] * o[l] * (T::ONE - t * t);
                gc[l] = dc * f[l];
                let gi = dc * g[l] * i[l] * (T::ONE - i[l]);
                f[l] = dc * c[l] * f[l] * (T::ONE - f[l]);
                g[l] = dc * i[l] * (T::ONE - g[l] * g[l]);
                o[l] = gh[l] * t * o[l] * (T::ONE - o[l]);
                i[l] = gi;
            }
            for (k, gate) in [i, f, g, o].iter().enumerate() {
                row.store(0, k, start, gate);
            }
            row.store(1, 0, start, &gc);
        },
    );
}

/// From a0, a1, h: h' and the activated gates.
pub(crate) fn gru<T: Real>(size: usize, inputs: [&[T]; 3], outputs: [&mut [MaybeUninit<T>]; 2]) {
    for_each_lanes(
        size,
        inputs,
        outputs,
        ([3, 3, 1], [1, 3]),
        #[inline(always)]
        |row, start| {
            let (mut r, mut z) = (row.load_sum(0, start), row.load_sum(1, start));
            let (mut n, n1) = (row.load(0, 2, start), row.load(1, 2, start));
            let mut h = row.load(2, 0, start);
            for gate in [&mut r, &mut z] {
                for x in gate {
                    *x = vector_math::sigmoid(*x);
                }
            }
            for l in 0..LANES {
                n[l] = vector_math::tanh(n[l] + r[l] * n1[l]);
                h[l] = (T::ONE - z[l]) * n[l] + z[l] * h[l];
            }
            row.store(0, 0, start, &h);
            for (k, gate) in [r, z, n].iter().enumerate() {
                row.store(1, k, start, gate);
            }
        },
    );
}

/// From the gates, a1, h, gh': the gradients of a0, a1 and h.
pub(crate) fn gru_grad<T: Real>(
    size: usize,
    inputs: [&[T]; 4],
    outputs: [&mut [MaybeUninit<T>]; 3],
) {
    for_each_lanes(
        size,
        inputs,
        outputs,
        ([3, 3, 1, 1], [3, 3, 1]),
        #[inline(always)]
        |row, start| {
            let (mut r, mut z) = (row.load(0, 0, start), row.load(0, 1, start));
            let mut n = row.load(0, 2, start);
            let (mut n1, h, mut gh) = (
                row.load(1, 2, start),
                row.load(2, 0, start),
                row.load(3, 0, start),
            );
            for l in 0..LANES {
                let gn = gh[l] * (T::ONE - z[l]) * (T::ONE - n[l] * n[l]);
                let gz = gh[l] * (h[l] - n[l]) * z[l] * (T::ONE - z[l]);
                gh[l] = gh[l] * z[l];
                let by_state = gn * r[l];
                r[l] = gn * n1[l] * r[l] * (T::ONE - r[l]);
                z[l] = gz;
                n[l] = gn;
                n1[l] = by_state;
            }
            for (k, gate) in [r, z, n].iter().enumerate() {
                row.store(0, k, start, gate);
            }
            for (k, gate) in [r, z, n1].iter().enumerate() {
                row.store(1, k, start, gate);
            }
            row.store(2, 0, start, &gh);
        },
    );
}

//! Kernels of the steps of recurrent networks.

use std::ops::Range;

use crate::cpu::simd;
use crate::cpu::threads::{self, SendPointer};
use crate::cpu::vector_math::{self, Real};

/// Elements computed together: whole vectors also at the end of a row.
const LANES: usize = 16;
/// Elements of the state from which threads share the rows: where exponentials take time, and where none are taken.
const PARALLEL_FROM: usize = 1 << 11;
const PARALLEL_FROM_PLAIN: usize = 1 << 13;
/// Rows that a thread takes at a time.
const ROWS: usize = 8;

type Lanes<T> = [T; LANES];

/// Inputs and outputs of one row, whose gates lie one after the other.
struct Row<T, const I: usize, const O: usize> {
    inputs: [*const T; I],
    outputs: [*mut T; O],
    size: usize,
}

impl<T: Real, const I: usize, const O: usize> Row<T, I, O> {
    /// Elements `start..` of gate `k` of input `i`, filled up with zeros.
    ///
    /// # Safety
    /// The row has them.
    #[inline(always)]
    unsafe fn load(&self, i: usize, k: usize, start: usize) -> Lanes<T> {
        // SAFETY: promised by the caller.
        unsafe {
            let x = self.inputs[i].add(k * self.size + start);
            // A length that is known makes whole vectors of it.
            if self.size >= LANES {
                return x.cast::<Lanes<T>>().read_unaligned();
            }
            let mut lanes = [T::ZERO; LANES];
            for (l, lane) in lanes[..self.size].iter_mut().enumerate() {
                *lane = *x.add(l);
            }
            lanes
        }
    }

    /// The sum of the first two inputs there.
    #[inline(always)]
    unsafe fn load_sum(&self, k: usize, start: usize) -> Lanes<T> {
        // SAFETY: promised by the caller.
        let (mut a, b) = unsafe { (self.load(0, k, start), self.load(1, k, start)) };
        for l in 0..LANES {
            a[l] = a[l] + b[l];
        }
        a
    }

    /// Writes elements `start..` of gate `k` of output `i`.
    #[inline(always)]
    unsafe fn store(&mut self, i: usize, k: usize, start: usize, lanes: &Lanes<T>) {
        // SAFETY: promised by the caller.
        unsafe {
            let out = self.outputs[i].add(k * self.size + start);
            if self.size >= LANES {
                return out.cast::<Lanes<T>>().write_unaligned(*lanes);
            }
            for (l, &lane) in lanes[..self.size].iter().enumerate() {
                out.add(l).write(lane);
            }
        }
    }
}

/// Calls `body` for each of `rows` rows and each group of lanes in it. An array has as many gates
/// of `size` columns as `gates` says.
///
/// # Safety
/// The pointers are to arrays of that many elements, no output overlaps an input, and `body` stays in its row.
#[inline(always)]
unsafe fn for_each_lanes<T: Real, const I: usize, const O: usize>(
    rows: usize,
    size: usize,
    inputs: [*const T; I],
    outputs: [*mut T; O],
    gates: ([usize; I], [usize; O]),
    parallel_from: usize,
    body: impl Fn(&mut Row<T, I, O>, usize) + Copy + Sync,
) {
    let some = |range: Range<usize>, inputs: [*const T; I], outputs: [*mut T; O]| {
        simd::dispatch(
            #[inline(always)]
            || {
                for i in range {
                    let (mut inputs, mut outputs) = (inputs, outputs);
                    for (input, gates) in inputs.iter_mut().zip(gates.0) {
                        *input = input.wrapping_add(i * gates * size);
                    }
                    for (output, gates) in outputs.iter_mut().zip(gates.1) {
                        *output = output.wrapping_add(i * gates * size);
                    }
                    let mut row = Row {
                        inputs,
                        outputs,
                        size,
                    };
                    for start in (0..size).step_by(LANES) {
                        // The last lanes go over some elements again rather than over less than all.
                        body(&mut row, start.min(size.saturating_sub(LANES)));
                    }
                }
            },
        )
    };
    if rows * size < parallel_from {
        return some(0..rows, inputs, outputs);
    }
    let inputs = inputs.map(|x| SendPointer(x.cast_mut()));
    let outputs = outputs.map(SendPointer);
    threads::for_each(rows.div_ceil(ROWS), &|i| {
        let range = i * ROWS..((i + 1) * ROWS).min(rows);
        let inputs = inputs.map(|x| x.get().cast_const());
        some(range, inputs, outputs.map(SendPointer::get));
    });
}

/// A kernel: how many gates the rows of its inputs and outputs have, from how many elements of the state threads share
/// it, and what it does with the lanes of a row.
macro_rules! kernel {
    (
        $(#[$doc:meta])* $name:ident, [$($input:literal),*] => [$($output:literal),*],
        $parallel_from:expr, |$row:ident, $start:ident| $body:block
    ) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// As [`for_each_lanes`].
        pub(crate) unsafe fn $name<T: Real>(
            rows: usize,
            size: usize,
            inputs: [*const T; [$($input),*].len()],
            outputs: [*mut T; [$($output),*].len()],
        ) {
            // SAFETY: promised by the caller; all gates lie in the row.
            unsafe {
                for_each_lanes(
                    rows,
                    size,
                    inputs,
                    outputs,
                    ([$($input),*], [$($output),*]),
                    $parallel_from,
                    #[inline(always)]
                    |$row, $start| $body,
                )
            }
        }
    };
}

kernel! {
    /// From a0, a1, c: h', c' and the activated gates.
    lstm, [4, 4, 1] => [1, 1, 4], PARALLEL_FROM, |row, start| {
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
    }
}

kernel! {
    /// From the gates, c, c', gh', gc': the gradients of the gates before their activations, and gc.
    lstm_grad, [4, 1, 1, 1, 1] => [4, 1], PARALLEL_FROM, |row, start| {
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
    }
}

kernel! {
    /// From a0, a1, h: h' and the activated gates.
    gru, [3, 3, 1] => [1, 3], PARALLEL_FROM, |row, start| {
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
    }
}

kernel! {
    /// From the gates, a1, h, gh': the gradients of a0, a1 and h.
    gru_grad, [3, 3, 1, 1] => [3, 3, 1], PARALLEL_FROM_PLAIN, |row, start| {
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
    }
}

kernel! {
    /// From a0, a1: h' = tanh(a0 + a1).
    rnn, [1, 1] => [1], PARALLEL_FROM, |row, start| {
        let mut h = row.load_sum(0, start);
        for x in &mut h {
            *x = vector_math::tanh(*x);
        }
        row.store(0, 0, start, &h);
    }
}

kernel! {
    /// From h', gh': the gradient of a0 (and of a1: the same).
    rnn_grad, [1, 1] => [1], PARALLEL_FROM_PLAIN, |row, start| {
        let (h, mut gh) = (row.load(0, 0, start), row.load(1, 0, start));
        for l in 0..LANES {
            gh[l] = gh[l] * (T::ONE - h[l] * h[l]);
        }
        row.store(0, 0, start, &gh);
    }
}

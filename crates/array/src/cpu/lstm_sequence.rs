//! All steps of an LSTM, forward and backward.
//!
//! The samples of a batch do not meet, so each thread takes some of them through all steps; the weight is packed once
//! for all.

use std::ops::Range;

use super::matmul::{PARALLEL_FROM, Packed};
use super::recurrent::{lstm, lstm_grad};
use super::threads::{self, SendPointer};
use super::tile;
use super::vector_math::Real;
use crate::Element;
use crate::buffer::Buffer;

/// The sizes of a sequence of `steps` steps on `rows` samples.
#[derive(Clone, Copy)]
pub(crate) struct Sequence {
    pub(crate) steps: usize,
    pub(crate) rows: usize,
    pub(crate) size: usize,
}

/// What the forward pass computes: rows of `size` elements for each step, the first being the
/// initial one, and the activated gates of each step.
pub(crate) struct States<T> {
    pub(crate) hs: *mut T,
    pub(crate) cs: *mut T,
    pub(crate) gates: *mut T,
}

// SAFETY: threads write to rows of their own.
unsafe impl<T> Sync for States<T> {}

impl Sequence {
    /// Calls `task` with some samples, and whether it may use several threads itself: there are too
    /// few samples to share, and much to do for each.
    fn for_each_part(&self, task: &(dyn Fn(Range<usize>, bool) + Sync)) {
        let threads = threads::count();
        let step = self.rows * self.size * 4 * self.size;
        if threads == 1 || self.steps * step < PARALLEL_FROM {
            return task(0..self.rows, false);
        }
        if self.rows < 2 * threads && step >= PARALLEL_FROM {
            return task(0..self.rows, true);
        }
        let part = self.rows.div_ceil(threads);
        threads::for_each(self.rows.div_ceil(part), &|i| {
            task(i * part..((i + 1) * part).min(self.rows), false);
        });
    }

    /// Where the row `row` of step `step` begins.
    fn at(&self, step: usize, row: usize) -> usize {
        (step * self.rows + row) * self.size
    }

    /// From a (steps, rows, 4 size), W (size, 4 size) and the initial states the others.
    ///
    /// # Safety
    /// The pointers are to arrays of these sizes.
    pub(crate) unsafe fn forward<T>(&self, a: *const T, w: *const T, states: &States<T>)
    where
        T: Real + tile::Real + Element,
    {
        let size = self.size;
        // SAFETY: promised by the caller.
        let w = unsafe { Packed::new(size, 4 * size, w, (4 * size as isize, 1)) };
        let a = SendPointer(a.cast_mut());
        self.for_each_part(&|part, parallel| {
            let rows = part.len();
            let product = Buffer::scratch::<T>((rows * 4 * size).max(1));
            let product: *mut T = product.elements();
            for step in 0..self.steps {
                let (old, new) = (self.at(step, part.start), self.at(step + 1, part.start));
                // SAFETY: promised by the caller; this part's rows are its own.
                unsafe {
                    w.multiply(rows, product, states.hs.add(old), parallel);
                    let (h, c) = (states.hs.add(new), states.cs.add(new));
                    let a = a.get().add(4 * old).cast_const();
                    let gates = states.gates.add(4 * old);
                    let inputs = [a, product.cast_const(), states.cs.add(old).cast_const()];
                    lstm(rows, size, inputs, [h, c, gates]);
                }
            }
        });
    }

    /// From the states and the gradients `ghs` of all hidden states (steps, rows, size): the
    /// gradients `ga` of `a`, and of the initial states in place of those of the last ones.
    ///
    /// # Safety
    /// The pointers are to arrays of these sizes, which do not overlap.
    pub(crate) unsafe fn backward<T>(
        &self,
        w: *const T,
        states: &States<T>,
        ghs: *const T,
        [ga, gh, gc]: [*mut T; 3],
    ) where
        T: Real + tile::Real + Element,
    {
        let size = self.size;
        // SAFETY: promised by the caller.
        let transposed = unsafe { Packed::new(4 * size, size, w, (1, 4 * size as isize)) };
        let [ga, gh, gc] = [ga, gh, gc].map(SendPointer);
        let ghs = SendPointer(ghs.cast_mut());
        self.for_each_part(&|part, parallel| {
            let (rows, count) = (part.len(), part.len() * size);
            let next_gc = Buffer::scratch::<T>(count.max(1));
            let next_gc: *mut T = next_gc.elements();
            let first = self.at(0, part.start);
            // SAFETY: promised by the caller; this part's rows are its own.
            unsafe {
                let (gh, gc) = (gh.get().add(first), gc.get().add(first));
                for step in (0..self.steps).rev() {
                    let at = self.at(step, part.start);
                    let ghs = ghs.get().add(at);
                    for i in 0..count {
                        *gh.add(i) = *gh.add(i) + *ghs.add(i);
                    }
                    let (gates, ga) = (states.gates.add(4 * at), ga.get().add(4 * at));
                    let (old_c, c) = (states.cs.add(at), states.cs.add(at + self.rows * size));
                    let inputs = [gates, old_c, c, gh, gc].map(<*mut T>::cast_const);
                    lstm_grad(rows, size, inputs, [ga, next_gc]);
                    std::ptr::copy_nonoverlapping(next_gc, gc, count);
                    transposed.multiply(rows, gh, ga, parallel);
                }
            }
        });
    }
}

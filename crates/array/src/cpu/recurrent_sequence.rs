//! All steps of a recurrent network, forward and backward.
//!
//! The samples of a batch do not meet, so each thread takes some of them through all steps; the weight is packed once
//! for all.

use std::ops::Range;
use std::ptr::copy_nonoverlapping;

use super::matmul::PARALLEL_FROM;
use super::panels::Packed;
use super::recurrent::{gru, gru_grad, lstm, lstm_grad, rnn, rnn_grad};
use super::threads::{self, SendPointer};
use super::tile::{self, Plus};
use super::vector_math::Real;
use crate::Element;
use crate::buffer::Buffer;

/// A sequence of `steps` steps on `rows` samples, whose states have `size` elements. W is (size, gates · size).
///
/// Hidden and cell states are (steps + 1, rows, size), the initial ones first; what belongs to a step is
/// (steps, rows, gates · size) or (steps, rows, size). A gradient of the states of one step is (rows, size).
#[derive(Clone, Copy)]
pub(crate) struct Sequence {
    pub(crate) steps: usize,
    pub(crate) rows: usize,
    pub(crate) size: usize,
    pub(crate) gates: usize,
}

/// Some samples at one step: how many, and where their states begin before it, after it, and among those of one step.
#[derive(Clone, Copy)]
struct Part {
    rows: usize,
    old: usize,
    new: usize,
    first: usize,
}

/// A type that sequences are computed in.
pub(crate) trait Float: Real + tile::Real + Element {}
impl<T: Real + tile::Real + Element> Float for T {}

impl Sequence {
    /// Calls `task` with some samples, and whether it may use several threads itself: there are too
    /// few samples to share, and much to do for each.
    fn for_each_part(&self, task: &(dyn Fn(Range<usize>, bool) + Sync)) {
        let threads = threads::count();
        let step = self.rows * self.size * self.gates * self.size;
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

    fn part(&self, step: usize, rows: &Range<usize>) -> Part {
        let at = |step| (step * self.rows + rows.start) * self.size;
        Part {
            rows: rows.len(),
            old: at(step),
            new: at(step + 1),
            first: at(0),
        }
    }

    /// Elements of a step's gates, one at least.
    fn scratch<T: Float>(&self, gates: usize) -> Buffer {
        Buffer::scratch::<T>((self.rows * gates * self.size).max(1))
    }

    /// Writes h W, plus the bias, for each step to `products`, and then calls `step`, which makes the next states.
    /// `next` is the distance of the products of two steps, 0 where one may overwrite the other.
    ///
    /// # Safety
    /// The pointers are to arrays of the sequence's sizes.
    unsafe fn forward<T: Float>(
        &self,
        (w, bias): (*const T, Option<*const T>),
        hs: *mut T,
        (products, next): (*mut T, usize),
        step: impl Fn(Part, *const T) + Sync,
    ) {
        let columns = self.gates * self.size;
        // SAFETY: promised by the caller.
        let w = unsafe { Packed::new(self.size, columns, w, (columns as isize, 1)) };
        let bias = bias.map(|bias| SendPointer(bias.cast_mut()));
        let (hs, products) = (SendPointer(hs), SendPointer(products));
        self.for_each_part(&|rows, parallel| {
            for i in 0..self.steps {
                let part = self.part(i, &rows);
                // SAFETY: promised by the caller; this part's rows are its own.
                unsafe {
                    let product = products.get().add(i * next + self.gates * part.first);
                    let plus = bias.map_or(Plus::Nothing, |bias| Plus::Row(bias.get()));
                    let h = hs.get().add(part.old);
                    w.multiply(part.rows, (product, plus), h, parallel);
                    step(part, product);
                }
            }
        });
    }

    /// Goes back through the steps, with the gradient `gh` of the last hidden state and `ghs` of all: calls `step`, which
    /// makes the gradient of h W in `ga` from that in `gh`, and takes that on to the step before; `adds` says that `step`
    /// has left in `gh` what does not pass W.
    ///
    /// # Safety
    /// As [`forward`](Sequence::forward).
    unsafe fn backward<T: Float>(
        &self,
        w: *const T,
        (ghs, gh): (*const T, *mut T),
        ga: *mut T,
        adds: bool,
        step: impl Fn(Part) + Sync,
    ) {
        let columns = self.gates * self.size;
        // SAFETY: promised by the caller.
        let transposed = unsafe { Packed::new(columns, self.size, w, (1, columns as isize)) };
        let [ghs, gh, ga] = [ghs.cast_mut(), gh, ga].map(SendPointer);
        self.for_each_part(&|rows, parallel| {
            for i in (0..self.steps).rev() {
                let part = self.part(i, &rows);
                // SAFETY: promised by the caller; this part's rows are its own.
                unsafe {
                    let (gh, ghs) = (gh.get().add(part.first), ghs.get().add(part.old));
                    for j in 0..part.rows * self.size {
                        *gh.add(j) = *gh.add(j) + *ghs.add(j);
                    }
                    step(part);
                    let ga = ga.get().add(self.gates * part.old);
                    let plus = Plus::result_if(adds);
                    transposed.multiply(part.rows, (gh, plus), ga, parallel);
                }
            }
        });
    }

    /// From a, W and the initial states the others, and the activated gates.
    ///
    /// # Safety
    /// The pointers are to arrays of the sequence's sizes, with four gates.
    pub(crate) unsafe fn lstm<T: Float>(&self, [a, w]: [*const T; 2], outputs: [*mut T; 3]) {
        let product = self.scratch::<T>(4);
        let (a, [hs, cs, gates]) = (SendPointer(a.cast_mut()), outputs.map(SendPointer));
        // SAFETY: promised by the caller; parts are rows of their own.
        unsafe {
            let products = (product.elements(), 0);
            self.forward((w, None), hs.get(), products, |part, product| {
                let Part { rows, old, new, .. } = part;
                let a = a.get().add(4 * old).cast_const();
                let inputs = [a, product, cs.get().add(old)];
                let outputs = [
                    hs.get().add(new),
                    cs.get().add(new),
                    gates.get().add(4 * old),
                ];
                lstm(rows, self.size, inputs, outputs);
            });
        }
    }

    /// From W, the cell states, the gates and the gradients `ghs`: the gradients `ga`, and of the initial states in place
    /// of those of the last ones.
    ///
    /// # Safety
    /// As [`lstm`](Sequence::lstm); the outputs overlap nothing.
    pub(crate) unsafe fn lstm_grad<T: Float>(
        &self,
        [w, cs, gates, ghs]: [*const T; 4],
        [ga, gh, gc]: [*mut T; 3],
    ) {
        let next = self.scratch::<T>(1);
        let [cs, gates] = [cs, gates].map(|x| SendPointer(x.cast_mut()));
        let outputs = [ga, gh, gc, next.elements()].map(SendPointer);
        // SAFETY: promised by the caller; parts are rows of their own.
        unsafe {
            self.backward(w, (ghs, gh), ga, false, |part| {
                let Part {
                    rows,
                    old,
                    new,
                    first,
                } = part;
                let [ga, gh, gc, next] = outputs.map(SendPointer::get);
                let (gh, gc, next) = (gh.add(first), gc.add(first), next.add(first));
                let (cs, gates) = (cs.get(), gates.get().add(4 * old));
                let inputs = [gates, cs.add(old), cs.add(new), gh, gc].map(<*mut T>::cast_const);
                lstm_grad(rows, self.size, inputs, [ga.add(4 * old), next]);
                copy_nonoverlapping(next, gc, rows * self.size);
            });
        }
    }

    /// From a0, W, its bias and the initial state: the other states, a1 = h W + b, and the activated gates.
    ///
    /// # Safety
    /// The pointers are to arrays of the sequence's sizes, with three gates.
    pub(crate) unsafe fn gru<T: Float>(&self, [a0, w, b]: [*const T; 3], outputs: [*mut T; 3]) {
        let (a0, [hs, a1, gates]) = (SendPointer(a0.cast_mut()), outputs.map(SendPointer));
        let products = (a1.get(), 3 * self.rows * self.size);
        // SAFETY: promised by the caller; parts are rows of their own.
        unsafe {
            self.forward((w, Some(b)), hs.get(), products, |part, a1| {
                let Part { rows, old, new, .. } = part;
                let a0 = a0.get().add(3 * old).cast_const();
                let inputs = [a0, a1, hs.get().add(old)];
                let outputs = [hs.get().add(new), gates.get().add(3 * old)];
                gru(rows, self.size, inputs, outputs);
            });
        }
    }

    /// From W, the states, a1, the gates and the gradients `ghs`: the gradients of a0 and a1, and of the initial state in
    /// place of that of the last one.
    ///
    /// # Safety
    /// As [`gru`](Sequence::gru); the outputs overlap nothing.
    pub(crate) unsafe fn gru_grad<T: Float>(
        &self,
        [w, hs, a1, gates, ghs]: [*const T; 5],
        [ga0, ga1, gh]: [*mut T; 3],
    ) {
        let next = self.scratch::<T>(1);
        let inputs = [hs, a1, gates].map(|x| SendPointer(x.cast_mut()));
        let outputs = [ga0, ga1, gh, next.elements()].map(SendPointer);
        // SAFETY: promised by the caller; parts are rows of their own.
        unsafe {
            self.backward(w, (ghs, gh), ga1, true, |part| {
                let Part {
                    rows, old, first, ..
                } = part;
                let [hs, a1, gates] = inputs.map(SendPointer::get);
                let [ga0, ga1, gh, next] = outputs.map(SendPointer::get);
                let (gh, next) = (gh.add(first), next.add(first));
                let inputs = [gates.add(3 * old), a1.add(3 * old), hs.add(old), gh];
                let outputs = [ga0.add(3 * old), ga1.add(3 * old), next];
                gru_grad(rows, self.size, inputs.map(<*mut T>::cast_const), outputs);
                copy_nonoverlapping(next, gh, rows * self.size);
            });
        }
    }

    /// From a, W and the initial state the others, of the network h' = tanh(a + h W).
    ///
    /// # Safety
    /// The pointers are to arrays of the sequence's sizes, with one gate.
    pub(crate) unsafe fn rnn<T: Float>(&self, [a, w]: [*const T; 2], hs: *mut T) {
        let product = self.scratch::<T>(1);
        let [a, hs] = [a.cast_mut(), hs].map(SendPointer);
        // SAFETY: promised by the caller; parts are rows of their own.
        unsafe {
            let products = (product.elements(), 0);
            self.forward((w, None), hs.get(), products, |part, product| {
                let a = a.get().add(part.old).cast_const();
                rnn(part.rows, self.size, [a, product], [hs.get().add(part.new)]);
            });
        }
    }

    /// From W, the states and the gradients `ghs`: the gradients `ga`, and of the initial state in place of that of the
    /// last one.
    ///
    /// # Safety
    /// As [`rnn`](Sequence::rnn); the outputs overlap nothing.
    pub(crate) unsafe fn rnn_grad<T: Float>(
        &self,
        [w, hs, ghs]: [*const T; 3],
        [ga, gh]: [*mut T; 2],
    ) {
        let pointers = [hs.cast_mut(), ga, gh].map(SendPointer);
        // SAFETY: promised by the caller; parts are rows of their own.
        unsafe {
            self.backward(w, (ghs, gh), ga, false, |part| {
                let [hs, ga, gh] = pointers.map(SendPointer::get);
                let inputs = [hs.add(part.new), gh.add(part.first)].map(<*mut T>::cast_const);
                rnn_grad(part.rows, self.size, inputs, [ga.add(part.old)]);
            });
        }
    }
}

//! Whole sequences of recurrent networks: the steps of many samples at once, the weight packed once for all.

use super::{build, size_of};
use crate::cpu::recurrent_sequence::Sequence;
use crate::{Array, Element, match_dtype};

/// What [`lstm_sequence`] computes.
pub struct LstmSteps {
    /// The hidden states, the initial one first: (t + 1, n, size).
    pub hs: Array,
    /// The cell states likewise.
    pub cs: Array,
    /// The gates of each step after their activations, (t, n, 4 size).
    pub gates: Array,
}

/// What [`gru_sequence`] computes.
pub struct GruSteps {
    /// The hidden states, the initial one first: (t + 1, n, size).
    pub hs: Array,
    /// What the state contributes to each step, h W + b, (t, n, 3 size).
    pub a1: Array,
    /// The gates of each step after their activations, (t, n, 3 size).
    pub gates: Array,
}

/// The sizes of a sequence with initial state `h`, what the inputs contribute being `a`.
#[track_caller]
fn sequence(operation: &str, gates: usize, a: &Array, h: &Array) -> Sequence {
    let size = size_of(operation, h);
    let &[steps, rows, _] = a.shape() else {
        let factor = if gates == 1 { "" } else { &format!("{gates} ") };
        panic!(
            "{operation}: a must have shape (t, n, {factor}size), got {:?}",
            a.shape()
        );
    };
    if !h.dtype().is_float() {
        panic!("{operation}: takes floats, got {}", h.dtype());
    }
    let sequence = Sequence {
        steps,
        rows,
        size,
        gates,
    };
    sequence.check(operation, h, &[("a", a, &sequence.products())]);
    sequence.check(operation, h, &[("h", h, &[rows, size])]);
    sequence
}

impl Sequence {
    /// The shape of the states.
    fn states(&self) -> [usize; 3] {
        [self.steps + 1, self.rows, self.size]
    }

    /// The shape of the gates.
    fn products(&self) -> [usize; 3] {
        [self.steps, self.rows, self.gates * self.size]
    }

    /// Checks shapes, and that all have the type of `h`.
    #[track_caller]
    fn check(&self, operation: &str, h: &Array, arrays: &[(&str, &Array, &[usize])]) {
        for &(name, x, shape) in arrays {
            if x.shape() != shape {
                panic!(
                    "{operation}: {name} must have shape {shape:?}, got {:?}",
                    x.shape()
                );
            }
            if x.dtype() != h.dtype() {
                panic!(
                    "{operation}: takes floats of one type, got {} and {}",
                    h.dtype(),
                    x.dtype()
                );
            }
        }
    }

    #[track_caller]
    fn check_weight(&self, operation: &str, h: &Array, w: &Array) {
        let shape = [self.size, self.gates * self.size];
        self.check(operation, h, &[("w", w, &shape)]);
    }

    /// Checks the states, and the gradients of all hidden states.
    #[track_caller]
    fn check_states(&self, operation: &str, h: &Array, states: &[(&str, &Array)], ghs: &Array) {
        let shape = self.states();
        for &(name, x) in states {
            self.check(operation, h, &[(name, x, &shape)]);
        }
        let shape = [self.steps, self.rows, self.size];
        self.check(operation, h, &[("ghs", ghs, &shape)]);
    }
}

/// Makes `initial` the first of the states at `states`.
///
/// # Safety
/// There is room for it.
unsafe fn start<T: Element>(states: *mut T, initial: &Array) {
    let initial = initial.as_slice::<T>().expect("contiguous");
    // SAFETY: promised by the caller.
    unsafe { std::ptr::copy_nonoverlapping(initial.as_ptr(), states, initial.len()) }
}

/// All steps of an LSTM: [`lstm_cell`](super::lstm_cell) with `a1 = h W` for each step of `a`.
///
/// Shapes: `a` (t, n, 4 size), `w` (size, 4 size), `h` and `c` (n, size).
///
/// # Panics
/// If shapes or dtypes do not fit.
///
/// ```
/// use dezero_array::{Array, DType, recurrent};
/// let (a, w) = (Array::zeros([3, 1, 8], DType::F64), Array::zeros([2, 8], DType::F64));
/// let (h, c) = (Array::zeros([1, 2], DType::F64), Array::new([[8.0, 16.0]]));
/// let steps = recurrent::lstm_sequence(&a, &w, &h, &c);
/// assert_eq!(steps.cs.get(3).to_vec::<f64>(), [1.0, 2.0]); // half of it is remembered at each step
/// ```
#[track_caller]
pub fn lstm_sequence(a: &Array, w: &Array, h: &Array, c: &Array) -> LstmSteps {
    let sequence = sequence("lstm_sequence", 4, a, h);
    sequence.check_weight("lstm_sequence", h, w);
    sequence.check("lstm_sequence", h, &[("c", c, h.shape())]);
    let [a, w, h, c] = [a, w, h, c].map(Array::to_contiguous);
    let (states, products) = (sequence.states(), sequence.products());
    match_dtype!(floats h.dtype(), T => {
        let [hs, cs, gates] = build([&states, &states, &products], |outputs| {
            // SAFETY: shapes are checked, and the results are new.
            unsafe {
                start::<T>(outputs[0], &h);
                start::<T>(outputs[1], &c);
                sequence.lstm::<T>([a.pointer(), w.pointer()], outputs);
            }
        });
        LstmSteps { hs, cs, gates }
    }, else unreachable!("checked"))
}

/// The gradients of [`lstm_sequence`] by `a`, `h` and `c`, from those of the hidden states
/// (t, n, size), and of the last hidden state and cell state besides. That of `w` is the product of
/// the hidden states before each step and the gradient of `a`.
///
/// # Panics
/// If shapes or dtypes do not fit.
#[track_caller]
pub fn lstm_sequence_grad(
    steps: &LstmSteps,
    w: &Array,
    ghs: &Array,
    gh: &Array,
    gc: &Array,
) -> [Array; 3] {
    let LstmSteps { hs, cs, gates } = steps;
    let name = "lstm_sequence_grad";
    let sequence = sequence(name, 4, gates, gh);
    sequence.check_weight(name, gh, w);
    sequence.check(name, gh, &[("gc", gc, gh.shape())]);
    sequence.check_states(name, gh, &[("hs", hs), ("cs", cs)], ghs);
    let inputs = [w, cs, gates, ghs].map(Array::to_contiguous);
    let [mut gh, mut gc] = [gh, gc].map(Array::to_contiguous);
    let [ga] = match_dtype!(floats gh.dtype(), T => build([gates.shape()], |[ga]| {
        let [gh, gc] = [&mut gh, &mut gc].map(|x| x.as_mut_slice::<T>().as_mut_ptr());
        let inputs = inputs.each_ref().map(Array::pointer::<T>);
        // SAFETY: shapes are checked; `gh` and `gc` were made unique, and `ga` is new.
        unsafe { sequence.lstm_grad(inputs, [ga, gh, gc]) };
    }), else unreachable!("checked"));
    [ga, gh, gc]
}

/// All steps of a GRU: [`gru_cell`](super::gru_cell) with `a1 = h W + b` for each step of `a`.
///
/// Shapes: `a` (t, n, 3 size), `w` (size, 3 size), `b` (3 size), `h` (n, size).
///
/// # Panics
/// If shapes or dtypes do not fit.
///
/// ```
/// use dezero_array::{Array, DType, recurrent};
/// let (a, w) = (Array::zeros([3, 1, 6], DType::F64), Array::zeros([2, 6], DType::F64));
/// let (b, h) = (Array::zeros([6], DType::F64), Array::new([[8.0, 16.0]]));
/// let steps = recurrent::gru_sequence(&a, &w, &b, &h);
/// assert_eq!(steps.hs.get(3).to_vec::<f64>(), [1.0, 2.0]); // half of it is remembered at each step
/// ```
#[track_caller]
pub fn gru_sequence(a: &Array, w: &Array, b: &Array, h: &Array) -> GruSteps {
    let sequence = sequence("gru_sequence", 3, a, h);
    sequence.check_weight("gru_sequence", h, w);
    sequence.check("gru_sequence", h, &[("b", b, &[3 * sequence.size])]);
    let [a, w, b, h] = [a, w, b, h].map(Array::to_contiguous);
    let (states, products) = (sequence.states(), sequence.products());
    match_dtype!(floats h.dtype(), T => {
        let [hs, a1, gates] = build([&states, &products, &products], |outputs| {
            // SAFETY: shapes are checked, and the results are new.
            unsafe {
                start::<T>(outputs[0], &h);
                sequence.gru::<T>([&a, &w, &b].map(Array::pointer), outputs);
            }
        });
        GruSteps { hs, a1, gates }
    }, else unreachable!("checked"))
}

/// The gradients of [`gru_sequence`] by `a`, by `h W + b` at each step, and by `h`, from those of the hidden states
/// (t, n, size), and of the last one besides. That of `w` is the product of the hidden states before each step and the
/// second gradient, that of `b` the sum of the second.
///
/// # Panics
/// If shapes or dtypes do not fit.
#[track_caller]
pub fn gru_sequence_grad(steps: &GruSteps, w: &Array, ghs: &Array, gh: &Array) -> [Array; 3] {
    let GruSteps { hs, a1, gates } = steps;
    let name = "gru_sequence_grad";
    let sequence = sequence(name, 3, gates, gh);
    sequence.check_weight(name, gh, w);
    sequence.check(name, gh, &[("a1", a1, gates.shape())]);
    sequence.check_states(name, gh, &[("hs", hs)], ghs);
    let inputs = [w, hs, a1, gates, ghs].map(Array::to_contiguous);
    let mut gh = gh.to_contiguous();
    let shapes = [gates.shape(), gates.shape()];
    let [ga0, ga1] = match_dtype!(floats gh.dtype(), T => build(shapes, |[ga0, ga1]| {
        let gh = gh.as_mut_slice::<T>().as_mut_ptr();
        let inputs = inputs.each_ref().map(Array::pointer::<T>);
        // SAFETY: shapes are checked; `gh` was made unique, and the others are new.
        unsafe { sequence.gru_grad(inputs, [ga0, ga1, gh]) };
    }), else unreachable!("checked"));
    [ga0, ga1, gh]
}

/// All steps of a network with h' = tanh(a + h W): its hidden states, the initial one first, (t + 1, n, size).
///
/// Shapes: `a` (t, n, size), `w` (size, size), `h` (n, size).
///
/// # Panics
/// If shapes or dtypes do not fit.
///
/// ```
/// use dezero_array::{Array, recurrent};
/// let (a, w) = (Array::new([[[0.5]], [[-1.0]]]), Array::new([[0.0]]));
/// let hs = recurrent::rnn_sequence(&a, &w, &Array::new([[9.0]]));
/// assert_eq!(hs.to_vec::<f64>(), [9.0, 0.5f64.tanh(), -(1f64.tanh())]);
/// ```
#[track_caller]
pub fn rnn_sequence(a: &Array, w: &Array, h: &Array) -> Array {
    let sequence = sequence("rnn_sequence", 1, a, h);
    sequence.check_weight("rnn_sequence", h, w);
    let [a, w, h] = [a, w, h].map(Array::to_contiguous);
    let [hs] = match_dtype!(floats h.dtype(), T => build([&sequence.states()], |[hs]| {
        // SAFETY: shapes are checked, and the result is new.
        unsafe {
            start::<T>(hs, &h);
            sequence.rnn::<T>([a.pointer(), w.pointer()], hs);
        }
    }), else unreachable!("checked"));
    hs
}

/// The gradients of [`rnn_sequence`] by `a` and `h`, from its result `hs` and the gradients of the hidden states
/// (t, n, size), and of the last one besides. That of `w` is the product of the hidden states before each step and the
/// gradient of `a`.
///
/// # Panics
/// If shapes or dtypes do not fit.
#[track_caller]
pub fn rnn_sequence_grad(hs: &Array, w: &Array, ghs: &Array, gh: &Array) -> [Array; 2] {
    let name = "rnn_sequence_grad";
    let sequence = sequence(name, 1, ghs, gh);
    sequence.check_weight(name, gh, w);
    sequence.check_states(name, gh, &[("hs", hs)], ghs);
    let inputs = [w, hs, ghs].map(Array::to_contiguous);
    let mut gh = gh.to_contiguous();
    let [ga] = match_dtype!(floats gh.dtype(), T => build([ghs.shape()], |[ga]| {
        let gh = gh.as_mut_slice::<T>().as_mut_ptr();
        let inputs = inputs.each_ref().map(Array::pointer::<T>);
        // SAFETY: shapes are checked; `gh` was made unique, and `ga` is new.
        unsafe { sequence.rnn_grad(inputs, [ga, gh]) };
    }), else unreachable!("checked"));
    [ga, gh]
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_near, numbers};
    use super::super::{gru_cell, gru_cell_grad, lstm_cell, lstm_cell_grad};
    use super::*;
    use crate::DType;

    fn cube([t, n, size]: [usize; 3], seed: u64, dtype: DType) -> Array {
        numbers([t * n, size], seed, dtype).reshape([t, n, size])
    }

    /// Steps, samples, sizes: few samples and many, one thread's work and several's, sizes beyond a pass of the product.
    const SIZES: [[usize; 3]; 5] = [[1, 1, 1], [3, 2, 5], [4, 30, 20], [2, 7, 300], [2, 1, 400]];

    /// Calls `check` for all sizes and types with a, w, h, and the gradients of all hidden states and of the last.
    fn for_all_sizes(gates: usize, check: impl Fn(&Array, &Array, &Array, &Array, Array)) {
        for [t, n, size] in SIZES {
            for dtype in [DType::F32, DType::F64] {
                let scale = 1.0 / (size as f64).sqrt();
                let a = cube([t, n, gates * size], 1, dtype);
                let w = numbers([size, gates * size], 2, dtype) * scale;
                let [h, gh] = [3, 6].map(|seed| numbers([n, size], seed, dtype));
                check(&a, &w, &h, &cube([t, n, size], 5, dtype), gh);
            }
        }
    }

    #[test]
    fn lstm_is_its_steps() {
        for_all_sizes(4, |a, w, h, ghs, mut gh| {
            let [c, mut gc] =
                [4, 7].map(|seed| numbers([h.shape()[0], h.shape()[1]], seed, h.dtype()));
            let found = lstm_sequence(a, w, h, &c);
            let (mut steps, mut last) = (Vec::new(), (h.clone(), c));
            for i in 0..a.shape()[0] {
                let step = lstm_cell(&a.get(i), &last.0.matmul(w), &last.1);
                last = (step.h.clone(), step.c.clone());
                assert_near(&found.hs.get(i + 1), &last.0, "h");
                assert_near(&found.cs.get(i + 1), &last.1, "c");
                steps.push(step);
            }
            let [ga, gh0, gc0] = lstm_sequence_grad(&found, w, ghs, &gh, &gc);
            for (i, step) in steps.iter().enumerate().rev() {
                let [expected, old] =
                    lstm_cell_grad(&found.cs.get(i), step, &(gh + ghs.get(i)), &gc);
                assert_near(&ga.get(i), &expected, "ga");
                (gh, gc) = (expected.matmul(&w.transpose()), old);
            }
            assert_near(&gh0, &gh, "gh");
            assert_near(&gc0, &gc, "gc");
        });
    }

    #[test]
    fn gru_is_its_steps() {
        for_all_sizes(3, |a, w, h, ghs, mut gh| {
            let b = numbers([1, w.shape()[1]], 4, h.dtype()).reshape([w.shape()[1]]);
            let found = gru_sequence(a, w, &b, h);
            let (mut steps, mut last) = (Vec::new(), h.clone());
            for i in 0..a.shape()[0] {
                let a1 = last.linear(w, Some(&b));
                let step = gru_cell(&a.get(i), &a1, &last);
                last = step.h;
                assert_near(&found.hs.get(i + 1), &last, "h");
                assert_near(&found.a1.get(i), &a1, "a1");
                steps.push(step.gates);
            }
            let [ga0, ga1, gh0] = gru_sequence_grad(&found, w, ghs, &gh);
            for (i, gates) in steps.iter().enumerate().rev() {
                let (a1, h) = (found.a1.get(i), found.hs.get(i));
                let [expected0, expected1, old] = gru_cell_grad(gates, &a1, &h, &(gh + ghs.get(i)));
                assert_near(&ga0.get(i), &expected0, "ga0");
                assert_near(&ga1.get(i), &expected1, "ga1");
                gh = old + expected1.matmul(&w.transpose());
            }
            assert_near(&gh0, &gh, "gh");
        });
    }

    #[test]
    fn rnn_is_its_steps() {
        for_all_sizes(1, |a, w, h, ghs, mut gh| {
            let found = rnn_sequence(a, w, h);
            let mut last = h.clone();
            for i in 0..a.shape()[0] {
                last = (a.get(i) + last.matmul(w)).tanh();
                assert_near(&found.get(i + 1), &last, "h");
            }
            let [ga, gh0] = rnn_sequence_grad(&found, w, ghs, &gh);
            for i in (0..a.shape()[0]).rev() {
                let expected = (gh + ghs.get(i)) * (1.0 - found.get(i + 1).square());
                assert_near(&ga.get(i), &expected, "ga");
                gh = expected.matmul(&w.transpose());
            }
            assert_near(&gh0, &gh, "gh");
        });
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let [a, w, h] = [[5, 40, 60], [1, 20, 60], [1, 40, 20]].map(|s| cube(s, 1, DType::F32));
        let (w, h, b) = (w.get(0), h.get(0), Array::ones([60], DType::F32));
        let [one, three] = [1, 3].map(|threads| {
            crate::cpu::threads::limited(threads, || {
                let steps = gru_sequence(&a, &w, &b, &h);
                let ghs = steps.hs.get(1..);
                let [ga0, ga1, gh] = gru_sequence_grad(&steps, &w, &ghs, &h);
                [steps.hs, ga0, ga1, gh].map(|x| x.to_vec::<f32>())
            })
        });
        assert_eq!(one, three);
    }

    #[test]
    fn empty_batches_and_no_steps() {
        let zeros = |shape: &[usize]| Array::zeros(shape, DType::F32);
        let (none, one) = (zeros(&[0, 2]), Array::ones([1, 2], DType::F32));
        let steps = lstm_sequence(&zeros(&[3, 0, 8]), &zeros(&[2, 8]), &none, &none);
        assert_eq!(steps.hs.shape(), &[4, 0, 2]);
        let steps = gru_sequence(&zeros(&[3, 0, 6]), &zeros(&[2, 6]), &zeros(&[6]), &none);
        assert_eq!(steps.gates.shape(), &[3, 0, 6]);
        let [_, _, gh] = gru_sequence_grad(&steps, &zeros(&[2, 6]), &zeros(&[3, 0, 2]), &none);
        assert_eq!(gh.shape(), &[0, 2]);
        let hs = rnn_sequence(&zeros(&[0, 1, 2]), &zeros(&[2, 2]), &one);
        assert_eq!(hs.to_vec::<f32>(), [1.0, 1.0]);
        let [ga, gh] = rnn_sequence_grad(&hs, &zeros(&[2, 2]), &zeros(&[0, 1, 2]), &one);
        assert_eq!(
            (ga.shape(), gh.to_vec::<f32>()),
            (&[0, 1, 2][..], vec![1.0, 1.0])
        );
    }

    #[test]
    #[should_panic(expected = "gru_sequence: a must have shape (t, n, 3 size), got [3, 2]")]
    fn refuses_a_single_step() {
        let zeros = |shape: &[usize]| Array::zeros(shape, DType::F32);
        gru_sequence(
            &zeros(&[3, 2]),
            &zeros(&[2, 6]),
            &zeros(&[6]),
            &zeros(&[3, 2]),
        );
    }

    #[test]
    #[should_panic(expected = "rnn_sequence: w must have shape [2, 2], got [2, 6]")]
    fn refuses_a_weight_of_other_gates() {
        let zeros = |shape: &[usize]| Array::zeros(shape, DType::F32);
        rnn_sequence(&zeros(&[3, 1, 2]), &zeros(&[2, 6]), &zeros(&[1, 2]));
    }
}

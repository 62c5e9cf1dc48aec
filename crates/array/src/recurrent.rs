//! The gates of recurrent networks: one step of an LSTM or a GRU, and its gradient, in one pass; and whole sequences.
//!
//! Rows are samples; a row of pre-activations holds the gates one after the other.

mod sequence;

use std::ptr::null_mut;

pub use sequence::{
    GruSteps, LstmSteps, gru_sequence, gru_sequence_grad, lstm_sequence, lstm_sequence_grad,
    rnn_sequence, rnn_sequence_grad,
};

use crate::cpu::recurrent as kernels;
use crate::{Array, Element, match_dtype};

/// The results of [`lstm_cell`].
pub struct LstmStep {
    /// The new hidden state, (n, size).
    pub h: Array,
    /// The new cell state, (n, size).
    pub c: Array,
    /// The gates after their activations, (n, 4 size).
    pub gates: Array,
}

/// The results of [`gru_cell`].
pub struct GruStep {
    /// The new hidden state, (n, size).
    pub h: Array,
    /// The gates after their activations, (n, 3 size).
    pub gates: Array,
}

/// Checks that all are float matrices of one dtype and of n rows, and of as many columns as stated
/// in units of `size`.
#[track_caller]
fn check(operation: &str, size: usize, arrays: &[(&str, &Array, usize)]) {
    let (_, first, _) = arrays[0];
    let rows = first.shape()[0];
    for &(name, x, gates) in arrays {
        if x.shape() != [rows, gates * size] {
            panic!(
                "{operation}: {name} must have shape [{rows}, {}], got {:?}",
                gates * size,
                x.shape()
            );
        }
        if x.dtype() != first.dtype() || !x.dtype().is_float() {
            panic!(
                "{operation}: takes floats of one type, got {} and {}",
                first.dtype(),
                x.dtype()
            );
        }
    }
}

#[track_caller]
fn size_of(operation: &str, state: &Array) -> usize {
    match *state.shape() {
        [_, size] => size,
        _ => panic!(
            "{operation}: the state must have shape (n, size), got {:?}",
            state.shape()
        ),
    }
}

/// Arrays whose elements one kernel writes.
fn build<T: Element, const N: usize>(
    shapes: [&[usize]; N],
    kernel: impl FnOnce([*mut T; N]),
) -> [Array; N] {
    let (mut kernel, mut arrays) = (Some(kernel), [const { None }; N]);
    nest(&shapes, 0, &mut [null_mut(); N], &mut arrays, &mut |outs| {
        let kernel = kernel.take().expect("called once");
        kernel(outs.try_into().expect("one for each shape"));
    });
    arrays.map(|array| array.expect("built"))
}

/// Builds the arrays from the `i`-th on, each inside of the one before.
fn nest<T: Element>(
    shapes: &[&[usize]],
    i: usize,
    outs: &mut [*mut T],
    arrays: &mut [Option<Array>],
    kernel: &mut dyn FnMut(&[*mut T]),
) {
    if i == shapes.len() {
        return kernel(outs);
    }
    let array = Array::build::<T>(shapes[i], |out| {
        outs[i] = out.as_mut_ptr().cast();
        nest(shapes, i + 1, outs, arrays, kernel);
    });
    arrays[i] = Some(array);
}

/// One step of an LSTM: with the gates i, f, g, o of `a0 + a1`,
/// c' = σ(f) c + σ(i) tanh(g) and h' = σ(o) tanh(c').
///
/// Shapes: `a0`, `a1` (n, 4 size), `c` (n, size).
///
/// # Panics
/// If shapes or dtypes do not fit.
///
/// ```
/// use dezero_array::{Array, DType, recurrent};
/// let zeros = Array::zeros([1, 8], DType::F64);
/// let step = recurrent::lstm_cell(&zeros, &zeros, &Array::new([[1.0, 2.0]]));
/// assert_eq!(step.c.to_vec::<f64>(), [0.5, 1.0]); // half of it is remembered
/// ```
#[track_caller]
pub fn lstm_cell(a0: &Array, a1: &Array, c: &Array) -> LstmStep {
    let size = size_of("lstm_cell", c);
    check(
        "lstm_cell",
        size,
        &[("c", c, 1), ("a0", a0, 4), ("a1", a1, 4)],
    );
    let (rows, arrays) = (c.shape()[0], [a0, a1, c].map(Array::to_contiguous));
    match_dtype!(floats c.dtype(), T => {
        let pointers = arrays.each_ref().map(Array::pointer::<T>);
        let [h, c, gates] = build([c.shape(), c.shape(), a0.shape()], |outputs| {
            // SAFETY: shapes are checked, and the results are new.
            unsafe { kernels::lstm::<T>(rows, size, pointers, outputs) };
        });
        LstmStep { h, c, gates }
    }, else unreachable!("checked"))
}

/// The gradients of [`lstm_cell`] by `a0` (and `a1`: the same) and by `c`.
///
/// # Panics
/// If shapes or dtypes do not fit.
#[track_caller]
pub fn lstm_cell_grad(old_c: &Array, step: &LstmStep, gh: &Array, gc: &Array) -> [Array; 2] {
    let size = size_of("lstm_cell_grad", old_c);
    let LstmStep { c, gates, .. } = step;
    check(
        "lstm_cell_grad",
        size,
        &[
            ("c", old_c, 1),
            ("c'", c, 1),
            ("gates", gates, 4),
            ("gh", gh, 1),
            ("gc", gc, 1),
        ],
    );
    let arrays = [gates, old_c, c, gh, gc].map(Array::to_contiguous);
    match_dtype!(floats c.dtype(), T => {
        let pointers = arrays.each_ref().map(Array::pointer::<T>);
        build([gates.shape(), c.shape()], |outputs| {
            // SAFETY: shapes are checked, and the results are new.
            unsafe { kernels::lstm_grad::<T>(c.shape()[0], size, pointers, outputs) }
        })
    }, else unreachable!("checked"))
}

/// One step of a GRU: with r = σ, z = σ of the first two gates of `a0 + a1`, and
/// n = tanh(a0ₙ + r a1ₙ), h' = (1 - z) n + z h.
///
/// Shapes: `a0` (from the input) and `a1` (from the state) are (n, 3 size), `h` is (n, size).
///
/// # Panics
/// If shapes or dtypes do not fit.
#[track_caller]
pub fn gru_cell(a0: &Array, a1: &Array, h: &Array) -> GruStep {
    let size = size_of("gru_cell", h);
    check(
        "gru_cell",
        size,
        &[("h", h, 1), ("a0", a0, 3), ("a1", a1, 3)],
    );
    let arrays = [a0, a1, h].map(Array::to_contiguous);
    match_dtype!(floats h.dtype(), T => {
        let (rows, pointers) = (h.shape()[0], arrays.each_ref().map(Array::pointer::<T>));
        let [h, gates] = build([h.shape(), a0.shape()], |outputs| {
            // SAFETY: shapes are checked, and the results are new.
            unsafe { kernels::gru::<T>(rows, size, pointers, outputs) }
        });
        GruStep { h, gates }
    }, else unreachable!("checked"))
}

/// The gradients of [`gru_cell`] by `a0`, `a1` and `h`, from the gates that it found.
///
/// # Panics
/// If shapes or dtypes do not fit.
#[track_caller]
pub fn gru_cell_grad(gates: &Array, a1: &Array, h: &Array, gh: &Array) -> [Array; 3] {
    let size = size_of("gru_cell_grad", h);
    check(
        "gru_cell_grad",
        size,
        &[
            ("h", h, 1),
            ("gates", gates, 3),
            ("a1", a1, 3),
            ("gh", gh, 1),
        ],
    );
    let arrays = [gates, a1, h, gh].map(Array::to_contiguous);
    match_dtype!(floats h.dtype(), T => {
        let (rows, pointers) = (h.shape()[0], arrays.each_ref().map(Array::pointer::<T>));
        build([a1.shape(), a1.shape(), h.shape()], |outputs| {
            // SAFETY: shapes are checked, and the results are new.
            unsafe { kernels::gru_grad::<T>(rows, size, pointers, outputs) }
        })
    }, else unreachable!("checked"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::DType;

    pub(super) fn numbers(shape: [usize; 2], seed: u64, dtype: DType) -> Array {
        let mut rng = crate::random::RandomState::new(seed);
        Array::randn_by(&mut rng, shape).to_dtype(dtype)
    }

    fn gate(x: &Array, k: usize, size: usize) -> Array {
        let ids: Vec<i64> = (k * size..(k + 1) * size).map(|i| i as i64).collect();
        x.take(&Array::from_vec(ids, [size]), 1)
    }

    pub(super) fn assert_near(found: &Array, expected: &Array, what: &str) {
        let tolerance = if found.dtype() == DType::F32 {
            1e-5
        } else {
            1e-13
        };
        assert_eq!(
            (found.shape(), found.dtype()),
            (expected.shape(), expected.dtype()),
            "{what}"
        );
        let (found, expected) = (found.to_dtype(DType::F64), expected.to_dtype(DType::F64));
        for (x, y) in found.to_vec::<f64>().iter().zip(expected.to_vec::<f64>()) {
            assert!(
                (x - y).abs() <= tolerance * (1.0 + y.abs()),
                "{what}: {x}, expected {y}"
            );
        }
    }

    /// Sizes around the width of vectors, and enough for several threads.
    const SIZES: [(usize, usize); 6] = [(1, 1), (2, 3), (3, 16), (2, 17), (5, 100), (200, 33)];

    #[test]
    fn lstm_is_its_formula() {
        for (n, size) in SIZES {
            for dtype in [DType::F32, DType::F64] {
                let (a0, a1) = (
                    numbers([n, 4 * size], 1, dtype),
                    numbers([n, 4 * size], 2, dtype),
                );
                let (c, gh, gc) = (
                    numbers([n, size], 3, dtype),
                    numbers([n, size], 4, dtype),
                    numbers([n, size], 5, dtype),
                );
                let step = lstm_cell(&a0, &a1, &c);
                let a = &a0 + &a1;
                let (i, f) = (gate(&a, 0, size).sigmoid(), gate(&a, 1, size).sigmoid());
                let (g, o) = (gate(&a, 2, size).tanh(), gate(&a, 3, size).sigmoid());
                let c1 = &f * &c + &i * &g;
                let t = c1.tanh();
                assert_near(&step.c, &c1, "c");
                assert_near(&step.h, &(&o * &t), "h");
                assert_near(&gate(&step.gates, 2, size), &g, "gates");
                let [ga, g_old] = lstm_cell_grad(&c, &step, &gh, &gc);
                let dc = &gc + &gh * &o * (1.0 - &t * &t);
                assert_near(&g_old, &(&dc * &f), "gc");
                assert_near(&gate(&ga, 0, size), &(&dc * &g * &i * (1.0 - &i)), "gi");
                assert_near(&gate(&ga, 1, size), &(&dc * &c * &f * (1.0 - &f)), "gf");
                assert_near(&gate(&ga, 2, size), &(&dc * &i * (1.0 - &g * &g)), "gg");
                assert_near(&gate(&ga, 3, size), &(&gh * &t * &o * (1.0 - &o)), "go");
            }
        }
    }

    #[test]
    fn gru_is_its_formula() {
        for (n, size) in SIZES {
            for dtype in [DType::F32, DType::F64] {
                let (a0, a1) = (
                    numbers([n, 3 * size], 1, dtype),
                    numbers([n, 3 * size], 2, dtype),
                );
                let (h, gh) = (numbers([n, size], 3, dtype), numbers([n, size], 4, dtype));
                let step = gru_cell(&a0, &a1, &h);
                let a = &a0 + &a1;
                let (r, z) = (gate(&a, 0, size).sigmoid(), gate(&a, 1, size).sigmoid());
                let an = gate(&a1, 2, size);
                let m = (gate(&a0, 2, size) + &r * &an).tanh();
                assert_near(&step.h, &((1.0 - &z) * &m + &z * &h), "h");
                let [ga0, ga1, g_old] = gru_cell_grad(&step.gates, &a1, &h, &gh);
                let gm = &gh * (1.0 - &z) * (1.0 - &m * &m);
                assert_near(&g_old, &(&gh * &z), "gh");
                assert_near(&gate(&ga0, 0, size), &(&gm * &an * &r * (1.0 - &r)), "gr");
                assert_near(
                    &gate(&ga1, 1, size),
                    &(&gh * (&h - &m) * &z * (1.0 - &z)),
                    "gz",
                );
                assert_near(&gate(&ga0, 2, size), &gm, "gn by a0");
                assert_near(&gate(&ga1, 2, size), &(&gm * &r), "gn by a1");
            }
        }
    }

    #[test]
    fn an_empty_batch_is_empty() {
        let zeros = |shape: [usize; 2]| Array::zeros(shape, DType::F32);
        let step = lstm_cell(&zeros([0, 8]), &zeros([0, 8]), &zeros([0, 2]));
        assert_eq!(
            (step.h.shape(), step.gates.shape()),
            (&[0, 2][..], &[0, 8][..])
        );
        assert_eq!(
            gru_cell(&zeros([3, 0]), &zeros([3, 0]), &zeros([3, 0]))
                .h
                .shape(),
            &[3, 0]
        );
    }

    #[test]
    #[should_panic(expected = "lstm_cell: a1 must have shape [2, 12], got [2, 4]")]
    fn refuses_gates_of_another_size() {
        let zeros = |shape: [usize; 2]| Array::zeros(shape, DType::F32);
        lstm_cell(&zeros([2, 12]), &zeros([2, 4]), &zeros([2, 3]));
    }
}

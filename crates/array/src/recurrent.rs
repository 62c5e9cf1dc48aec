//! The gates of recurrent networks: one step of an LSTM or a GRU, and its gradient, in one pass.
//!
//! Rows are samples; a row of pre-activations holds the gates one after the other.

use std::mem::MaybeUninit;

use crate::cpu::lstm_sequence::{Sequence, States};
use crate::cpu::recurrent as kernels;
use crate::{Array, match_dtype};

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

fn start<T>(out: &mut [MaybeUninit<T>]) -> *mut T {
    out.as_mut_ptr().cast()
}

/// Two arrays whose elements one kernel writes.
fn build2<T: crate::Element>(
    shapes: [&[usize]; 2],
    fill: impl FnOnce(&mut [MaybeUninit<T>], &mut [MaybeUninit<T>]),
) -> [Array; 2] {
    let mut second = None;
    let first = Array::build(shapes[0], |x0| {
        second = Some(Array::build(shapes[1], |x1| fill(x0, x1)));
    });
    [first, second.expect("built")]
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
        let mut gates = None;
        let [h, c] = build2(
            [c.shape(), c.shape()],
            |h, c| gates = Some(Array::build(a0.shape(), |gates| {
                // SAFETY: shapes are checked, and the results are new.
                unsafe { kernels::lstm(rows, size, pointers, [h, c, gates].map(start)) };
            })),
        );
        LstmStep { h, c, gates: gates.expect("built") }
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
        build2([gates.shape(), c.shape()], |ga, gc| {
            // SAFETY: shapes are checked, and the results are new.
            unsafe { kernels::lstm_grad(c.shape()[0], size, pointers, [ga, gc].map(start)) }
        })
    }, else unreachable!("checked"))
}

/// What [`lstm_sequence`] computes.
pub struct LstmSteps {
    /// The hidden states, the initial one first: (t + 1, n, size).
    pub hs: Array,
    /// The cell states likewise.
    pub cs: Array,
    /// The gates of each step after their activations, (t, n, 4 size).
    pub gates: Array,
}

/// All steps of an LSTM: [`lstm_cell`] with `a1 = h W` for each step of `a`.
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
    let (sequence, [a, w, h, c]) = check_sequence("lstm_sequence", a, w, h, c);
    let Sequence { steps, rows, size } = sequence;
    let shape = [steps + 1, rows, size];
    match_dtype!(floats c.dtype(), T => {
        let first = |states: &mut [MaybeUninit<T>], initial: &Array| {
            let initial = initial.as_slice::<T>().expect("contiguous");
            for (to, &from) in states.iter_mut().zip(initial) {
                to.write(from);
            }
        };
        let mut gates = None;
        let [hs, cs] = build2([&shape, &shape], |hs, cs| {
            first(hs, &h);
            first(cs, &c);
            gates = Some(Array::build(a.shape(), |gates| {
                let states = States { hs: start(hs), cs: start(cs), gates: start(gates) };
                // SAFETY: shapes are checked, and the results are new.
                unsafe { sequence.forward::<T>(a.pointer(), w.pointer(), &states) };
            }));
        });
        LstmSteps { hs, cs, gates: gates.expect("built") }
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
    states: &LstmSteps,
    w: &Array,
    ghs: &Array,
    gh: &Array,
    gc: &Array,
) -> [Array; 3] {
    let LstmSteps { hs, cs, gates } = states;
    let (sequence, [gates, w, mut gh, mut gc]) =
        check_sequence("lstm_sequence_grad", gates, w, gh, gc);
    let Sequence { steps, rows, size } = sequence;
    for (name, x, steps) in [
        ("hs", hs, steps + 1),
        ("cs", cs, steps + 1),
        ("ghs", ghs, steps),
    ] {
        if *x.shape() != [steps, rows, size] || x.dtype() != w.dtype() {
            panic!(
                "lstm_sequence_grad: {name} must be {} of shape {:?}, got {} {:?}",
                w.dtype(),
                [steps, rows, size],
                x.dtype(),
                x.shape()
            );
        }
    }
    let [hs, cs, ghs] = [hs, cs, ghs].map(Array::to_contiguous);
    let ga = match_dtype!(floats w.dtype(), T => Array::build(gates.shape(), |ga| {
        // The kernel writes to none of the states.
        let [hs, cs, gates] = [&hs, &cs, &gates].map(|x| x.pointer::<T>().cast_mut());
        let states = States { hs, cs, gates };
        let [gh, gc] = [&mut gh, &mut gc].map(|x| x.as_mut_slice::<T>().as_mut_ptr());
        // SAFETY: shapes are checked; `gh` and `gc` were made unique, and `ga` is new.
        unsafe { sequence.backward(w.pointer(), &states, ghs.pointer(), [start(ga), gh, gc]) };
    }), else unreachable!("checked"));
    [ga, gh, gc]
}

/// The sizes of a sequence, whose arrays fit each other, and the arrays in contiguous form.
#[track_caller]
fn check_sequence(
    operation: &str,
    a: &Array,
    w: &Array,
    h: &Array,
    c: &Array,
) -> (Sequence, [Array; 4]) {
    let size = size_of(operation, h);
    let &[steps, rows, _] = a.shape() else {
        panic!(
            "{operation}: a must have shape (t, n, 4 size), got {:?}",
            a.shape()
        );
    };
    check(operation, size, &[("h", h, 1), ("c", c, 1)]);
    for (name, x, shape) in [
        ("a", a, &[steps, h.shape()[0], 4 * size][..]),
        ("w", w, &[size, 4 * size][..]),
    ] {
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
    let sequence = Sequence { steps, rows, size };
    (sequence, [a, w, h, c].map(Array::to_contiguous))
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
        let [h, gates] = build2([h.shape(), a0.shape()], |h, gates| {
            // SAFETY: shapes are checked, and the results are new.
            unsafe { kernels::gru(rows, size, pointers, [h, gates].map(start)) }
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
        let mut g_old = None;
        let [ga0, ga1] = build2([a1.shape(), a1.shape()], |ga0, ga1| {
            g_old = Some(Array::build(h.shape(), |g_old| {
                // SAFETY: shapes are checked, and the results are new.
                unsafe { kernels::gru_grad(rows, size, pointers, [ga0, ga1, g_old].map(start)) };
            }));
        });
        [ga0, ga1, g_old.expect("built")]
    }, else unreachable!("checked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    fn numbers(shape: [usize; 2], seed: u64, dtype: DType) -> Array {
        let mut rng = crate::random::RandomState::new(seed);
        Array::randn_by(&mut rng, shape).to_dtype(dtype)
    }

    fn gate(x: &Array, k: usize, size: usize) -> Array {
        let ids: Vec<i64> = (k * size..(k + 1) * size).map(|i| i as i64).collect();
        x.take(&Array::from_vec(ids, [size]), 1)
    }

    fn assert_near(found: &Array, expected: &Array, what: &str) {
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
    fn a_sequence_is_its_steps() {
        // Few samples and many, one thread's work and several's, sizes beyond a pass of the product.
        for (t, n, size) in [(1, 1, 1), (3, 2, 5), (4, 30, 20), (2, 7, 300), (2, 1, 400)] {
            for dtype in [DType::F32, DType::F64] {
                let flat = |rows, columns, seed| numbers([rows, columns], seed, dtype);
                let a = flat(t * n, 4 * size, 1).reshape([t, n, 4 * size]);
                let w = flat(size, 4 * size, 2) * (1.0 / (size as f64).sqrt());
                let (h, c) = (flat(n, size, 3), flat(n, size, 4));
                let found = lstm_sequence(&a, &w, &h, &c);
                let (mut steps, mut last) = (Vec::new(), (h.clone(), c.clone()));
                for i in 0..t {
                    let step = lstm_cell(&a.get(i), &last.0.matmul(&w), &last.1);
                    last = (step.h.clone(), step.c.clone());
                    assert_near(&found.hs.get(i + 1), &last.0, "h");
                    assert_near(&found.cs.get(i + 1), &last.1, "c");
                    steps.push(step);
                }

                let ghs = flat(t * n, size, 5).reshape([t, n, size]);
                let (mut gh, mut gc) = (flat(n, size, 6), flat(n, size, 7));
                let [ga, gh0, gc0] = lstm_sequence_grad(&found, &w, &ghs, &gh, &gc);
                for (i, step) in steps.iter().enumerate().rev() {
                    let [expected, old] =
                        lstm_cell_grad(&found.cs.get(i), step, &(gh + ghs.get(i)), &gc);
                    assert_near(&ga.get(i), &expected, "ga");
                    (gh, gc) = (expected.matmul(&w.transpose()), old);
                }
                assert_near(&gh0, &gh, "gh");
                assert_near(&gc0, &gc, "gc");
            }
        }
    }

    #[test]
    fn an_empty_batch_is_empty() {
        let zeros = |shape: [usize; 3]| Array::zeros(shape, DType::F32);
        let (w, none) = (
            Array::zeros([2, 8], DType::F32),
            Array::zeros([0, 2], DType::F32),
        );
        let steps = lstm_sequence(&zeros([3, 0, 8]), &w, &none, &none);
        assert_eq!(steps.hs.shape(), &[4, 0, 2]);
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

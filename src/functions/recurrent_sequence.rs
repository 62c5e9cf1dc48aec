//! Whole sequences of recurrent networks: one kernel for all steps, forward and backward.
//!
//! Each has a twin in steps, which computes the same and can be differentiated again.

use dezero_array::recurrent::{self, GruSteps, LstmSteps};
use dezero_array::{Array, DType, Shape};

use super::join::{split, stack};
use super::linear::linear;
use super::recurrent::{gru_cell, lstm_cell};
use super::unary::Identity;
use crate::apply::{apply, apply_unary};
use crate::backprop::grad_with;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

/// The steps of a sequence: xs (t, n, …) as t variables of shape (n, …).
#[track_caller]
pub(crate) fn steps(xs: &Variable) -> Vec<Variable> {
    let shape = xs.shape();
    let step = Shape::from_slice(&shape[1..]);
    let parts = split(xs, shape[0], 0).into_iter();
    parts.map(|x| x.reshape(&step[..])).collect()
}

/// The gradients of a sequence from its computation in steps, `twin`, each of which can be differentiated again.
///
/// It starts from variables of its own: h may depend on W too, by an earlier sequence, and that path is not this
/// function's.
#[track_caller]
fn by_steps<const I: usize, const O: usize>(
    context: &Backward<'_>,
    twin: impl FnOnce(&[Variable; I]) -> [Variable; O],
) -> Gradients {
    let inputs: [Variable; I] = std::array::from_fn(|i| apply_unary(Identity, &context.input(i)));
    let gys: [Variable; O] = std::array::from_fn(|i| context.gy(i));
    let ys = twin(&inputs);
    let (ys, inputs) = (ys.each_ref(), inputs.each_ref());
    grad_with(&ys, &inputs, Some(&gys.each_ref()), true).into()
}

/// All hidden states and the last one, from the steps of `a` and the step from one hidden state to the next.
#[track_caller]
fn hidden_states(
    a: &Variable,
    h: &Variable,
    mut step: impl FnMut(Variable, Variable) -> Variable,
) -> [Variable; 2] {
    let (mut h, mut hs) = (h.clone(), Vec::new());
    for a in steps(a) {
        h = step(a, h);
        hs.push(h.clone());
    }
    [stack(&hs.iter().collect::<Vec<_>>(), 0), h]
}

/// The gradient of W, by one product over all steps: of the hidden states before each step, `hs` being all and the last
/// one, and the gradients of what they became.
fn weight_gradient(hs: &Array, ga: &Array) -> Variable {
    let old = hs.get(..ga.shape()[0]);
    rows(&old).transpose().matmul(&rows(ga)).into()
}

/// (t, n, …) as (t n, …).
fn rows(x: &Array) -> Array {
    let shape = x.shape();
    x.reshape([shape[0] * shape[1], shape[2]])
}

/// h W at each step: as many rows as the inputs' share has.
fn multiply_adds(xs: &[Array]) -> u64 {
    (xs[0].size() * xs[1].shape()[0]) as u64
}

/// The inputs in one type, which the parameters' gradients leave again; `a` holds at least one step.
#[track_caller]
fn operands<const I: usize>(
    operation: &str,
    gates: &str,
    mut inputs: [Variable; I],
) -> [Variable; I] {
    let dtypes = inputs.each_ref().map(Variable::dtype);
    let dtype = dtypes
        .into_iter()
        .reduce(DType::promote)
        .expect("some")
        .to_float();
    for x in &mut inputs {
        if x.dtype() != dtype {
            *x = x.to_dtype(dtype);
        }
    }
    let a = &inputs[0];
    if a.ndim() != 3 || a.len() == 0 {
        panic!(
            "{operation}: a must have shape (t, n, {gates}size) with at least one step, got {:?}",
            &a.shape()[..]
        );
    }
    inputs
}

#[track_caller]
fn outputs<const O: usize>(
    function: impl Function + 'static,
    inputs: &[&Variable],
) -> [Variable; O] {
    let mut ys = apply(function, inputs).into_iter();
    std::array::from_fn(|_| ys.next().expect("as many outputs"))
}

/// Inputs: a (t, n, 4 size), W, h, c. Outputs: all hidden states, the last one, and the last c.
struct LstmSequence {
    /// What the steps computed, for first-order passes.
    steps: Option<LstmSteps>,
}

impl Function for LstmSequence {
    fn name(&self) -> &'static str {
        "lstm_sequence"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let [a, w, h, c] = xs else {
            unreachable!("four inputs")
        };
        let steps = recurrent::lstm_sequence(a, w, h, c);
        let t = a.shape()[0];
        let ys = [steps.hs.get(1..), steps.hs.get(t), steps.cs.get(t)];
        self.steps = Some(steps);
        Outputs::from_iter(ys)
    }

    fn multiply_adds(&self, xs: &[Array], _: &[Array]) -> u64 {
        multiply_adds(xs)
    }

    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::INPUTS
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        if context.creates_graph() {
            return by_steps(context, |[a, w, h, c]| {
                let mut c = c.clone();
                let [hs, h] = hidden_states(a, h, |a, h| {
                    let (h, next) = lstm_cell(a, h.matmul(w), &c);
                    c = next;
                    h
                });
                [hs, h, c]
            });
        }
        let [ghs, gh, gc] = [0, 1, 2].map(|i| context.gy(i).data());
        let (steps, w) = (
            self.steps.as_ref().expect("forward ran"),
            context.input_data(1),
        );
        let [ga, gh, gc] = recurrent::lstm_sequence_grad(steps, w, &ghs, &gh, &gc);
        let gw = (context.needs_grad(1)).then(|| weight_gradient(&steps.hs, &ga));
        [Some(ga.into()), gw, Some(gh.into()), Some(gc.into())].into()
    }
}

/// All steps of an LSTM: [`lstm_cell`] with `a1 = h W` for each step of `a`. Returns (hidden states
/// after each step, the last one, the last cell state).
///
/// Shapes: `a` (from the inputs) is (t, n, 4 size), W (size, 4 size), `h` and `c` (n, size); the
/// hidden states are (t, n, size).
///
/// ```
/// use dezero::{Array, DType, functions};
/// let (a, w) = (Array::zeros([3, 1, 8], DType::F64), Array::zeros([2, 8], DType::F64));
/// let (h, c) = (Array::new([[0.0, 0.0]]), Array::new([[8.0, 16.0]]));
/// let (hs, _, c) = functions::lstm_sequence(a, w, h, c);
/// assert_eq!(&hs.shape()[..], &[3, 1, 2]);
/// assert_eq!(c.data().to_vec::<f64>(), [1.0, 2.0]); // half of it is remembered at each step
/// ```
///
/// # Panics
/// If shapes or dtypes do not fit, or the sequence is empty.
#[track_caller]
pub fn lstm_sequence(
    a: impl AsVariable,
    w: impl AsVariable,
    h: impl AsVariable,
    c: impl AsVariable,
) -> (Variable, Variable, Variable) {
    let inputs = [
        a.as_variable(),
        w.as_variable(),
        h.as_variable(),
        c.as_variable(),
    ];
    let inputs = operands("lstm_sequence", "4 ", inputs);
    let [hs, h, c] = outputs(LstmSequence { steps: None }, &inputs.each_ref());
    (hs, h, c)
}

/// Inputs: a (t, n, 3 size), W, b, h. Outputs: all hidden states, and the last one.
struct GruSequence {
    /// What the steps computed, for first-order passes.
    steps: Option<GruSteps>,
}

impl Function for GruSequence {
    fn name(&self) -> &'static str {
        "gru_sequence"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let [a, w, b, h] = xs else {
            unreachable!("four inputs")
        };
        let steps = recurrent::gru_sequence(a, w, b, h);
        let ys = [steps.hs.get(1..), steps.hs.get(a.shape()[0])];
        self.steps = Some(steps);
        Outputs::from_iter(ys)
    }

    fn multiply_adds(&self, xs: &[Array], _: &[Array]) -> u64 {
        multiply_adds(xs)
    }

    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::INPUTS
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        if context.creates_graph() {
            return by_steps(context, |[a, w, b, h]| {
                hidden_states(a, h, |a, h| gru_cell(a, linear(&h, w, Some(b)), &h))
            });
        }
        let [ghs, gh] = [0, 1].map(|i| context.gy(i).data());
        let (steps, w) = (
            self.steps.as_ref().expect("forward ran"),
            context.input_data(1),
        );
        let [ga, ga1, gh] = recurrent::gru_sequence_grad(steps, w, &ghs, &gh);
        let gw = (context.needs_grad(1)).then(|| weight_gradient(&steps.hs, &ga1));
        let gb = (context.needs_grad(2)).then(|| ga1.sum_to([ga1.shape()[2]]).into());
        [Some(ga.into()), gw, gb, Some(gh.into())].into()
    }
}

/// All steps of a GRU: [`gru_cell`] with `a1 = h W + b` for each step of `a`. Returns (hidden states after each step,
/// the last one).
///
/// Shapes: `a` (from the inputs) is (t, n, 3 size), W (size, 3 size), `b` (3 size), `h` (n, size); the hidden states are
/// (t, n, size).
///
/// ```
/// use dezero::{Array, DType, functions};
/// let (a, w) = (Array::zeros([3, 1, 6], DType::F64), Array::zeros([2, 6], DType::F64));
/// let (b, h) = (Array::zeros([6], DType::F64), Array::new([[8.0, 16.0]]));
/// let (hs, h) = functions::gru_sequence(a, w, b, h);
/// assert_eq!(&hs.shape()[..], &[3, 1, 2]);
/// assert_eq!(h.data().to_vec::<f64>(), [1.0, 2.0]); // half of it is remembered at each step
/// ```
///
/// # Panics
/// If shapes or dtypes do not fit, or the sequence is empty.
#[track_caller]
pub fn gru_sequence(
    a: impl AsVariable,
    w: impl AsVariable,
    b: impl AsVariable,
    h: impl AsVariable,
) -> (Variable, Variable) {
    let inputs = [
        a.as_variable(),
        w.as_variable(),
        b.as_variable(),
        h.as_variable(),
    ];
    let inputs = operands("gru_sequence", "3 ", inputs);
    let [hs, h] = outputs(GruSequence { steps: None }, &inputs.each_ref());
    (hs, h)
}

/// Inputs: a (t, n, size), W, h. Outputs: all hidden states, and the last one.
struct RnnSequence {
    /// The hidden states, the initial one first, for first-order passes.
    hs: Option<Array>,
}

impl Function for RnnSequence {
    fn name(&self) -> &'static str {
        "rnn_sequence"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let hs = recurrent::rnn_sequence(&xs[0], &xs[1], &xs[2]);
        let ys = [hs.get(1..), hs.get(xs[0].shape()[0])];
        self.hs = Some(hs);
        Outputs::from_iter(ys)
    }

    fn multiply_adds(&self, xs: &[Array], _: &[Array]) -> u64 {
        multiply_adds(xs)
    }

    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::INPUTS
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        if context.creates_graph() {
            return by_steps(context, |[a, w, h]| {
                hidden_states(a, h, |a, h| (a + h.matmul(w)).tanh())
            });
        }
        let [ghs, gh] = [0, 1].map(|i| context.gy(i).data());
        let hs = self.hs.as_ref().expect("forward ran");
        let [ga, gh] = recurrent::rnn_sequence_grad(hs, context.input_data(1), &ghs, &gh);
        let gw = (context.needs_grad(1)).then(|| weight_gradient(hs, &ga));
        [Some(ga.into()), gw, Some(gh.into())].into()
    }
}

/// All steps of the network of the book, h' = tanh(a + h W), for each step of `a`. Returns (hidden states after each
/// step, the last one).
///
/// Shapes: `a` (from the inputs) is (t, n, size), W (size, size), `h` (n, size); the hidden states are (t, n, size).
///
/// ```
/// use dezero::{Array, functions};
/// let (a, w) = (Array::new([[[0.5]], [[-1.0]]]), Array::new([[0.0]]));
/// let (hs, h) = functions::rnn_sequence(a, w, Array::new([[9.0]]));
/// assert_eq!(hs.data().to_vec::<f64>(), [0.5f64.tanh(), -(1f64.tanh())]);
/// assert_eq!(h.item(), -(1f64.tanh()));
/// ```
///
/// # Panics
/// If shapes or dtypes do not fit, or the sequence is empty.
#[track_caller]
pub fn rnn_sequence(
    a: impl AsVariable,
    w: impl AsVariable,
    h: impl AsVariable,
) -> (Variable, Variable) {
    let inputs = [a.as_variable(), w.as_variable(), h.as_variable()];
    let inputs = operands("rnn_sequence", "", inputs);
    let [hs, h] = outputs(RnnSequence { hs: None }, &inputs.each_ref());
    (hs, h)
}

#[cfg(test)]
mod tests {
    use crate::{functions, gradient_check};

    const ROWS: [[f64; 8]; 6] = [
        [0.5, -1.0, 0.3, 0.8, -0.2, 1.5, 0.1, -0.7],
        [1.1, 0.4, -0.6, 0.2, 0.9, -1.2, 0.7, 0.0],
        [-0.3, 0.6, 1.3, -0.9, 0.0, 0.5, -1.1, 0.2],
        [0.2, 0.3, -0.5, 0.1, 0.7, -0.4, 0.6, 0.9],
        [-0.8, 0.0, 0.4, 0.5, -0.1, 0.2, 0.3, -0.6],
        [0.1, -0.2, 0.7, 0.3, 1.0, -0.5, 0.4, 0.8],
    ];
    const W: [[f64; 8]; 2] = [ROWS[3], ROWS[1]];
    const H: [[f64; 2]; 2] = [[0.4, -0.9], [1.2, 0.3]];
    const C: [[f64; 2]; 2] = [[-0.5, 0.2], [0.0, 0.7]];

    /// The first columns of the rows, as three steps of two samples.
    fn a<const K: usize>() -> [[[f64; K]; 2]; 3] {
        std::array::from_fn(|t| {
            std::array::from_fn(|i| std::array::from_fn(|k| ROWS[2 * t + i][k]))
        })
    }

    fn w<const K: usize>() -> [[f64; K]; 2] {
        W.map(|row| std::array::from_fn(|k| row[k]))
    }

    gradient_check!(
        lstm_sequence,
        |a, w, h, c| functions::lstm_sequence(a, w, h, c).0,
        (a::<8>()),
        W,
        H,
        C
    );
    gradient_check!(lstm_sequence_states: lstm_sequence, |a, w, h, c| { let (hs, h, c) = functions::lstm_sequence(a, w, h, c); hs * h - c }, (a::<8>()), W, H, C);
    // The state of the second sequence depends on the weights as well.
    gradient_check!(lstm_sequence_twice: lstm_sequence, |a, w, h, c| { let (_, h, c) = functions::lstm_sequence(a, w, h, c); functions::lstm_sequence(a, w, h, c).0 }, (a::<8>()), W, H, C);

    const B: [f64; 6] = [0.3, -0.1, 0.5, 0.0, -0.6, 0.2];

    gradient_check!(
        gru_sequence,
        |a, w, b, h| functions::gru_sequence(a, w, b, h).0,
        (a::<6>()),
        (w::<6>()),
        B,
        H
    );
    gradient_check!(gru_sequence_states: gru_sequence, |a, w, b, h| { let (hs, h) = functions::gru_sequence(a, w, b, h); hs * h }, (a::<6>()), (w::<6>()), B, H);
    gradient_check!(gru_sequence_twice: gru_sequence, |a, w, b, h| { let (_, h) = functions::gru_sequence(a, w, b, h); functions::gru_sequence(a, w, b, h).0 }, (a::<6>()), (w::<6>()), B, H);
    // One sample, one unit, one step.
    gradient_check!(gru_sequence_small: gru_sequence, |a, w, b, h| functions::gru_sequence(a, w, b, h).0, [[[0.5, -1.0, 0.3]]], [[0.2, 0.7, -0.4]], [0.1, -0.2, 0.3], [[0.9]]);

    gradient_check!(
        rnn_sequence,
        |a, w, h| functions::rnn_sequence(a, w, h).0,
        (a::<2>()),
        (w::<2>()),
        H
    );
    gradient_check!(rnn_sequence_states: rnn_sequence, |a, w, h| { let (hs, h) = functions::rnn_sequence(a, w, h); hs * h }, (a::<2>()), (w::<2>()), H);
    gradient_check!(rnn_sequence_twice: rnn_sequence, |a, w, h| { let (_, h) = functions::rnn_sequence(a, w, h); functions::rnn_sequence(a, w, h).0 }, (a::<2>()), (w::<2>()), H);
    gradient_check!(rnn_sequence_small: rnn_sequence, |a, w, h| functions::rnn_sequence(a, w, h).0, [[[0.5]]], [[0.2]], [[0.9]]);

    #[test]
    #[should_panic(
        expected = "rnn_sequence: a must have shape (t, n, size) with at least one step, got [2, 2]"
    )]
    fn refuses_a_single_step() {
        functions::rnn_sequence(
            crate::Array::new(H),
            crate::Array::new(H),
            crate::Array::new(H),
        );
    }
}

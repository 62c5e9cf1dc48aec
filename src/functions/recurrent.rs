//! Steps of recurrent networks.

use dezero_array::recurrent::{self, LstmStep, LstmSteps};
use dezero_array::{Array, DType, Shape};

use super::join::{concatenate, split, stack};
use super::unary::Identity;
use crate::apply::{apply, apply_unary};
use crate::backprop::grad_with;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

/// Inputs: a0, a1, c. Outputs: h', c', and the activated gates, which only the backward reads.
struct LstmCell;

impl Function for LstmCell {
    fn name(&self) -> &'static str {
        "lstm_cell"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let LstmStep { h, c, gates } = recurrent::lstm_cell(&xs[0], &xs[1], &xs[2]);
        Outputs::from_iter([h, c, gates])
    }

    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::input(2).and(Keep::output(1)).and(Keep::output(2))
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let (old_c, c, gates) = (context.input(2), context.output(1), context.output(2));
        let (gh, gc) = (context.gy(0), context.gy(1));
        // The gates get a gradient only where a gradient is differentiated.
        if !context.creates_graph() && !context.has_gy(2) {
            let step = LstmStep {
                h: Array::zeros([0], gates.dtype()),
                c: c.data(),
                gates: gates.data(),
            };
            let [ga, gc] = recurrent::lstm_cell_grad(&old_c.data(), &step, &gh.data(), &gc.data());
            let ga = Variable::constant(ga);
            return [ga.clone(), ga, Variable::constant(gc)].into();
        }
        let [i, f, g, o] = parts(&gates);
        let [di, df, dg, d_o] = parts(&context.gy(2));
        let t = c.tanh();
        let dc = gc + &gh * &o * (1.0 - &t * &t);
        let ga = concatenate(
            &[
                &((di + &dc * &g) * &i * (1.0 - &i)),
                &((df + &dc * &old_c) * &f * (1.0 - &f)),
                &((dg + &dc * &i) * (1.0 - &g * &g)),
                &((d_o + gh * t) * &o * (1.0 - &o)),
            ],
            1,
        );
        [ga.clone(), ga, dc * f].into()
    }
}

/// The gates that lie one after the other in each row.
#[track_caller]
fn parts<const K: usize>(gates: &Variable) -> [Variable; K] {
    let parts = split(gates, K, 1);
    parts.try_into().expect("as many as asked for")
}

/// One step of an LSTM after its matrix products: with the gates i, f, g, o of `a0 + a1`,
///
/// c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'). Returns (h', c').
///
/// Shapes: `a0` (from the input) and `a1` (from the hidden state) are (n, 4 size), `c` is
/// (n, size), as are both results.
///
/// ```
/// use dezero::{Array, DType, Variable, functions};
/// let a = Array::zeros([1, 8], DType::F64);
/// let (h, c) = functions::lstm_cell(&a, &a, Array::new([[1.0, 2.0]]));
/// assert_eq!(c.data().to_vec::<f64>(), [0.5, 1.0]);
/// assert_eq!(h.data().to_vec::<f64>()[0], 0.5 * 0.5f64.tanh());
/// ```
///
/// # Panics
/// If shapes or dtypes do not fit.
#[track_caller]
pub fn lstm_cell(
    a0: impl AsVariable,
    a1: impl AsVariable,
    c: impl AsVariable,
) -> (Variable, Variable) {
    let (a0, a1, c) = (a0.as_variable(), a1.as_variable(), c.as_variable());
    let mut ys = apply(LstmCell, &[&a0, &a1, &c]).into_iter();
    let (h, c) = (ys.next(), ys.next());
    (h.expect("h"), c.expect("c"))
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
        // h W at each step: as many rows as the inputs' share has.
        (xs[0].size() * xs[1].shape()[0]) as u64
    }

    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::INPUTS
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gys = [context.gy(0), context.gy(1), context.gy(2)];
        if !context.creates_graph() {
            return self.first_order(context, &gys);
        }
        // The same computation in steps, each of which can be differentiated again. It starts from
        // variables of its own: h may depend on W too, by an earlier sequence, and that path is
        // not this function's.
        let inputs = [0, 1, 2, 3].map(|i| apply_unary(Identity, &context.input(i)));
        let [a, w, h, c] = &inputs;
        let (mut h, mut c) = (h.clone(), c.clone());
        let mut hs = Vec::new();
        for a in steps(a) {
            (h, c) = lstm_cell(a, h.matmul(w), c);
            hs.push(h.clone());
        }
        let hs = stack(&hs.iter().collect::<Vec<_>>(), 0);
        let seeds = gys.each_ref();
        grad_with(&[&hs, &h, &c], &inputs.each_ref(), Some(&seeds), true).into()
    }
}

impl LstmSequence {
    /// One matrix product for the gradient of W over all steps.
    fn first_order(&self, context: &Backward<'_>, gys: &[Variable; 3]) -> Gradients {
        let (steps, w) = (
            self.steps.as_ref().expect("forward ran"),
            context.input_data(1),
        );
        let [ghs, gh, gc] = gys.each_ref().map(Variable::data);
        let [ga, gh, gc] = recurrent::lstm_sequence_grad(steps, w, &ghs, &gh, &gc);
        let gw = context.needs_grad(1).then(|| {
            let rows = |x: &Array| {
                let shape = x.shape();
                x.reshape([shape[0] * shape[1], shape[2]])
            };
            let old = steps.hs.get(..ga.shape()[0]);
            rows(&old).transpose().matmul(&rows(&ga)).into()
        });
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
    let mut inputs = [
        a.as_variable(),
        w.as_variable(),
        h.as_variable(),
        c.as_variable(),
    ];
    let dtypes = inputs.each_ref().map(Variable::dtype);
    let dtype = dtypes.into_iter().reduce(DType::promote).expect("four");
    for x in &mut inputs {
        // A parameter's gradient comes back in the parameter's type.
        if x.dtype() != dtype {
            *x = x.to_dtype(dtype);
        }
    }
    let [a, w, h, c] = inputs;
    if a.ndim() != 3 || a.len() == 0 {
        panic!(
            "lstm_sequence: a must have shape (t, n, 4 size) with at least one step, got {:?}",
            &a.shape()[..]
        );
    }
    let mut ys = apply(LstmSequence { steps: None }, &[&a, &w, &h, &c]).into_iter();
    let mut next = || ys.next().expect("three outputs");
    (next(), next(), next())
}

/// Inputs: a0, a1, h. Outputs: h', and the activated gates, which only the backward reads.
struct GruCell;

impl Function for GruCell {
    fn name(&self) -> &'static str {
        "gru_cell"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let step = recurrent::gru_cell(&xs[0], &xs[1], &xs[2]);
        Outputs::from_iter([step.h, step.gates])
    }

    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::input(1).and(Keep::input(2)).and(Keep::output(1))
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let (a1, h, gates) = (context.input(1), context.input(2), context.output(1));
        let gh = context.gy(0);
        if !context.creates_graph() && !context.has_gy(1) {
            let (gates, a1, h, gh) = (gates.data(), a1.data(), h.data(), gh.data());
            return recurrent::gru_cell_grad(&gates, &a1, &h, &gh)
                .map(Variable::constant)
                .into();
        }
        let [r, z, n] = parts(&gates);
        let [dr, dz, dn] = parts(&context.gy(1));
        let [_, _, by_state] = parts(&a1);
        let gn = (dn + &gh * (1.0 - &z)) * (1.0 - &n * &n);
        let gr = (dr + &gn * by_state) * &r * (1.0 - &r);
        let gz = (dz + &gh * (&h - &n)) * &z * (1.0 - &z);
        let ga0 = concatenate(&[&gr, &gz, &gn], 1);
        let ga1 = concatenate(&[&gr, &gz, &(gn * r)], 1);
        [ga0, ga1, gh * z].into()
    }
}

/// One step of a GRU after its matrix products: with the gates r, z of `a0 + a1` and
/// n = tanh(a0ₙ + σ(r) a1ₙ),
///
/// h' = (1 - σ(z)) n + σ(z) h.
///
/// Shapes: `a0` (from the input) and `a1` (from the hidden state) are (n, 3 size), `h` and the
/// result are (n, size).
///
/// ```
/// use dezero::{Array, DType, Variable, functions};
/// let a = Array::zeros([1, 6], DType::F64);
/// let h = functions::gru_cell(&a, &a, Array::new([[1.0, 2.0]]));
/// assert_eq!(h.data().to_vec::<f64>(), [0.5, 1.0]); // half old, half new, which is 0
/// ```
///
/// # Panics
/// If shapes or dtypes do not fit.
#[track_caller]
pub fn gru_cell(a0: impl AsVariable, a1: impl AsVariable, h: impl AsVariable) -> Variable {
    let (a0, a1, h) = (a0.as_variable(), a1.as_variable(), h.as_variable());
    let mut ys = apply(GruCell, &[&a0, &a1, &h]).into_iter();
    ys.next().expect("h")
}

/// The steps of a sequence: xs (t, n, …) as t variables of shape (n, …).
#[track_caller]
pub(crate) fn steps(xs: &Variable) -> Vec<Variable> {
    let shape = xs.shape();
    let step = Shape::from_slice(&shape[1..]);
    let parts = split(xs, shape[0], 0).into_iter();
    parts.map(|x| x.reshape(&step[..])).collect()
}

#[cfg(test)]
mod tests {
    use crate::{functions, gradient_check};

    const A: [[f64; 8]; 3] = [
        [0.5, -1.0, 0.3, 0.8, -0.2, 1.5, 0.1, -0.7],
        [1.1, 0.4, -0.6, 0.2, 0.9, -1.2, 0.7, 0.0],
        [-0.3, 0.6, 1.3, -0.9, 0.0, 0.5, -1.1, 0.2],
    ];
    const B: [[f64; 8]; 3] = [
        [0.2, 0.3, -0.5, 0.1, 0.7, -0.4, 0.6, 0.9],
        [-0.8, 0.0, 0.4, 0.5, -0.1, 0.2, 0.3, -0.6],
        [0.1, -0.2, 0.7, 0.3, 1.0, -0.5, 0.4, 0.8],
    ];
    const STATE: [[f64; 2]; 3] = [[0.4, -0.9], [1.2, 0.3], [0.0, 0.7]];
    const A3: [[f64; 6]; 3] = [
        [0.5, -1.0, 0.3, 0.8, -0.2, 1.5],
        [1.1, 0.4, -0.6, 0.2, 0.9, -1.2],
        [-0.3, 0.6, 1.3, -0.9, 0.0, 0.5],
    ];
    const B3: [[f64; 6]; 3] = [
        [0.2, 0.3, -0.5, 0.1, 0.7, -0.4],
        [-0.8, 0.0, 0.4, 0.5, -0.1, 0.2],
        [0.1, -0.2, 0.7, 0.3, 1.0, -0.5],
    ];

    gradient_check!(
        lstm_cell,
        |a, b, c| {
            let (h, c) = functions::lstm_cell(a, b, c);
            h * 2.0 - c
        },
        A,
        B,
        STATE
    );
    gradient_check!(lstm_cell_h: lstm_cell, |a, b, c| functions::lstm_cell(a, b, c).0, A, B, STATE);
    gradient_check!(lstm_cell_c: lstm_cell, |a, b, c| functions::lstm_cell(a, b, c).1, A, B, STATE);
    gradient_check!(
        gru_cell,
        |a, b, h| functions::gru_cell(a, b, h),
        A3,
        B3,
        STATE
    );

    const AS: [[[f64; 8]; 2]; 3] = [[A[0], A[1]], [A[2], B[0]], [B[1], B[2]]];
    const W: [[f64; 8]; 2] = [B[0], A[1]];
    const H: [[f64; 2]; 2] = [[0.4, -0.9], [1.2, 0.3]];
    const C: [[f64; 2]; 2] = [[-0.5, 0.2], [0.0, 0.7]];

    gradient_check!(
        lstm_sequence,
        |a, w, h, c| functions::lstm_sequence(a, w, h, c).0,
        AS,
        W,
        H,
        C
    );
    gradient_check!(lstm_sequence_states: lstm_sequence, |a, w, h, c| { let (hs, h, c) = functions::lstm_sequence(a, w, h, c); hs * h - c }, AS, W, H, C);
    // The state of the second sequence depends on the weights as well.
    gradient_check!(lstm_sequence_twice: lstm_sequence, |a, w, h, c| { let (_, h, c) = functions::lstm_sequence(a, w, h, c); functions::lstm_sequence(a, w, h, c).0 }, AS, W, H, C);
}

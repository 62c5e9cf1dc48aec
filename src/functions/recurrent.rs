//! Single steps of recurrent networks.

use dezero_array::Array;
use dezero_array::recurrent::{self, LstmStep};

use super::join::{concatenate, split};
use crate::apply::apply;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

/// Inputs: a0, a1, c. Outputs: h', c', and the activated gates, which only the backward reads: recorded, it flows
/// through them, so that they need a place in the graph.
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

/// Inputs: a0, a1, h. Outputs: h', and the activated gates, as those of [`LstmCell`].
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
}

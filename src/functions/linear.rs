//! The affine map of a fully connected layer.

use std::sync::{Arc, OnceLock, Weak};

use dezero_array::Array;
use parking_lot::Mutex;

use super::arithmetic::to_common_dtype;
use crate::apply::apply_one;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

/// Inputs: x, W and, if there is a bias, b.
struct Linear {
    has_bias: bool,
    /// Where several of a graph multiply by the same W.
    turned: Option<Arc<Turned>>,
}

/// A weight and its transpose, once somebody has asked for it.
struct Turned {
    w: Array,
    transposed: OnceLock<Array>,
}

/// Rows of a gradient up to which turning W takes its share of the time of a product.
const FEW_ROWS: usize = 64;

impl Turned {
    /// W transposed, and written out where other nodes will ask for it too.
    fn get(self: &Arc<Turned>, rows: usize) -> Array {
        let is_shared = Arc::strong_count(self) > 1 || self.transposed.get().is_some();
        if !is_shared || rows > FEW_ROWS {
            return self.w.transpose();
        }
        let transposed = || self.w.transpose().to_contiguous();
        self.transposed.get_or_init(transposed).clone()
    }
}

/// The weight of the nodes of a recurrent layer, as long as a graph holds some of them: their backward turns it once and not
/// at each step.
#[derive(Default)]
pub(crate) struct SharedWeight(Mutex<Weak<Turned>>);

impl SharedWeight {
    /// That of the nodes, if they multiply by `w`: while one of them holds it, nobody writes to it in place.
    fn of(&self, w: &Array) -> Arc<Turned> {
        let mut shared = self.0.lock();
        let known = shared.upgrade();
        known
            .filter(|known| known.w.is_same_view(w))
            .unwrap_or_else(|| {
                let new = Arc::new(Turned {
                    w: w.clone(),
                    transposed: OnceLock::new(),
                });
                *shared = Arc::downgrade(&new);
                new
            })
    }
}

impl std::fmt::Debug for SharedWeight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedWeight")
    }
}

impl Function for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        Outputs::from_iter([xs[0].linear(&xs[1], xs.get(2))])
    }

    fn multiply_adds(&self, xs: &[Array], _: &[Array]) -> u64 {
        // Each number of x meets one row of W.
        (xs[0].size() * xs[1].shape()[1]) as u64
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::factors(needs_grad)
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.gy(0);
        if !context.creates_graph() {
            return self.first_order(context, &gy.data());
        }
        let gx = context
            .needs_grad(0)
            .then(|| gy.matmul(context.input(1).transpose()));
        let g_weight = context.needs_grad(1).then(|| {
            let x = context.input(0);
            if x.ndim() == 2 {
                return x.transpose().matmul(&gy);
            }
            // Leading axes are one long batch.
            as_matrix(&x).transpose().matmul(as_matrix(&gy))
        });
        if !self.has_bias {
            return [gx, g_weight].into();
        }
        let g_bias = context.needs_grad(2).then(|| {
            let shape = gy.shape();
            gy.sum_to([shape[shape.len() - 1]])
        });
        [gx, g_weight, g_bias].into()
    }
}

impl Linear {
    fn transposed_weight(&self, context: &Backward<'_>, gy: &Array) -> Array {
        let w = context.input_data(1);
        match &self.turned {
            Some(turned) => turned.get(gy.size() / w.shape()[1].max(1)),
            None => w.transpose(),
        }
    }

    /// The same gradients from arrays: small networks feel each variable that need not be made.
    fn first_order(&self, context: &Backward<'_>, gy: &Array) -> Gradients {
        let gx = context
            .needs_grad(0)
            .then(|| gy.matmul(&self.transposed_weight(context, gy)).into());
        let g_weight = context.needs_grad(1).then(|| {
            let x = context.input_data(0);
            let (last, leading) = x.shape().split_last().expect("at least one axis");
            let rows: usize = leading.iter().product();
            let (x, gy) = (
                x.reshape([rows, *last]),
                gy.reshape([rows, gy.shape()[gy.ndim() - 1]]),
            );
            x.transpose().matmul(&gy).into()
        });
        if !self.has_bias {
            return [gx, g_weight].into();
        }
        let g_bias = context
            .needs_grad(2)
            .then(|| gy.sum_to([gy.shape()[gy.ndim() - 1]]).into());
        [gx, g_weight, g_bias].into()
    }
}

/// (…, n) as (size / n, n).
fn as_matrix(x: &Variable) -> Variable {
    let shape = x.shape();
    let (last, leading) = shape.split_last().expect("at least one axis");
    x.reshape([leading.iter().product(), *last])
}

/// y = x W + b, the affine map of a fully connected layer, or x W where `b` is `None`.
///
/// Shapes: x (…, in), W (in, out), b (out); y is (…, out). PyTorch keeps its weights transposed,
/// (out, in).
///
/// ```
/// use dezero::{Variable, functions};
/// let x = Variable::new([[1.0, 2.0]]);
/// let w = Variable::new([[1.0, 0.0, 2.0], [0.0, 1.0, 2.0]]);
/// let b = Variable::new([0.5, 0.5, 0.5]);
/// let y = functions::linear(&x, &w, Some(&b));
/// assert_eq!(y.data().to_vec::<f64>(), [1.5, 2.5, 6.5]);
/// ```
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn linear(x: impl AsVariable, w: impl AsVariable, b: Option<&Variable>) -> Variable {
    apply_linear(x.as_variable(), w.as_variable(), b, None)
}

/// [`linear`] for a weight that many nodes of a graph multiply by.
#[track_caller]
pub(crate) fn linear_of_shared(
    x: &Variable,
    w: &Variable,
    b: Option<&Variable>,
    shared: &SharedWeight,
) -> Variable {
    apply_linear(x.clone(), w.clone(), b, Some(shared))
}

#[track_caller]
fn apply_linear(
    mut x: Variable,
    mut w: Variable,
    b: Option<&Variable>,
    shared: Option<&SharedWeight>,
) -> Variable {
    let mut b = b.cloned();
    match &mut b {
        Some(b) => to_common_dtype(&mut [&mut x, &mut w, b]),
        None => to_common_dtype(&mut [&mut x, &mut w]),
    }
    let linear = Linear {
        has_bias: b.is_some(),
        turned: shared.map(|shared| shared.of(&w.data())),
    };
    match b {
        Some(b) => apply_one(linear, &[&x, &w, &b]),
        None => apply_one(linear, &[&x, &w]),
    }
}

#[cfg(test)]
mod tests {
    use dezero_array::{Array, DType};

    use super::{SharedWeight, apply_linear};
    use crate::{Variable, functions, gradient_check};

    const X: [[f64; 3]; 2] = [[1.0, -2.0, 0.5], [0.0, 3.0, 1.5]];
    const W: [[f64; 4]; 3] = [
        [0.5, 1.0, -1.0, 2.0],
        [0.3, 0.0, 1.2, -0.7],
        [1.1, -0.4, 0.2, 0.9],
    ];

    gradient_check!(
        linear,
        |x, w, b| functions::linear(x, w, Some(b)),
        X,
        W,
        [0.1, -0.2, 0.3, 0.4]
    );
    gradient_check!(linear_no_bias: linear, |x, w| functions::linear(x, w, None), X, W);
    gradient_check!(linear_row: linear, |x, w, b| functions::linear(x, w, Some(b)), [1.0, 2.0, -1.0], W, [0.1, -0.2, 0.3, 0.4]);
    gradient_check!(linear_batch: linear, |x, w, b| functions::linear(x, w, Some(b)), [[[1.0, 2.0, 3.0]], [[0.5, -1.0, 0.0]]], W, [0.1, -0.2, 0.3, 0.4]);
    gradient_check!(linear_empty: linear, |x, w, b| functions::linear(x, w, Some(b)), (Array::zeros([0, 3], DType::F64)), W, [0.1, -0.2, 0.3, 0.4]);

    /// A step of a recurrent network, three times, and its gradients, by a weight that is shared or not.
    fn gradients(w: &Variable, shared: Option<&SharedWeight>, second: bool) -> [Array; 3] {
        let (x, b) = (Variable::new(X), Variable::new([0.1, -0.2, 0.3]));
        let mut h = x.clone();
        for _ in 0..3 {
            h = apply_linear(h, w.clone(), Some(&b), shared).tanh();
        }
        let inputs = [&x, w, &b];
        let mut gradients = crate::grad(&[&h.sum()], &inputs, second);
        if second {
            let sum = gradients
                .iter()
                .fold(Variable::constant(0.0), |sum, g| sum + g.square().sum());
            gradients = crate::grad(&[&sum], &inputs, false);
        }
        let gradients: Vec<Array> = gradients.iter().map(Variable::data).collect();
        gradients.try_into().expect("three")
    }

    #[test]
    fn a_shared_weight_has_the_same_gradients() {
        let square = [[0.5, 1.0, -1.0], [0.3, 0.0, 1.2], [1.1, -0.4, 0.2]];
        let (w, shared) = (Variable::new(square), SharedWeight::default());
        let one_more = || apply_linear(Variable::new(X), w.clone(), None, Some(&shared));
        for second in [false, true] {
            assert_eq!(
                gradients(&w, Some(&shared), second),
                gradients(&w, None, second)
            );
        }
        // The next graph meets the weight that it has then, whether or not nodes of the one before are left.
        for kept in [None, Some(one_more())] {
            w.update_data(|w| *w += 1.0);
            assert_eq!(
                gradients(&w, Some(&shared), false),
                gradients(&w, None, false)
            );
            drop(kept);
        }
        // A view of the same memory is another weight.
        let before = gradients(&w, Some(&shared), false);
        let kept = one_more();
        let turned = Variable::new(w.data().transpose());
        let found = gradients(&turned, Some(&shared), false);
        assert_eq!(found, gradients(&turned, None, false));
        assert_ne!(found, before);
        drop(kept);
    }

    #[test]
    fn gradients_have_the_types_of_the_parameters() {
        let w = Variable::new([[1.0f32], [2.0]]);
        let b = Variable::new([0.5f32]);
        functions::linear(Array::new([[1.0f64, 2.0]]), &w, Some(&b)).backward();
        assert_eq!(w.grad().unwrap().dtype(), DType::F32);
        assert_eq!(b.grad().unwrap().dtype(), DType::F32);
    }

    #[test]
    #[should_panic(expected = "linear: inner dimensions differ: [1, 2] x [3, 1]")]
    fn refuses_shapes_that_do_not_fit() {
        functions::linear(
            Array::zeros([1, 2], DType::F64),
            Array::zeros([3, 1], DType::F64),
            None,
        );
    }
}

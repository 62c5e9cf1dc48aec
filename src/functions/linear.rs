//! The affine map of a fully connected layer.

use dezero_array::Array;

use super::arithmetic::to_common_dtype;
use crate::apply::apply_one;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

/// Inputs: x, W and, if there is a bias, b.
struct Linear {
    has_bias: bool,
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
    /// The same gradients from arrays: small networks feel each variable that need not be made.
    fn first_order(&self, context: &Backward<'_>, gy: &Array) -> Gradients {
        let gx = context
            .needs_grad(0)
            .then(|| gy.matmul(&context.input_data(1).transpose()).into());
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
    let (mut x, mut w, mut b) = (x.as_variable(), w.as_variable(), b.cloned());
    match &mut b {
        Some(b) => to_common_dtype(&mut [&mut x, &mut w, b]),
        None => to_common_dtype(&mut [&mut x, &mut w]),
    }
    match b {
        Some(b) => apply_one(Linear { has_bias: true }, &[&x, &w, &b]),
        None => apply_one(Linear { has_bias: false }, &[&x, &w]),
    }
}

#[cfg(test)]
mod tests {
    use dezero_array::{Array, DType};

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

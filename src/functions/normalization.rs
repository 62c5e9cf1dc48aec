//! Normalisation.

use dezero_array::{Array, Shape};

use super::arithmetic::to_common_dtype;
use crate::apply::apply_one;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

/// Inputs: x, gamma, beta. Statistics are over the last axes, as many as gamma has.
struct LayerNorm {
    eps: f64,
    gamma: Shape,
    /// The mean and 1 / standard deviation that forward found, for first-order passes.
    statistics: Option<(Array, Array)>,
}

/// The shape of the statistics of `shape`, where the last `axes` axes have size 1.
fn statistics_shape(shape: &[usize], axes: usize) -> Shape {
    let kept = shape.len() - axes;
    (0..shape.len())
        .map(|axis| if axis < kept { shape[axis] } else { 1 })
        .collect()
}

impl Function for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let (y, mean, scale) = xs[0].layer_norm(&xs[1], &xs[2], self.eps);
        self.statistics = Some((mean, scale));
        [y].into()
    }

    fn keeps(&self, _needs_grad: &[bool]) -> Keep {
        Keep::input(0).and(Keep::input(1))
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.gy(0);
        if !context.creates_graph() {
            return self.first_order(context, &gy.data());
        }
        let gamma = &self.gamma;
        let to = statistics_shape(&gy.shape(), gamma.len());
        let count = gamma.iter().product::<usize>() as f64;
        let mean = |x: &Variable| x.sum_to(&to) / count;
        let x = context.input(0);
        let centered = &x - mean(&x);
        let scale = (mean(&centered.square()) + self.eps).sqrt().reciprocal();
        let normalized = centered * &scale;
        let gx = context.needs_grad(0).then(|| {
            let g = &gy * context.input(1);
            let along = mean(&(&g * &normalized));
            (&g - mean(&g) - &normalized * along) * &scale
        });
        let g_gamma = context
            .needs_grad(1)
            .then(|| (&gy * &normalized).sum_to(gamma));
        let g_beta = context.needs_grad(2).then(|| gy.sum_to(gamma));
        [gx, g_gamma, g_beta].into()
    }
}

impl LayerNorm {
    fn first_order(&self, context: &Backward<'_>, gy: &Array) -> Gradients {
        let (mean, scale) = self.statistics.as_ref().expect("set by forward");
        let (x, gamma) = (context.input_data(0), context.input_data(1));
        let gx = context
            .needs_grad(0)
            .then(|| x.layer_norm_grad(gy, gamma, mean, scale).into());
        let g_gamma = context
            .needs_grad(1)
            .then(|| x.layer_norm_grad_gamma(gy, gamma, mean, scale).into());
        let g_beta = context.needs_grad(2).then(|| gy.sum_to(&self.gamma).into());
        [gx, g_gamma, g_beta].into()
    }
}

/// (x - mean) / √(variance + eps) · gamma + beta, where mean and variance are those of the last
/// axes, as many as `gamma` has: the normalisation of transformers.
///
/// Shapes: x (…, n), gamma (n), beta (n), or several last axes instead of the one of size n; the
/// result has the shape of x. PyTorch's `eps` is 1e-5.
///
/// ```
/// use dezero::{Array, Variable, functions};
/// let x = Variable::new([[1.0, 3.0], [-20.0, 20.0]]);
/// let (gamma, beta) = (Array::new([1.0, 2.0]), Array::new([0.0, 1.0]));
/// let y = functions::layer_norm(&x, gamma, beta, 0.0);
/// assert_eq!(y.data().to_vec::<f64>(), [-1.0, 3.0, -1.0, 3.0]);
/// ```
///
/// # Panics
/// If gamma and beta do not both have the shape of the last axes of x.
#[track_caller]
pub fn layer_norm(
    x: impl AsVariable,
    gamma: impl AsVariable,
    beta: impl AsVariable,
    eps: f64,
) -> Variable {
    let (mut x, mut gamma, mut beta) = (x.as_variable(), gamma.as_variable(), beta.as_variable());
    let (shape, own) = (x.shape(), gamma.shape());
    if own.is_empty() || !shape.ends_with(&own) || beta.shape() != own {
        panic!(
            "layer_norm: gamma {:?} and beta {:?} must both have the shape of the last axes of x {:?}",
            &own[..],
            &beta.shape()[..],
            &shape[..]
        );
    }
    to_common_dtype(&mut [&mut x, &mut gamma, &mut beta]);
    apply_one(
        LayerNorm {
            eps,
            gamma: own,
            statistics: None,
        },
        &[&x, &gamma, &beta],
    )
}

#[cfg(test)]
mod tests {
    use dezero_array::{Array, DType};

    use crate::{functions, gradient_check};

    const GAMMA: [f64; 3] = [0.5, -1.0, 2.0];
    const BETA: [f64; 3] = [0.1, 0.0, -0.3];

    gradient_check!(
        layer_norm,
        |x, g, b| functions::layer_norm(x, g, b, 1e-5),
        [[1.0, -2.0, 0.5], [0.1, 3.0, 1.5]],
        GAMMA,
        BETA
    );
    gradient_check!(layer_norm_row: layer_norm, |x, g, b| functions::layer_norm(x, g, b, 1e-2), [1.0, -2.0, 0.5], GAMMA, BETA);
    gradient_check!(layer_norm_ties: layer_norm, |x, g, b| functions::layer_norm(x, g, b, 0.1), [[2.0, 2.0, 2.0], [0.0, 0.0, 1.0]], GAMMA, BETA);
    gradient_check!(layer_norm_two_axes: layer_norm, |x, g, b| functions::layer_norm(x, g, b, 1e-3), [[[1.0, -2.0, 0.5], [0.1, 3.0, 1.5]]], [GAMMA, BETA], [BETA, GAMMA]);
    gradient_check!(layer_norm_empty: layer_norm, |x, g, b| functions::layer_norm(x, g, b, 1e-5), (Array::zeros([0, 3], DType::F64)), GAMMA, BETA);

    #[test]
    #[should_panic(
        expected = "layer_norm: gamma [2] and beta [2] must both have the shape of the last axes of x [2, 3]"
    )]
    fn refuses_shapes_that_do_not_fit() {
        functions::layer_norm(
            Array::zeros([2, 3], DType::F64),
            Array::new([1.0, 2.0]),
            Array::new([1.0, 2.0]),
            1e-5,
        );
    }
}

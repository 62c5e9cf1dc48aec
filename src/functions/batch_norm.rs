//! Normalisation of channels: batch norm and group norm.

use dezero_array::{Array, DType, Shape};

use crate::apply::apply_one;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

/// The shape in which numbers of channels meet (N, C, …).
fn channel_shape(shape: &[usize]) -> Shape {
    let sizes = shape.iter().enumerate();
    sizes
        .map(|(axis, &n)| if axis == 1 { n } else { 1 })
        .collect()
}

/// The sum over all axes but the channels, of shape (C).
#[track_caller]
fn channel_sums(x: &Variable) -> Variable {
    let shape = x.shape();
    x.sum_to(channel_shape(&shape)).reshape([shape[1]])
}

/// Inputs: x, gamma, beta. Mean and variance are those of the channels of x.
struct BatchNorm {
    eps: f64,
    mean: Array,
    /// 1 / √(variance + eps)
    scale: Array,
}

impl BatchNorm {
    /// The gradients by the formulas, in three passes; valid where nobody differentiates them.
    #[track_caller]
    fn first_order(&self, context: &Backward<'_>) -> Gradients {
        let x = context.input_data(0);
        let gy = context.gy(0).data();
        let (g_gamma, g_beta) = x.batch_norm_sums(&gy, &self.mean, &self.scale);
        let gx = context.needs_grad(0).then(|| {
            let count = (x.size() / self.mean.size().max(1)) as f64;
            // gx = gamma scale (gy - mean(gy) - x̂ mean(gy x̂)), with x̂ = (x - mean) scale
            let a = context.input_data(1) * &self.scale;
            let b = -(&a * &g_gamma * &self.scale / count);
            let c = -(&a * &g_beta / count);
            Variable::constant(x.batch_norm_combine(&gy, &self.mean, (&a, &b, &c)))
        });
        [gx, Some(g_gamma.into()), Some(g_beta.into())].into()
    }
}

impl Function for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        Outputs::from_iter([xs[0].channel_affine(&self.mean, &(&self.scale * &xs[1]), &xs[2])])
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::input(0).and(Keep::input(1).when(needs_grad[0]))
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        if !context.creates_graph() {
            return self.first_order(context);
        }
        let (x, gy) = (context.input(0), context.gy(0));
        let to = channel_shape(&x.shape());
        let count = (x.size() / to[1].max(1)) as f64;
        let mean = |x: &Variable| x.sum_to(&to) / count;
        // Statistics depend on x: they are computed anew, in the graph.
        let centered = &x - mean(&x);
        let scale = (mean(&centered.square()) + self.eps).sqrt().reciprocal();
        let normalized = centered * &scale;
        let gx = context.needs_grad(0).then(|| {
            let g = &gy * context.input(1).reshape(&to);
            let along = mean(&(&g * &normalized));
            (&g - mean(&g) - &normalized * along) * &scale
        });
        let g_gamma = context
            .needs_grad(1)
            .then(|| channel_sums(&(&gy * &normalized)));
        let g_beta = context.needs_grad(2).then(|| channel_sums(&gy));
        [gx, g_gamma, g_beta].into()
    }
}

/// Inputs: x, scale, shift; y = (x - mean) · scale + shift with a mean that is not differentiated.
struct ChannelAffine {
    mean: Array,
}

impl Function for ChannelAffine {
    fn name(&self) -> &'static str {
        "channel_affine"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        Outputs::from_iter([xs[0].channel_affine(&self.mean, &xs[1], &xs[2])])
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::factors(needs_grad)
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.gy(0);
        let shape = channel_shape(&gy.shape());
        let gx = context
            .needs_grad(0)
            .then(|| channel_affine(&gy, &self.mean.zeros_like(), &context.input(1), None));
        let g_scale = context.needs_grad(1).then(|| {
            if !context.creates_graph() {
                let ones = self.mean.ones_like();
                let (x, gy) = (context.input_data(0), gy.data());
                return x.batch_norm_sums(&gy, &self.mean, &ones).0.into();
            }
            channel_sums(&(&gy * (context.input(0) - self.mean.reshape(&shape))))
        });
        let g_shift = context.needs_grad(2).then(|| channel_sums(&gy));
        [gx, g_scale, g_shift].into()
    }
}

#[track_caller]
fn channel_affine(
    x: &Variable,
    mean: &Array,
    scale: &Variable,
    shift: Option<&Variable>,
) -> Variable {
    let mean = mean.clone();
    match shift {
        Some(shift) => apply_one(ChannelAffine { mean }, &[x, scale, shift]),
        None => {
            let zeros = Variable::constant(mean.zeros_like());
            apply_one(ChannelAffine { mean }, &[x, scale, &zeros])
        }
    }
}

/// x, gamma and beta in one floating-point type, their shapes checked.
#[track_caller]
fn operands(
    operation: &str,
    x: impl AsVariable,
    gamma: impl AsVariable,
    beta: impl AsVariable,
) -> [Variable; 3] {
    let [x, gamma, beta] = [x.as_variable(), gamma.as_variable(), beta.as_variable()];
    let shape = x.shape();
    if shape.len() < 2 {
        panic!("{operation}: x takes two axes (N, C) or more, got {shape:?}");
    }
    let channels = shape[1];
    if gamma.shape()[..] != [channels] || beta.shape()[..] != [channels] {
        panic!(
            "{operation}: x {shape:?} has {channels} channels, gamma has shape {:?} and beta {:?}",
            gamma.shape(),
            beta.shape()
        );
    }
    let dtype = x.dtype().promote(gamma.dtype()).promote(beta.dtype());
    if !dtype.is_float() {
        panic!("{operation}: takes floats, got {dtype}");
    }
    [cast(x, dtype), cast(gamma, dtype), cast(beta, dtype)]
}

/// A parameter's gradient comes back in the parameter's type.
#[track_caller]
fn cast(x: Variable, dtype: DType) -> Variable {
    if x.dtype() == dtype {
        x
    } else {
        x.to_dtype(dtype)
    }
}

/// What a batch norm found in its batch, for running statistics.
#[derive(Clone, Debug)]
pub struct BatchStatistics {
    /// Mean of each channel.
    pub mean: Array,
    /// Mean squared distance from it (not corrected for its estimation).
    pub var: Array,
    /// How many numbers of each channel there were.
    pub count: usize,
}

/// (x - mean) / √(variance + eps) · gamma + beta with mean and variance of each channel over the batch:
/// batch normalisation in training. The statistics come back too, for a running average.
///
/// Shapes: x (N, C, …), gamma (C), beta (C); the result has the shape of x. The book's `eps` is 2e-5,
/// PyTorch's 1e-5.
///
/// ```
/// use dezero::{Array, Variable, functions};
/// let x = Variable::new([[1.0, 10.0], [3.0, 30.0]]);
/// let (gamma, beta) = (Array::new([1.0, 2.0]), Array::new([0.0, 1.0]));
/// let (y, statistics) = functions::batch_norm(&x, gamma, beta, 0.0);
/// assert_eq!(y.data().to_vec::<f64>(), [-1.0, -1.0, 1.0, 3.0]);
/// assert_eq!(statistics.mean.to_vec::<f64>(), [2.0, 20.0]);
/// ```
///
/// # Panics
/// If there is not more than one number for each channel, or the shapes do not fit.
#[track_caller]
pub fn batch_norm(
    x: impl AsVariable,
    gamma: impl AsVariable,
    beta: impl AsVariable,
    eps: f64,
) -> (Variable, BatchStatistics) {
    let [x, gamma, beta] = operands("batch_norm", x, gamma, beta);
    let shape = x.shape();
    let count = shape[0] * shape[2..].iter().product::<usize>();
    if count < 2 {
        panic!(
            "batch_norm: training takes more than one number for each channel, got x of shape {shape:?}"
        );
    }
    let (mean, var) = x.data().channel_statistics();
    let scale = (&var + eps).sqrt().reciprocal();
    let function = BatchNorm {
        eps,
        mean: mean.clone(),
        scale,
    };
    let y = apply_one(function, &[&x, &gamma, &beta]);
    (y, BatchStatistics { mean, var, count })
}

/// (x - mean) / √(var + eps) · gamma + beta with given mean and variance, which are not
/// differentiated: batch normalisation in tests, with running statistics.
///
/// Shapes: x (N, C, …), the others (C); the result has the shape of x.
///
/// ```
/// use dezero::{Array, functions};
/// let [one, zero] = [Array::new([1.0]), Array::new([0.0])];
/// let y = functions::fixed_batch_norm(Array::new([[5.0]]), &one, &zero, &Array::new([3.0]), &Array::new([4.0]), 0.0);
/// assert_eq!(y.item(), 1.0);
/// ```
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn fixed_batch_norm(
    x: impl AsVariable,
    gamma: impl AsVariable,
    beta: impl AsVariable,
    mean: &Array,
    var: &Array,
    eps: f64,
) -> Variable {
    let [x, gamma, beta] = operands("fixed_batch_norm", x, gamma, beta);
    let (shape, channels) = (x.shape(), gamma.size());
    if *mean.shape() != [channels] || *var.shape() != [channels] {
        panic!(
            "fixed_batch_norm: x {shape:?} has {channels} channels, mean has shape {:?} and var {:?}",
            mean.shape(),
            var.shape()
        );
    }
    let (mean, var) = (mean.to_dtype(x.dtype()), var.to_dtype(x.dtype()));
    let scale = gamma * (var + eps).sqrt().reciprocal();
    channel_affine(&x, &mean, &scale, Some(&beta))
}

/// (x - mean) / √(variance + eps) · gamma + beta with mean and variance of each sample over each of
/// `groups` groups of neighbouring channels.
///
/// Shapes: x (N, C, …), gamma (C), beta (C); the result has the shape of x. One group normalises whole
/// samples, as many groups as channels each plane (instance norm).
///
/// ```
/// use dezero::{Array, Variable, functions};
/// let x = Variable::new([[[1.0], [3.0], [10.0], [30.0]]]);
/// let (gamma, beta) = (Array::new([1.0; 4]), Array::new([0.0, 0.0, 0.0, 5.0]));
/// let y = functions::group_norm(&x, 2, gamma, beta, 0.0);
/// assert_eq!(y.data().to_vec::<f64>(), [-1.0, 1.0, -1.0, 6.0]);
/// ```
///
/// # Panics
/// If the channels do not split into `groups`, or the shapes do not fit.
#[track_caller]
pub fn group_norm(
    x: impl AsVariable,
    groups: usize,
    gamma: impl AsVariable,
    beta: impl AsVariable,
    eps: f64,
) -> Variable {
    let [x, gamma, beta] = operands("group_norm", x, gamma, beta);
    let shape = x.shape();
    let (n, channels) = (shape[0], shape[1]);
    if groups == 0 || !channels.is_multiple_of(groups) {
        panic!("group_norm: {channels} channels of x {shape:?} do not split into {groups} groups");
    }
    if x.size() == 0 {
        // No group has a mean.
        return channel_affine(&x, &gamma.data().zeros_like(), &gamma, Some(&beta));
    }
    // Groups of samples are the channels of one batch norm.
    let planes = x.reshape([1, n * groups, x.size() / (n * groups)]);
    let (mean, var) = planes.data().channel_statistics();
    let function = BatchNorm {
        eps,
        scale: (var + eps).sqrt().reciprocal(),
        mean: mean.clone(),
    };
    let ones = Variable::constant(mean.ones_like());
    let zeros = Variable::constant(mean.zeros_like());
    let normalized = apply_one(function, &[&planes, &ones, &zeros]).reshape(&shape);
    channel_affine(&normalized, &gamma.data().zeros_like(), &gamma, Some(&beta))
}

#[cfg(test)]
mod tests {
    use dezero_array::{Array, DType};

    use crate::{Variable, functions, gradient_check};

    const GAMMA: [f64; 3] = [0.5, -1.0, 2.0];
    const BETA: [f64; 3] = [0.1, 0.0, -0.3];

    fn array<const N: usize>(shape: [usize; N]) -> Array {
        let size = shape.iter().product();
        let numbers = (0..size)
            .map(|i| (0.4 + 2.3 * i as f64).sin() * 2.0)
            .collect();
        Array::from_vec::<f64>(numbers, shape)
    }

    gradient_check!(
        batch_norm,
        |x, g, b| functions::batch_norm(x, g, b, 1e-3).0,
        (array([4, 3])),
        GAMMA,
        BETA
    );
    gradient_check!(batch_norm_images: batch_norm, |x, g, b| functions::batch_norm(x, g, b, 1e-3).0, (array([2, 3, 2, 3])), GAMMA, BETA);
    gradient_check!(batch_norm_sequences: batch_norm, |x, g, b| functions::batch_norm(x, g, b, 1e-3).0, (array([2, 3, 4])), GAMMA, BETA);
    gradient_check!(batch_norm_without_parameters: batch_norm,
        |x| functions::batch_norm(x, Array::new(GAMMA), Array::new(BETA), 1e-3).0, (array([3, 3, 2])));
    gradient_check!(
        fixed_batch_norm,
        |x, g, b| functions::fixed_batch_norm(
            x.pow(2),
            g,
            b,
            &Array::new([0.3, -1.0, 0.5]),
            &Array::new([1.5, 0.2, 3.0]),
            1e-3
        ),
        (array([2, 3, 2, 3])),
        GAMMA,
        BETA
    );
    gradient_check!(
        group_norm,
        |x, g, b| functions::group_norm(x, 2, g, b, 1e-3),
        (array([2, 4, 2, 3])),
        [0.5, -1.0, 2.0, 0.7],
        [0.1, 0.0, -0.3, 1.0]
    );
    gradient_check!(group_norm_one: group_norm, |x, g, b| functions::group_norm(x, 1, g, b, 1e-3), (array([2, 3])), GAMMA, BETA);
    gradient_check!(group_norm_each: group_norm, |x, g, b| functions::group_norm(x, 3, g, b, 1e-3), (array([2, 3, 5])), GAMMA, BETA);
    gradient_check!(group_norm_empty: group_norm, |x, g, b| functions::group_norm(x, 3, g, b, 1e-3), (Array::zeros([0, 3, 5], DType::F64)), GAMMA, BETA);

    #[test]
    fn long_channels_are_normalised_over_threads() {
        let x = Variable::new(array([4, 3, 80, 81]).to_dtype(DType::F32) + 100.0);
        let (gamma, beta) = (Array::new([1.0f32; 3]), Array::new([0.0f32; 3]));
        let (y, statistics) = functions::batch_norm(&x, gamma, beta, 0.0);
        let (mean, var) = y.data().channel_statistics();
        for c in 0..3 {
            assert!(mean.to_vec::<f32>()[c].abs() < 1e-4, "{mean}");
            assert!((var.to_vec::<f32>()[c] - 1.0).abs() < 1e-4, "{var}");
            assert!((statistics.var.to_vec::<f32>()[c] - 2.0).abs() < 0.01);
        }
        assert_eq!(statistics.count, 4 * 80 * 81);
    }

    #[test]
    #[should_panic = "batch_norm: training takes more than one number for each channel, got x of shape [1, 3]"]
    fn refuses_to_train_on_one_number() {
        functions::batch_norm(array([1, 3]), Array::new(GAMMA), Array::new(BETA), 1e-5);
    }

    #[test]
    #[should_panic = "batch_norm: x [2, 4] has 4 channels, gamma has shape [3] and beta [3]"]
    fn refuses_parameters_of_other_channels() {
        functions::batch_norm(array([2, 4]), Array::new(GAMMA), Array::new(BETA), 1e-5);
    }

    #[test]
    #[should_panic = "group_norm: 3 channels of x [2, 3] do not split into 2 groups"]
    fn refuses_groups_that_do_not_divide_the_channels() {
        functions::group_norm(array([2, 3]), 2, Array::new(GAMMA), Array::new(BETA), 1e-5);
    }
}

//! Losses, and the accuracy of a classification.
//!
//! As in the book they sum over everything and divide by the length of the first axis: the mean
//! over the examples of a batch.

use dezero_array::{Array, broadcast_shape};

use super::arithmetic::broadcast_operands;
use crate::apply::{apply_one, apply_unary};
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

/// Examples in a batch: the length of the first axis, 1 without axes.
fn examples(x: &Array) -> f64 {
    x.shape().first().map_or(1.0, |&n| n as f64)
}

/// Σ (x0 - x1)² / n
struct MeanSquaredError {
    /// n; set by forward.
    examples: f64,
}

impl Function for MeanSquaredError {
    fn name(&self) -> &'static str {
        "mean_squared_error"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let difference = &xs[0] - &xs[1];
        self.examples = examples(&difference);
        [difference.sum_of_squares() / self.examples].into()
    }

    fn keeps(&self, _needs_grad: &[bool]) -> Keep {
        Keep::INPUTS
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let scale = context.gy(0) * (2.0 / self.examples);
        let g = (context.input(0) - context.input(1)) * scale;
        both_sides(context, g)
    }
}

/// Operands of which one broadcasts to the shape of the other. Where both would grow, as (n, 1) and (n) do, each
/// prediction would be compared with every target.
#[track_caller]
fn compared(operation: &str, x0: &Variable, x1: &Variable) -> (Variable, Variable) {
    let (shape0, shape1) = (x0.shape(), x1.shape());
    if let Some(both) = broadcast_shape(&shape0, &shape1)
        && both != shape0
        && both != shape1
    {
        panic!(
            "{operation}: shapes {:?} and {:?} would both broadcast, to {:?}; one must have the shape of the result",
            &shape0[..],
            &shape1[..],
            &both[..]
        );
    }
    broadcast_operands(operation, x0, x1)
}

/// The gradients of x0 and x1, where g is that of x0 - x1.
fn both_sides(context: &Backward<'_>, g: Variable) -> Gradients {
    let gx1 = context.needs_grad(1).then(|| -&g);
    [Some(g), gx1].into()
}

/// Mean squared error, Σ (x0 - x1)² / n, where n is the length of the first axis (PyTorch divides
/// by the number of all elements).
///
/// Shapes: those of x0 and x1, or one broadcasts to the other; the result is a scalar.
///
/// ```
/// use dezero::{Variable, functions};
/// let y = Variable::new([[1.0], [2.0]]);
/// let loss = functions::mean_squared_error(&y, dezero::Array::new([[0.0], [4.0]]));
/// loss.backward();
/// assert_eq!(loss.item(), 2.5);
/// assert_eq!(y.grad().unwrap().data().to_vec::<f64>(), [1.0, -2.0]);
/// ```
///
/// # Panics
/// If neither shape broadcasts to the other.
#[track_caller]
pub fn mean_squared_error(x0: impl AsVariable, x1: impl AsVariable) -> Variable {
    let (x0, x1) = compared("mean_squared_error", &x0.as_variable(), &x1.as_variable());
    apply_one(MeanSquaredError { examples: 0.0 }, &[&x0, &x1])
}

/// Σ h(x0 - x1) / n with h(a) = c (a - c / 2), where c = clip(a, -delta, delta) is also h'(a).
struct Huber {
    delta: f64,
    /// n; set by forward.
    examples: f64,
}

impl Function for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let a = &xs[0] - &xs[1];
        self.examples = examples(&a);
        let c = a.clip(-self.delta, self.delta);
        [(&c * (a - &c * 0.5)).sum() / self.examples].into()
    }

    fn keeps(&self, _needs_grad: &[bool]) -> Keep {
        Keep::INPUTS
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let scale = context.gy(0) / self.examples;
        let g = (context.input(0) - context.input(1)).clip(-self.delta, self.delta) * scale;
        both_sides(context, g)
    }
}

/// Huber loss: Σ h(x0 - x1) / n, where n is the length of the first axis and h(a) is a² / 2 for
/// |a| up to `delta`, and delta (|a| - delta / 2) beyond.
///
/// Shapes: those of x0 and x1, or one broadcasts to the other; the result is a scalar.
///
/// ```
/// use dezero::{Variable, functions};
/// let loss = functions::huber(&Variable::new([0.5, 3.0]), 0.0, 1.0);
/// assert_eq!(loss.item(), (0.125 + 2.5) / 2.0);
/// ```
///
/// # Panics
/// If neither shape broadcasts to the other, or `delta` is not positive.
#[track_caller]
pub fn huber(x0: impl AsVariable, x1: impl AsVariable, delta: f64) -> Variable {
    if delta.is_nan() || delta <= 0.0 {
        panic!("huber: delta must be positive, got {delta}");
    }
    let (x0, x1) = compared("huber", &x0.as_variable(), &x1.as_variable());
    apply_one(
        Huber {
            delta,
            examples: 0.0,
        },
        &[&x0, &x1],
    )
}

/// Input: x of shape (n, classes).
struct SoftmaxCrossEntropy {
    labels: Array,
    /// softmax(x), set by forward; x itself is not kept.
    y: Option<Array>,
}

impl Function for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let (loss, y) = xs[0].softmax_cross_entropy(&self.labels);
        self.y = Some(y);
        [loss].into()
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let (y, gy) = (self.y.as_ref().expect("set by forward"), context.gy(0));
        if !context.creates_graph() {
            let gx = y.softmax_cross_entropy_grad(&self.labels, &gy.data());
            return Variable::constant(gx).into();
        }
        let n = self.labels.size();
        let mut one_hot = Array::zeros(y.shape(), y.dtype());
        let ones = Array::ones([n, 1], y.dtype());
        one_hot.scatter_add(1, &self.labels.reshape([n, 1]), &ones);
        // log y differs from x by a number for each row, which softmax does not see.
        let x = context.input_as(0, y.log());
        ((x.softmax(1) - one_hot) * (gy / n as f64)).into()
    }
}

/// Cross entropy of a classification, from scores before the softmax: the mean of
/// -log softmax(x)\[label\] over the examples. Without overflow.
///
/// Shapes: x (n, classes), t (n) int64; the result is a scalar.
///
/// ```
/// use dezero::{Array, Variable, functions};
/// let x = Variable::new([[0.0, 0.0], [800.0, 0.0]]);
/// let loss = functions::softmax_cross_entropy(&x, Array::new([1, 0]));
/// loss.backward();
/// assert_eq!(loss.item(), 2f64.ln() / 2.0);
/// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [0.25, -0.25, 0.0, 0.0]);
/// ```
///
/// # Panics
/// If the shapes or types are not these, or a label is not in 0..classes.
#[track_caller]
pub fn softmax_cross_entropy(x: impl AsVariable, t: impl AsVariable) -> Variable {
    let (x, labels) = (x.as_variable(), t.as_variable().data());
    apply_unary(SoftmaxCrossEntropy { labels, y: None }, &x)
}

/// Σ (softplus(x) - x t) / n, which is the cross entropy of sigmoid(x) without a logarithm of 0.
struct SigmoidCrossEntropy;

impl Function for SigmoidCrossEntropy {
    fn name(&self) -> &'static str {
        "sigmoid_cross_entropy"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let (x, t) = (&xs[0], &xs[1]);
        [(x.softplus() - x * t).sum() / examples(x)].into()
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::input(0).and(Keep::input(1).when(needs_grad[0]))
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let scale = context.gy(0) / examples(context.input_data(0));
        let x = context.input(0);
        let gx = context
            .needs_grad(0)
            .then(|| (x.sigmoid() - context.input(1)) * &scale);
        let gt = context.needs_grad(1).then(|| -(&x * &scale));
        [gx, gt].into()
    }
}

/// Cross entropy of two-way decisions, from scores before the sigmoid:
/// -Σ (t log p + (1 - t) log(1 - p)) / n with p = sigmoid(x), where n is the length of the first
/// axis. Without overflow.
///
/// Shapes: t has the shape of x, or as many elements with another number of axes; the result is a
/// scalar. t may be int64.
///
/// ```
/// use dezero::{Array, Variable, functions};
/// let x = Variable::new([0.0, -800.0]);
/// let loss = functions::sigmoid_cross_entropy(&x, Array::new([1, 1]));
/// assert_eq!(loss.item(), (2f64.ln() + 800.0) / 2.0);
/// ```
///
/// # Panics
/// If t cannot take the shape of x.
#[track_caller]
pub fn sigmoid_cross_entropy(x: impl AsVariable, t: impl AsVariable) -> Variable {
    let (x, t) = targets_like("sigmoid_cross_entropy", x.as_variable(), t.as_variable());
    apply_one(SigmoidCrossEntropy, &[&x, &t])
}

/// `x`, and `t` in its shape and type.
#[track_caller]
fn targets_like(operation: &str, x: Variable, t: Variable) -> (Variable, Variable) {
    let (shape, own) = (x.shape(), t.shape());
    if shape != own && (shape.len() == own.len() || x.size() != t.size()) {
        panic!(
            "{operation}: the targets must have the shape of x {:?}, got {:?}",
            &shape[..],
            &own[..]
        );
    }
    let t = t.reshape(&shape).to_dtype(x.dtype().to_float());
    (x, t)
}

/// Cross entropy of two-way decisions, from probabilities:
/// -Σ (t log p + (1 - t) log(1 - p)) / n, where n is the length of the first axis.
///
/// As in the book, p is clipped to [1e-15, 0.999] first, beyond which the gradient is 0. Where
/// the probabilities come from a sigmoid, [`sigmoid_cross_entropy`] is exact and faster.
///
/// Shapes: as in [`sigmoid_cross_entropy`].
///
/// ```
/// use dezero::{Array, Variable, functions};
/// let p = Variable::new([0.5, 0.25]);
/// let loss = functions::binary_cross_entropy(&p, Array::new([1, 0]));
/// assert!((loss.item() - (2f64.ln() - 0.75f64.ln()) / 2.0).abs() < 1e-15);
/// ```
///
/// # Panics
/// If t cannot take the shape of p.
#[track_caller]
pub fn binary_cross_entropy(p: impl AsVariable, t: impl AsVariable) -> Variable {
    let (p, t) = targets_like("binary_cross_entropy", p.as_variable(), t.as_variable());
    let n = examples(&p.data());
    let p = p.clip(1e-15, 0.999);
    (&t * p.log() + (1.0 - &t) * (1.0 - p).log()).sum() / -n
}

/// The share of rows of `y` whose largest element is at the label: a number, without a gradient.
///
/// Shapes: y (n, classes), t (n) int64; the result is a scalar.
///
/// ```
/// use dezero::{Array, Variable, functions};
/// let y = Variable::new([[0.2, 0.8, 0.0], [0.9, 0.1, 0.0], [0.8, 0.1, 0.1]]);
/// let accuracy = functions::accuracy(&y, Array::new([1, 2, 0]));
/// assert_eq!(accuracy.item(), 2.0 / 3.0);
/// ```
///
/// # Panics
/// If the shapes are not these.
#[track_caller]
pub fn accuracy(y: impl AsVariable, t: impl AsVariable) -> Variable {
    let (y, t) = (y.as_variable().data(), t.as_variable().data());
    let &[n, _] = y.shape() else {
        panic!(
            "accuracy: y takes shape (examples, classes), got {:?}",
            y.shape()
        );
    };
    if t.size() != n {
        panic!(
            "accuracy: {n} examples take {n} labels, got shape {:?}",
            t.shape()
        );
    }
    let hits = y.argmax_axis(1, false).equal(t.reshape([n]));
    (hits.sum() / n as f64).into()
}

#[cfg(test)]
mod tests {
    use dezero_array::{Array, DType};

    use crate::{functions, gradient_check};

    const X0: [[f64; 2]; 3] = [[0.1, -2.0], [1.5, 0.3], [-0.7, 2.2]];
    const X1: [[f64; 2]; 3] = [[1.0, 0.5], [-0.2, 0.3], [0.4, 1.9]];
    const T: [[f64; 2]; 3] = [[1.0, 0.0], [0.0, 0.3], [1.0, 1.0]];

    gradient_check!(
        mean_squared_error,
        |x0, x1| functions::mean_squared_error(x0, x1),
        X0,
        X1
    );
    gradient_check!(mean_squared_error_broadcast: mean_squared_error, |x0, x1| functions::mean_squared_error(x0, x1), X0, [0.3, -1.0]);
    gradient_check!(mean_squared_error_scalar: mean_squared_error, |x0, x1| functions::mean_squared_error(x0, x1), 0.4, 1.5);
    gradient_check!(mean_squared_error_constant: mean_squared_error, |x| functions::mean_squared_error(Array::new(X1), x), X0);
    gradient_check!(huber, |x0, x1| functions::huber(x0, x1, 0.8), X0, X1);
    gradient_check!(huber_broadcast: huber, |x0, x1| functions::huber(x0, x1, 1.5), X0, [0.35, -1.1]);
    gradient_check!(
        softmax_cross_entropy,
        |x| functions::softmax_cross_entropy(x, Array::new([1, 0, 1])),
        X0
    );
    gradient_check!(softmax_cross_entropy_classes: softmax_cross_entropy, |x| functions::softmax_cross_entropy(x, Array::new([3, 0])), [[0.1, -2.0, 1.5, 0.3], [-0.7, 2.2, 2.2, 0.0]]);
    // Probabilities that vanish.
    gradient_check!(softmax_cross_entropy_far_apart: softmax_cross_entropy, |x| functions::softmax_cross_entropy(x, Array::new([0, 1])), [[0.5, -900.0, 0.2], [900.0, 0.3, -900.0]]);
    gradient_check!(softmax_cross_entropy_one_class: softmax_cross_entropy, |x| functions::softmax_cross_entropy(x, Array::new([0, 0])), [[0.1], [2.0]]);
    gradient_check!(
        sigmoid_cross_entropy,
        |x, t| functions::sigmoid_cross_entropy(x, t),
        X0,
        T
    );
    gradient_check!(sigmoid_cross_entropy_labels: sigmoid_cross_entropy, |x| functions::sigmoid_cross_entropy(x, Array::new([1, 0, 1])), [[0.1], [-2.0], [1.5]]);
    gradient_check!(
        binary_cross_entropy,
        |p, t| functions::binary_cross_entropy(p, t),
        [[0.1, 0.9], [0.3, 0.5], [0.25, 0.7]],
        T
    );

    #[test]
    #[should_panic(
        expected = "mean_squared_error: shapes [3, 1] and [3] would both broadcast, to [3, 3]; one must have the shape of the result"
    )]
    fn refuses_a_column_beside_a_row() {
        functions::mean_squared_error(
            Array::zeros([3, 1], DType::F64),
            Array::new([1.0, 2.0, 3.0]),
        );
    }

    #[test]
    #[should_panic(expected = "softmax_cross_entropy: label 2 is not one of 2 classes")]
    fn refuses_labels_out_of_range() {
        functions::softmax_cross_entropy(Array::new(X0), Array::new([0, 2, 1]));
    }

    #[test]
    #[should_panic(
        expected = "softmax_cross_entropy: takes scores [n, classes] and labels [n], got [3, 2] and [3, 1]"
    )]
    fn refuses_labels_of_another_shape() {
        functions::softmax_cross_entropy(Array::new(X0), Array::new([[0], [1], [1]]));
    }

    #[test]
    #[should_panic(expected = "softmax_cross_entropy: labels are integers (int64), got float64")]
    fn refuses_labels_of_another_type() {
        functions::softmax_cross_entropy(Array::new(X0), Array::zeros([3], DType::F64));
    }
}

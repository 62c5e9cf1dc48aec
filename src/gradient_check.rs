//! Holds derivatives against finite differences, to any order.

use dezero_array::{Array, DType};

use crate::backprop::grad_with;
use crate::config::enable_grad;
use crate::variable::Variable;

/// Central differences of the sum of `f(xs)` with respect to every element of `xs[i]`:
/// (f(x + eps) - f(x - eps)) / (2 eps).
///
/// ```
/// use dezero::{Array, numerical_grad};
/// let gx = numerical_grad(|xs| &xs[0] * &xs[0], &[Array::new([1.0, 3.0])], 0, 1e-4);
/// assert!((gx.to_vec::<f64>()[1] - 6.0).abs() < 1e-7);
/// ```
///
/// # Panics
/// If `xs[i]` is not f64 (finite differences in f32 are mostly rounding).
#[track_caller]
pub fn numerical_grad(
    f: impl Fn(&[Variable]) -> Variable,
    xs: &[Array],
    i: usize,
    eps: f64,
) -> Array {
    if xs[i].dtype() != DType::F64 {
        panic!("numerical_grad: needs float64, got {}", xs[i].dtype());
    }
    let at = |k: usize, shift: f64| {
        let mut moved = xs[i].copy();
        moved.as_mut_slice::<f64>()[k] += shift;
        let xs: Vec<Variable> = (0..xs.len())
            .map(|j| Variable::new(if j == i { moved.clone() } else { xs[j].clone() }))
            .collect();
        f(&xs).data().to_dtype(DType::F64).sum().item()
    };
    let gx: Vec<f64> = (0..xs[i].size())
        .map(|k| (at(k, eps) - at(k, -eps)) / (2.0 * eps))
        .collect();
    Array::from_vec(gx, xs[i].shape())
}

/// What [`gradient_check`] found wrong.
#[derive(Clone, Debug)]
pub struct GradientMismatch {
    /// Which derivative: 1 for the gradient, 2 for the gradient of the gradient, …
    pub order: usize,
    /// Which of `xs`; beyond them come the seeds of the lower orders.
    pub input: usize,
    /// What backpropagation gave.
    pub backward: Array,
    /// What finite differences gave.
    pub numerical: Array,
}

impl std::fmt::Display for GradientMismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "derivative of order {} with respect to input {}: backward gives\n{}\nfinite differences give\n{}",
            self.order, self.input, self.backward, self.numerical
        )
    }
}

impl std::error::Error for GradientMismatch {}

/// Compares the derivatives of `f` at `xs` by backpropagation with finite differences, from the
/// first to the given order.
///
/// Each order differentiates v · f, for a fixed pattern v in the shape of the result, with respect
/// to all inputs and, from the second order on, v itself. The inputs are f64.
///
/// ```
/// use dezero::{Array, gradient_check};
/// gradient_check(|xs| xs[0].pow(3) * &xs[1], &[Array::new([0.5, -1.0]), Array::new(2.0)], 3).unwrap();
/// ```
///
/// # Errors
/// The first derivative that is off by more than 1e-5 relative to its largest element.
#[track_caller]
pub fn gradient_check(
    f: impl Fn(&[Variable]) -> Variable,
    xs: &[Array],
    order: usize,
) -> Result<(), GradientMismatch> {
    enable_grad(|| check(&f, xs, 1, order))
}

fn check(
    f: &dyn Fn(&[Variable]) -> Variable,
    xs: &[Array],
    order: usize,
    last: usize,
) -> Result<(), GradientMismatch> {
    let leaves: Vec<Variable> = xs.iter().map(|x| Variable::new(x.clone())).collect();
    let y = f(&leaves);
    let v = pattern(y.shape().as_slice(), order);
    let seeded = |xs: &[Variable]| f(xs) * Variable::constant(v.clone());
    // Without create_graph, as users train, fused kernels answer; they must agree with the
    // differentiable backward.
    let backward = [false, true].map(|create_graph| {
        grad_with(
            &[&y],
            &leaves.iter().collect::<Vec<_>>(),
            Some(&[&Variable::constant(v.clone())]),
            create_graph,
        )
    });
    for (i, x) in xs.iter().enumerate() {
        let numerical = numerical_grad(seeded, xs, i, 1e-5);
        for gxs in &backward {
            let backward = gxs[i]
                .as_ref()
                .map_or_else(|| Array::zeros(x.shape(), DType::F64), Variable::data);
            if !close(&backward, &numerical) {
                return Err(GradientMismatch {
                    order,
                    input: i,
                    backward,
                    numerical,
                });
            }
        }
    }
    if order == last {
        return Ok(());
    }
    // The gradients, joined to one number, are the function that the next order differentiates.
    let joined = |xs: &[Variable]| {
        let (v, xs) = xs.split_last().expect("the seed comes last");
        let y = f(xs);
        let gxs = grad_with(&[&y], &xs.iter().collect::<Vec<_>>(), Some(&[v]), true);
        let mut sum = Variable::constant(0.0);
        for gx in gxs.iter().flatten() {
            let w = pattern(gx.shape().as_slice(), order + 7);
            sum = sum + (gx * Variable::constant(w)).sum_to([]);
        }
        sum
    };
    let mut inputs = xs.to_vec();
    inputs.push(v.clone());
    check(&joined, &inputs, order + 1, last)
}

/// Numbers without symmetry, so that a transposed or misplaced gradient shows.
fn pattern(shape: &[usize], order: usize) -> Array {
    let size = shape.iter().product();
    let v = (0..size)
        .map(|i| (1.7 * i as f64 + order as f64).sin() + 0.3)
        .collect();
    Array::from_vec::<f64>(v, shape)
}

fn close(a: &Array, b: &Array) -> bool {
    let (a_elements, b_elements) = (a.to_vec::<f64>(), b.to_vec::<f64>());
    let largest = b_elements
        .iter()
        .fold(1.0f64, |largest, b| largest.max(b.abs()));
    a.shape() == b.shape()
        && a_elements
            .iter()
            .zip(&b_elements)
            .all(|(a, b)| (a - b).abs() <= 1e-5 * largest)
}

/// Makes a test that checks the derivatives of an operation to the second order, for contiguous and
/// for transposed inputs.
///
/// `gradient_check!(sin, |x| x.sin(), [-2.0, 0.0, 1.3])`; further tests of the same operation have
/// a name of their own: `gradient_check!(matmul_batch: matmul, …)`.
#[cfg(test)]
#[macro_export]
macro_rules! gradient_check {
    ($operation:ident, $($rest:tt)*) => {
        $crate::gradient_check!($operation: $operation, $($rest)*);
    };
    ($test:ident: $operation:ident, |$($x:ident),+| $body:expr, $($input:expr),+ $(,)?) => {
        #[test]
        fn $test() {
            let f = |xs: &[$crate::Variable]| -> $crate::Variable {
                let [$($x),+] = xs else { panic!("one array for each input") };
                $body
            };
            let inputs: Vec<$crate::Array> = vec![$(($input).into()),+];
            if let Err(mismatch) = $crate::gradient_check(f, &inputs, 2) {
                panic!("{}: {mismatch}", stringify!($operation));
            }
            let transposed: Vec<$crate::Array> =
                inputs.iter().map(|x| x.transpose().copy().transpose()).collect();
            if let Err(mismatch) = $crate::gradient_check(f, &transposed, 2) {
                panic!("{}, transposed inputs: {mismatch}", stringify!($operation));
            }
        }
    };
}

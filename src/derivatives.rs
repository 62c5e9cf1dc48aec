//! Derivatives as functions of functions: products with Jacobians, whole Jacobians and Hessians.
//!
//! All of them can be nested and used inside of programs that are differentiated themselves.

use dezero_array::Array;

use crate::backprop::grad_with;
use crate::config::enable_grad;
use crate::variable::{AsVariable, Variable};

/// y = f(xs) and the vector-Jacobian products vᵀ ∂y/∂x for each of `xs`, zeros where y does not
/// depend on it.
///
/// ```
/// use dezero::{Variable, vjp};
/// let x = Variable::new([1.0, 2.0]);
/// let v = Variable::constant([1.0, 10.0]);
/// let (y, gxs) = vjp(|xs| &xs[0] * &xs[0], &[&x], &v);
/// assert_eq!(gxs[0].data().to_vec::<f64>(), [2.0, 40.0]);
/// assert_eq!(y.data().to_vec::<f64>(), [1.0, 4.0]);
/// ```
///
/// # Panics
/// If `v` has not the shape of `y`.
#[track_caller]
pub fn vjp(
    f: impl Fn(&[Variable]) -> Variable,
    xs: &[&Variable],
    v: impl AsVariable,
) -> (Variable, Vec<Variable>) {
    let (leaves, y) = enable_grad(|| apply_to_inner(&f, xs));
    let gxs = grad_or_zeros(&y, &leaves, Some(&v.as_variable()));
    (y, gxs)
}

/// y = f(xs) and the Jacobian-vector product Σ ∂y/∂x v, one direction `v` for each of `xs`.
///
/// It differentiates the vector-Jacobian product with respect to its vector, so every operation
/// with a differentiable backward has it.
///
/// ```
/// use dezero::{Variable, jvp};
/// let (x0, x1) = (Variable::new(3.0), Variable::new(4.0));
/// let (v0, v1) = (Variable::constant(1.0), Variable::constant(10.0));
/// let (_, tangent) = jvp(|xs| &xs[0] * &xs[1], &[&x0, &x1], &[&v0, &v1]);
/// assert_eq!(tangent.item(), 4.0 + 30.0);
/// ```
///
/// # Panics
/// If a direction has not the shape of its input.
#[track_caller]
pub fn jvp(
    f: impl Fn(&[Variable]) -> Variable,
    xs: &[&Variable],
    vs: &[&Variable],
) -> (Variable, Variable) {
    if xs.len() != vs.len() {
        panic!("jvp: {} inputs, {} directions", xs.len(), vs.len());
    }
    for (i, (x, v)) in xs.iter().zip(vs).enumerate() {
        if x.shape() != v.shape() {
            panic!(
                "jvp: input {i} has shape {:?}, its direction {:?}",
                &x.shape()[..],
                &v.shape()[..]
            );
        }
    }
    let (leaves, y) = enable_grad(|| apply_to_inner(&f, xs));
    let data = y.data();
    let dummy = Variable::new(Array::zeros(data.shape(), data.dtype()));
    let leaves: Vec<&Variable> = leaves.iter().collect();
    let gxs = grad_with(&[&y], &leaves, Some(&[&dummy]), true);
    let dot = enable_grad(|| {
        let products = gxs
            .iter()
            .zip(vs)
            .filter_map(|(gx, v)| Some((gx.as_ref()? * *v).sum_to([])));
        products.reduce(|sum, product| sum + product)
    });
    let tangent = dot.and_then(|dot| grad_with(&[&dot], &[&dummy], None, true).remove(0));
    let zeros = || Variable::constant(Array::zeros(data.shape(), data.dtype()));
    (y, tangent.unwrap_or_else(zeros))
}

/// The Jacobian ∂f/∂x of shape (shape of f(x), shape of x).
///
/// ```
/// use dezero::{Variable, jacobian};
/// let x = Variable::new([2.0, 3.0]);
/// let j = jacobian(|x| x * x, &x);
/// assert_eq!(j.data().to_vec::<f64>(), [4.0, 0.0, 0.0, 6.0]);
/// ```
///
/// Where `x` is an array, it is taken as the numbers at which to differentiate.
#[track_caller]
pub fn jacobian(f: impl Fn(&Variable) -> Variable, x: impl AsVariable) -> Variable {
    let (x, y) = apply_to_one(&f, &x.as_variable());
    jacobian_of(&y, &x)
}

/// One row for each element of y.
#[track_caller]
fn jacobian_of(y: &Variable, x: &Variable) -> Variable {
    let shape = y.shape();
    let data = y.data();
    let mut rows = Vec::with_capacity(data.size());
    for i in 0..data.size() {
        let mut seed = Array::zeros(shape.as_slice(), data.dtype()).copy();
        dezero_array::match_dtype!(data.dtype(), T => {
            seed.as_mut_slice::<T>()[i] = <T as dezero_array::Element>::from_f64(1.0);
        });
        let seed = Variable::constant(seed);
        rows.extend(grad_or_zeros(y, std::slice::from_ref(x), Some(&seed)));
    }
    let whole: Vec<usize> = shape.iter().chain(x.shape().iter()).copied().collect();
    if rows.is_empty() {
        return Variable::constant(Array::zeros(&whole, data.dtype()));
    }
    let rows: Vec<&Variable> = rows.iter().collect();
    enable_grad(|| crate::functions::stack(&rows, 0).reshape(&whole[..]))
}

/// The Hessian ∂²f/∂x² of a function with one result, of shape (shape of x, shape of x).
///
/// ```
/// use dezero::{Variable, hessian};
/// let x = Variable::new([1.0, 2.0]);
/// let h = hessian(|x| (x * x * x).sum(), &x);
/// assert_eq!(h.data().to_vec::<f64>(), [6.0, 0.0, 0.0, 12.0]);
/// ```
///
/// # Panics
/// If `f` gives more than one element.
#[track_caller]
pub fn hessian(f: impl Fn(&Variable) -> Variable, x: impl AsVariable) -> Variable {
    let (x, y) = apply_to_one(&f, &x.as_variable());
    jacobian_of(&gradient_of("hessian", &y, &x), &x)
}

/// The product of the Hessian of `f` at `x` with `v`, without ever forming the Hessian.
///
/// ```
/// use dezero::{Variable, hvp};
/// let x = Variable::new([1.0, 2.0]);
/// let v = Variable::constant([1.0, 10.0]);
/// let product = hvp(|x| (x * x * x).sum(), &x, &v);
/// assert_eq!(product.data().to_vec::<f64>(), [6.0, 120.0]);
///
/// // Arrays serve as well.
/// use dezero::Array;
/// let product = hvp(|x| x.exp().sum(), Array::new([0.0, 0.0]), Array::new([1.0, 2.0]));
/// assert_eq!(product.data().to_vec::<f64>(), [1.0, 2.0]);
/// ```
///
/// # Panics
/// If `f` gives more than one element, or `v` has not the shape of `x`.
#[track_caller]
pub fn hvp(f: impl Fn(&Variable) -> Variable, x: impl AsVariable, v: impl AsVariable) -> Variable {
    let (x, v) = (x.as_variable(), v.as_variable());
    if x.shape() != v.shape() {
        panic!(
            "hvp: x has shape {:?}, the vector {:?}",
            &x.shape()[..],
            &v.shape()[..]
        );
    }
    let (x, y) = apply_to_one(&f, &x);
    let gx = gradient_of("hvp", &y, &x);
    grad_or_zeros(&gx, &[x], Some(&v)).remove(0)
}

/// The gradient of a function with one result.
#[track_caller]
fn gradient_of(operation: &str, y: &Variable, x: &Variable) -> Variable {
    if y.size() != 1 {
        panic!(
            "{operation}: the function must give one element, got shape {:?}",
            &y.shape()[..]
        );
    }
    grad_or_zeros(y, std::slice::from_ref(x), None).remove(0)
}

/// Gradients that are recorded, zeros for inputs that `y` does not depend on.
#[track_caller]
fn grad_or_zeros(y: &Variable, xs: &[Variable], seed: Option<&Variable>) -> Vec<Variable> {
    let targets: Vec<&Variable> = xs.iter().collect();
    let gxs = grad_with(
        &[y],
        &targets,
        seed.as_ref().map(std::slice::from_ref),
        true,
    );
    gxs.into_iter()
        .zip(xs)
        .map(|(gx, x)| {
            gx.unwrap_or_else(|| {
                let x = x.data();
                Variable::constant(Array::zeros(x.shape(), x.dtype()))
            })
        })
        .collect()
}

/// [`apply_to_inner`] for one variable, recorded.
#[track_caller]
fn apply_to_one(f: &impl Fn(&Variable) -> Variable, x: &Variable) -> (Variable, Variable) {
    let (mut inner, y) = enable_grad(|| apply_to_inner(&|xs: &[Variable]| f(&xs[0]), &[x]));
    (inner.remove(0), y)
}

/// Calls `f` on variables that stand for `xs` in the graph, whether constants or not: what is
/// differentiated with respect to.
#[track_caller]
fn apply_to_inner(
    f: &impl Fn(&[Variable]) -> Variable,
    xs: &[&Variable],
) -> (Vec<Variable>, Variable) {
    let inner: Vec<Variable> = xs
        .iter()
        .map(|x| {
            if x.requires_grad() {
                (*x).clone()
            } else {
                Variable::new(x.data())
            }
        })
        .collect();
    let y = f(&inner);
    (inner, y)
}

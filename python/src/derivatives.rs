//! Derivatives as functions of functions.

use dezero::Variable;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::call::{call, unwrap};
use crate::functions::operand;
use crate::variable::{PyVariable, wrap};

type Result<'py> = PyResult<Bound<'py, PyVariable>>;

/// One variable, or a tuple or list of them.
fn variables(object: &Bound<'_, PyAny>) -> PyResult<(Vec<Variable>, bool)> {
    if object.is_instance_of::<PyTuple>() || object.is_instance_of::<PyList>() {
        let all = object.try_iter()?.map(|x| operand(&x?));
        return Ok((all.collect::<PyResult<_>>()?, true));
    }
    Ok((vec![operand(object)?], false))
}

fn result<'py>(py: Python<'py>, xs: Vec<Variable>, several: bool) -> PyResult<Bound<'py, PyAny>> {
    let mut all = Vec::with_capacity(xs.len());
    for x in xs {
        all.push(wrap(py, x)?);
    }
    match several {
        true => Ok(PyTuple::new(py, all)?.into_any()),
        false => Ok(all.remove(0).into_any()),
    }
}

/// Calls `f` with variables; its exceptions leave the engine.
fn apply(f: &Bound<'_, PyAny>, xs: &[Variable]) -> Variable {
    let run = || {
        let py = f.py();
        let mut objects = Vec::with_capacity(xs.len());
        for x in xs {
            objects.push(wrap(py, x.clone())?);
        }
        operand(&f.call1(PyTuple::new(py, objects)?)?)
    };
    unwrap(run())
}

/// Gradients of the sum of `ys` with respect to `xs`, which may be any variables of the graph. Nothing
/// is stored in the variables.
///
/// Args:
///     ys: a variable, or a tuple or list of them.
///     xs: a variable, or a tuple or list of them.
///     create_graph: record the computation of the gradients, to differentiate them in turn.
///
/// Returns:
///     a variable, or a tuple of them if `xs` is a tuple or list.
#[pyfunction]
#[pyo3(signature = (ys, xs, create_graph=false))]
pub fn grad<'py>(
    ys: &Bound<'py, PyAny>,
    xs: &Bound<'py, PyAny>,
    create_graph: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = ys.py();
    let ((ys, _), (xs, several)) = (variables(ys)?, variables(xs)?);
    let gxs = py.detach(|| {
        call(|| {
            let (ys, xs): (Vec<_>, Vec<_>) = (ys.iter().collect(), xs.iter().collect());
            dezero::grad(&ys, &xs, create_graph)
        })
    })?;
    result(py, gxs, several)
}

/// f(*xs) and the Jacobian-vector product, one direction in `vs` for each of `xs`.
///
/// Returns:
///     (f(*xs), the derivative along the directions)
#[pyfunction]
pub fn jvp<'py>(
    f: &Bound<'py, PyAny>,
    xs: &Bound<'py, PyAny>,
    vs: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyVariable>, Bound<'py, PyVariable>)> {
    let py = f.py();
    let ((xs, _), (vs, _)) = (variables(xs)?, variables(vs)?);
    let (xs, vs): (Vec<_>, Vec<_>) = (xs.iter().collect(), vs.iter().collect());
    let (y, tangent) = call(|| dezero::jvp(|xs| apply(f, xs), &xs, &vs))?;
    Ok((wrap(py, y)?, wrap(py, tangent)?))
}

/// f(*xs) and the vector-Jacobian products of `v` with the derivative for each of `xs`.
///
/// Returns:
///     (f(*xs), a variable, or a tuple of them if `xs` is a tuple or list)
#[pyfunction]
pub fn vjp<'py>(
    f: &Bound<'py, PyAny>,
    xs: &Bound<'py, PyAny>,
    v: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyVariable>, Bound<'py, PyAny>)> {
    let py = f.py();
    let ((xs, several), v) = (variables(xs)?, operand(v)?);
    let xs: Vec<_> = xs.iter().collect();
    let (y, gxs) = call(|| dezero::vjp(|xs| apply(f, xs), &xs, &v))?;
    Ok((wrap(py, y)?, result(py, gxs, several)?))
}

/// The Jacobian of f at x, of shape (shape of f(x), shape of x).
#[pyfunction]
pub fn jacobian<'py>(f: &Bound<'py, PyAny>, x: &Bound<'py, PyAny>) -> Result<'py> {
    let (py, x) = (f.py(), operand(x)?);
    let y = call(|| dezero::jacobian(|x| apply(f, std::slice::from_ref(x)), &x))?;
    wrap(py, y)
}

/// The Hessian of f, which gives one element, at x, of shape (shape of x, shape of x).
#[pyfunction]
pub fn hessian<'py>(f: &Bound<'py, PyAny>, x: &Bound<'py, PyAny>) -> Result<'py> {
    let (py, x) = (f.py(), operand(x)?);
    let y = call(|| dezero::hessian(|x| apply(f, std::slice::from_ref(x)), &x))?;
    wrap(py, y)
}

/// The product of the Hessian of f at x with v, without forming the Hessian.
#[pyfunction]
pub fn hvp<'py>(
    f: &Bound<'py, PyAny>,
    x: &Bound<'py, PyAny>,
    v: &Bound<'py, PyAny>,
) -> Result<'py> {
    let (py, x, v) = (f.py(), operand(x)?, operand(v)?);
    let y = call(|| dezero::hvp(|x| apply(f, std::slice::from_ref(x)), &x, &v))?;
    wrap(py, y)
}

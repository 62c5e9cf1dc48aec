//! Steps of optimizers, each in one pass over memory.

use dezero::{Array, Variable};
use dezero_array::AdamStep;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::variable::{PyVariable, wrap_new};

type Param<'a, 'py> = &'a Bound<'py, PyVariable>;

fn gradient(param: Param<'_, '_>) -> PyResult<Array> {
    match PyVariable::grad_engine(param)? {
        Some(grad) => Ok(grad.data()),
        None => Err(PyValueError::new_err("the parameter has no gradient")),
    }
}

/// A variable of zeros, for the state of an optimizer.
#[pyfunction]
pub fn zeros_like<'py>(param: Param<'_, 'py>) -> PyResult<Bound<'py, PyVariable>> {
    let zeros = PyVariable::engine(param)?.data().zeros_like();
    wrap_new(param.py(), Variable::constant(zeros))
}

/// x -= lr * grad
#[pyfunction]
pub fn sgd_step(param: Param<'_, '_>, lr: f64) -> PyResult<()> {
    let grad = gradient(param)?;
    PyVariable::update(param, |x| x.sgd_step(&grad, lr))
}

/// v = momentum * v - lr * grad, x += v
#[pyfunction]
pub fn momentum_step(
    param: Param<'_, '_>,
    v: Param<'_, '_>,
    lr: f64,
    momentum: f64,
) -> PyResult<()> {
    // The engine's velocity has no learning rate in it.
    let step = gradient(param)? * -lr;
    PyVariable::update(param, |x| {
        update_state(v, |v| x.momentum_step(&step, v, -1.0, momentum, false))
    })?
}

/// h += grad², x -= lr * grad / (√h + eps)
#[pyfunction]
pub fn adagrad_step(param: Param<'_, '_>, h: Param<'_, '_>, lr: f64, eps: f64) -> PyResult<()> {
    let grad = gradient(param)?;
    PyVariable::update(param, |x| {
        update_state(h, |h| x.adagrad_step(&grad, h, lr, eps))
    })?
}

/// One step of AdaDelta.
#[pyfunction]
pub fn adadelta_step(
    param: Param<'_, '_>,
    msg: Param<'_, '_>,
    msdx: Param<'_, '_>,
    rho: f64,
    eps: f64,
) -> PyResult<()> {
    let grad = gradient(param)?;
    PyVariable::update(param, |x| {
        update_state(msg, |s| {
            update_state(msdx, |u| x.adadelta_step(&grad, s, u, 1.0, rho, eps))
        })?
    })?
}

/// One step of Adam, where `lr` has the correction of the means in it.
#[pyfunction]
pub fn adam_step(
    param: Param<'_, '_>,
    m: Param<'_, '_>,
    v: Param<'_, '_>,
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
) -> PyResult<()> {
    let grad = gradient(param)?;
    let step = AdamStep {
        step_size: lr,
        beta1,
        beta2,
        epsilon: eps,
        root_correction: 1.0,
        decay: 1.0,
    };
    PyVariable::update(param, |x| {
        update_state(m, |m| update_state(v, |v| x.adam_step(&grad, m, v, step)))?
    })?
}

/// A step changes states that nobody else computes with.
fn update_state<R>(state: Param<'_, '_>, change: impl FnOnce(&mut Array) -> R) -> PyResult<R> {
    PyVariable::update(state, change)
}

/// grad += rate * x
#[pyfunction]
pub fn decay_step(param: Param<'_, '_>, rate: f64) -> PyResult<()> {
    let x = PyVariable::engine(param)?.data();
    let grad = PyVariable::get_grad(param)?;
    let grad = grad.ok_or_else(|| PyValueError::new_err("the parameter has no gradient"))?;
    PyVariable::update(&grad, |grad| grad.sgd_step(&x, -rate))
}

/// x *= rate
#[pyfunction]
pub fn scale_step(x: Param<'_, '_>, rate: f64) -> PyResult<()> {
    PyVariable::update(x, |x| *x *= rate)
}

/// Σ x²
#[pyfunction]
pub fn squared_norm(x: Param<'_, '_>) -> PyResult<f64> {
    Ok(PyVariable::engine(x)?.data().sum_of_squares().item())
}

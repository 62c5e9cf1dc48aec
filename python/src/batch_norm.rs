//! The normalisation of channels over a batch.

use dezero::{Array, Variable, functions};
use pyo3::prelude::*;

use crate::call::{HEAVY, call, call_detached};
use crate::functions::{constant_operand, operands};
use crate::ndarray;
use crate::variable::{PyVariable, wrap_new};

type Result<'py> = PyResult<Bound<'py, PyVariable>>;

/// `avg * decay + (1 - decay) * new`, in place.
fn move_average(avg: &Bound<'_, PyAny>, decay: f64, new: Array) -> PyResult<()> {
    let moved = |old: &Array| old * decay + new.to_dtype(old.dtype()) * (1.0 - decay);
    if let Ok(avg) = avg.cast::<PyVariable>() {
        return PyVariable::update(avg, |avg| *avg = moved(avg));
    }
    let old = ndarray::from_numpy(avg)?;
    avg.set_item(
        avg.py().Ellipsis(),
        ndarray::to_numpy(avg.py(), moved(&old))?,
    )
}

/// Batch normalisation of x (N, C) or (N, C, H, W).
///
/// Args:
///     x: the batch.
///     gamma, beta: factor and shift of each channel.
///     mean, var: running statistics, updated in place while training.
///     decay: share of the old statistics in the new ones.
///     eps: keeps the division finite.
///     train: use the statistics of the batch.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn batch_norm<'py>(
    x: &Bound<'py, PyAny>,
    gamma: &Bound<'py, PyAny>,
    beta: &Bound<'py, PyAny>,
    mean: &Bound<'py, PyAny>,
    var: &Bound<'py, PyAny>,
    decay: f64,
    eps: f64,
    train: bool,
) -> Result<'py> {
    let py = x.py();
    let (x, gamma) = operands(x, gamma)?;
    let beta = constant_operand(beta, gamma.dtype())?;
    let heavy = x.size() >= HEAVY;
    if !train {
        let mean = constant_operand(mean, x.dtype())?.data();
        let var = constant_operand(var, x.dtype())?.data();
        let y = call_detached(py, heavy, || {
            functions::fixed_batch_norm(&x, &gamma, &beta, &mean, &var, eps)
        })?;
        return wrap_new(py, y);
    }
    if x.ndim() > 1 && x.size() == x.shape()[1] {
        return alone(py, [&x, &gamma, &beta], [mean, var], decay, eps);
    }
    let (y, statistics) =
        call_detached(py, heavy, || functions::batch_norm(&x, &gamma, &beta, eps))?;
    let m = statistics.count as f64;
    // Corrected for being estimated from the batch.
    let adjust = m / (m - 1.0).max(1.0);
    move_average(mean, decay, statistics.mean)?;
    move_average(var, decay, statistics.var * adjust)?;
    wrap_new(py, y)
}

/// Batch normalisation of one number for each channel, which the engine refuses: nothing of x is left. Programs that let
/// a model find its sizes by one example come here.
fn alone<'py>(
    py: Python<'py>,
    [x, gamma, beta]: [&Variable; 3],
    [mean, var]: [&Bound<'py, PyAny>; 2],
    decay: f64,
    eps: f64,
) -> Result<'py> {
    let channels = [x.shape()[1]];
    let zeros = Array::zeros(channels, x.dtype());
    let y = call(|| {
        let centred = x - x.mean_axis(0, true);
        functions::fixed_batch_norm(&centred, gamma, beta, &zeros, &zeros, eps)
    })?;
    move_average(mean, decay, x.data().reshape(channels))?;
    move_average(var, decay, zeros)?;
    wrap_new(py, y)
}

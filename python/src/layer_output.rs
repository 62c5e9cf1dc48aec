//! [`LayerOutput`]: how a layer finds what it computed last.

use dezero::WeakVariable;
use pyo3::prelude::*;

use crate::variable::{PyVariable, wrap};

/// A reference to an output of a layer. Called, it gives the variable, or None once neither the program nor a graph
/// holds it any more.
///
/// The graph holds it, so that a program finds the variable of an inner layer, and the gradient that
/// `backward(retain_grad=True)` left there, by way of the layer.
#[pyclass(name = "LayerOutput", module = "dezero.layers", frozen)]
pub struct LayerOutput(WeakVariable);

#[pymethods]
impl LayerOutput {
    #[new]
    fn new(y: &Bound<'_, PyVariable>) -> LayerOutput {
        let y = y.get().handle();
        y.live_with_graph();
        LayerOutput(y.downgrade())
    }

    fn __call__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyVariable>>> {
        self.0.upgrade().map(|y| wrap(py, y)).transpose()
    }
}

//! [`Foreign`]: a function that is written in Python, as the engine sees it; and how the engine hears of one that a
//! program recorded by hand.

use dezero::{Array, Backward, Gradients, Keep, Variable};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple, PyWeakrefMethods, PyWeakrefReference};

use crate::call::{call, raise};
use crate::function::{PyFunction, class_name, running};
use crate::ndarray;
use crate::variable::{PyVariable, is_number, unsupported, wrap, wrap_new};

/// A function that is written in Python, as the engine sees it.
pub struct Foreign {
    pub object: Py<PyAny>,
    pub name: &'static str,
    /// Computed already: an exception cannot leave the engine's `forward`.
    pub outputs: Vec<Array>,
    /// Whether the program recorded it itself and set its inputs and outputs.
    pub is_by_hand: bool,
}

impl dezero::Function for Foreign {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forward(&mut self, _: &[Array]) -> dezero::Outputs {
        std::mem::take(&mut self.outputs).into()
    }

    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::INPUTS.and(Keep::OUTPUTS)
    }

    fn backward(&self, context: &Backward<'_>) -> Gradients {
        match Python::attach(|py| self.run_backward(py, context)) {
            Ok(gxs) => gxs.into(),
            Err(error) => raise(error),
        }
    }
}

impl Foreign {
    fn run_backward(
        &self,
        py: Python<'_>,
        context: &Backward<'_>,
    ) -> PyResult<Vec<Option<Variable>>> {
        let object = self.object.bind(py);
        if self.is_by_hand {
            return self.run_backward_by_hand(py, context);
        }
        let function = object.cast::<PyFunction>()?.get();
        let mut inputs = Vec::with_capacity(context.inputs());
        for i in 0..context.inputs() {
            inputs.push(wrap_new(py, context.input(i))?);
        }
        let mut outputs = Vec::with_capacity(context.outputs());
        let mut gys = Vec::with_capacity(context.outputs());
        for i in 0..context.outputs() {
            outputs.push(wrap_new(py, context.output(i))?);
            gys.push(match context.has_gy(i) {
                true => wrap(py, context.gy(i))?.into_any().unbind(),
                false => py.None(),
            });
        }
        let references = references(py, outputs.iter().cloned().map(Some))?;
        let outer = running(function).map(|(a, b)| (a.clone_ref(py), b.clone_ref(py)));
        let inputs = PyList::new(py, inputs)?.unbind();
        function.running.set(Some((inputs, references.unbind())));
        let gxs = object.call_method1(intern!(py, "backward"), PyTuple::new(py, gys)?);
        function.running.set(outer);
        gradients(&gxs?, context.inputs())
    }

    fn run_backward_by_hand(
        &self,
        py: Python<'_>,
        context: &Backward<'_>,
    ) -> PyResult<Vec<Option<Variable>>> {
        let gys = (0..context.outputs()).map(|i| wrap(py, context.gy(i)));
        let gys = PyTuple::new(py, gys.collect::<PyResult<Vec<_>>>()?)?;
        let gxs = self
            .object
            .bind(py)
            .call_method1(intern!(py, "backward"), gys)?;
        gradients(&gxs, context.inputs())
    }
}

/// What `backward` gave for `n` inputs.
fn gradients(gxs: &Bound<'_, PyAny>, n: usize) -> PyResult<Vec<Option<Variable>>> {
    let mut all = match gxs.cast::<PyTuple>() {
        Ok(gxs) => gxs
            .iter()
            .map(|gx| gradient(&gx))
            .collect::<PyResult<_>>()?,
        Err(_) => vec![gradient(gxs)?],
    };
    all.resize(n, None);
    Ok(all)
}

/// Tells the graph of the creator that a program set by hand (`y.set_creator(f)`), and of its other outputs.
#[cold]
pub fn connect(y: &Bound<'_, PyVariable>) -> PyResult<()> {
    let py = y.py();
    y.get().is_connected();
    let Some(object) = y.get().creator_by_hand(py) else {
        return Ok(());
    };
    let inputs = match object.getattr(intern!(py, "inputs")) {
        Ok(inputs) => several(&inputs)?,
        Err(_) => several(&object.getattr(intern!(py, "input"))?)?,
    };
    let mut xs = Vec::with_capacity(inputs.len());
    for x in &inputs {
        xs.push(match x.cast::<PyVariable>() {
            Ok(x) => PyVariable::engine(x)?.clone(),
            Err(_) => Variable::constant(0.0),
        });
    }
    let mut ys = Vec::new();
    if let Ok(outputs) = object.getattr(intern!(py, "outputs")) {
        for output in several(&outputs)? {
            let output = match output.cast::<PyWeakrefReference>() {
                Ok(output) => output.upgrade(),
                Err(_) => Some(output),
            };
            // The place of one that is gone is kept.
            ys.push(match output {
                Some(output) => output.cast_into::<PyVariable>()?,
                None => wrap_new(py, Variable::constant(0.0))?,
            });
        }
    }
    if !ys.iter().any(|output| output.is(y)) {
        ys = vec![y.clone()];
    }
    let mut outputs = Vec::with_capacity(ys.len());
    for y in &ys {
        y.get().is_connected();
        outputs.push(PyVariable::engine(y)?.data());
    }
    let function = Foreign {
        name: class_name(&object.get_type().name()?)?,
        object: object.unbind(),
        outputs,
        is_by_hand: true,
    };
    let xs: Vec<&Variable> = xs.iter().collect();
    let results = dezero::enable_grad(|| call(|| dezero::apply(function, &xs)))?;
    for (y, result) in ys.iter().zip(&results) {
        y.get().handle().take_place_of(result);
    }
    Ok(())
}

/// The elements of a tuple or list, or one object alone.
fn several<'py>(object: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    match object.is_instance_of::<PyTuple>() || object.is_instance_of::<PyList>() {
        true => object.try_iter()?.collect(),
        false => Ok(vec![object.clone()]),
    }
}

pub fn gradient(gx: &Bound<'_, PyAny>) -> PyResult<Option<Variable>> {
    if gx.is_none() {
        return Ok(None);
    }
    if let Ok(gx) = gx.cast::<PyVariable>() {
        return PyVariable::engine(gx).cloned().map(Some);
    }
    if ndarray::is_ndarray(gx) || is_number(gx)? {
        let gx = ndarray::from_numpy(&ndarray::as_ndarray(gx)?)?;
        return Ok(Some(Variable::constant(gx)));
    }
    Err(unsupported(gx))
}

/// `weakref.ref`s of what is alive; of nothing for what is not.
pub fn references<'py>(
    py: Python<'py>,
    outputs: impl IntoIterator<Item = Option<Bound<'py, PyVariable>>>,
) -> PyResult<Bound<'py, PyList>> {
    let references = PyList::empty(py);
    for output in outputs {
        let output = match output {
            Some(output) => output,
            None => wrap_new(py, Variable::constant(0.0))?,
        };
        references.append(PyWeakrefReference::new(&output)?)?;
    }
    Ok(references)
}

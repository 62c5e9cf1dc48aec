//! `Function`: what users derive their own operations from, and what stands for the engine's in the
//! graph.

use dezero::{Array, Creator, Variable, WeakCreator};
use dezero_array::DType;
use pyo3::exceptions::{PyAttributeError, PyNotImplementedError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::call::call;
use crate::foreign::{Foreign, gradient, references};
use crate::ndarray::{self, Attached};
use crate::variable::{PyVariable, is_number, unsupported, wrap, wrap_new};

/// An operation: `forward` computes NumPy arrays from NumPy arrays, `backward` gives the gradients
/// of the inputs (Variables) from those of the outputs (Variables).
///
/// Derive from it to write your own; call an instance to apply it.
#[pyclass(
    name = "Function",
    module = "dezero.core",
    frozen,
    subclass,
    dict,
    weakref
)]
pub struct PyFunction {
    /// Its place in the graph. Weak: the graph holds the function.
    node: Attached<WeakCreator>,
    /// For functions of the engine, which their graph does not hold.
    held: Attached<Option<Creator>>,
    /// Inputs and outputs while `backward` runs.
    pub running: Attached<Option<(Py<PyList>, Py<PyList>)>>,
    /// What was asked for already: the same objects every time.
    inputs: Attached<Vec<Option<Py<PyVariable>>>>,
    /// What a program set that records the graph by hand.
    inputs_by_hand: Attached<Option<Py<PyAny>>>,
    outputs_by_hand: Attached<Option<Py<PyAny>>>,
    generation_by_hand: Attached<Option<usize>>,
}

pub fn running(function: &PyFunction) -> Option<&(Py<PyList>, Py<PyList>)> {
    // SAFETY: attached to Python; nobody keeps the reference over a change.
    unsafe { (*function.running.get()).as_ref() }
}

impl PyFunction {
    fn empty() -> PyFunction {
        PyFunction {
            node: Attached::new(WeakCreator::default()),
            held: Attached::new(None),
            running: Attached::new(None),
            inputs: Attached::new(Vec::new()),
            inputs_by_hand: Attached::new(None),
            outputs_by_hand: Attached::new(None),
            generation_by_hand: Attached::new(None),
        }
    }

    fn creator(&self) -> PyResult<Creator> {
        // SAFETY: attached to Python.
        let (node, held) = unsafe { (&*self.node.get(), &*self.held.get()) };
        held.clone().or_else(|| node.upgrade()).ok_or_else(|| {
            PyAttributeError::new_err(
                "the function was not applied yet, or nobody holds its outputs any more",
            )
        })
    }
}

#[pymethods]
impl PyFunction {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyFunction {
        PyFunction::empty()
    }

    #[pyo3(signature = (*_args, **_kwargs))]
    fn __init__(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    /// Applies the function to variables, arrays or numbers, and records it.
    #[pyo3(signature = (*inputs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        inputs: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let mut xs = Vec::with_capacity(inputs.len());
        let mut arrays = Vec::with_capacity(inputs.len());
        let has_variable = inputs.iter().any(|x| x.is_instance_of::<PyVariable>());
        for x in inputs.iter() {
            if let Ok(x) = x.cast::<PyVariable>() {
                if x.get().is_nothing() {
                    xs.push(Variable::constant(Array::zeros([0], DType::F32)));
                } else {
                    xs.push(PyVariable::engine(x)?.clone());
                }
                arrays.push(PyVariable::array(x)?);
            } else if x.is_none() {
                xs.push(Variable::constant(Array::zeros([0], DType::F32)));
                arrays.push(py.None());
            } else if ndarray::is_ndarray(&x) {
                let data = ndarray::from_numpy(&x)?;
                xs.push(if has_variable {
                    Variable::constant(data)
                } else {
                    Variable::new(data)
                });
                arrays.push(x.unbind());
            } else {
                return Err(unsupported(&x));
            }
        }
        let ys = slf.call_method1(intern!(py, "forward"), PyTuple::new(py, arrays)?)?;
        let ys = match ys.cast::<PyTuple>() {
            Ok(ys) => ys.clone(),
            Err(_) => PyTuple::new(py, [ys])?,
        };
        let mut outputs = Vec::with_capacity(ys.len());
        for y in ys.iter() {
            if !ndarray::is_ndarray(&y) && !is_number(&y)? {
                return Err(unsupported(&y));
            }
            outputs.push(ndarray::from_numpy(&ndarray::as_ndarray(&y)?)?);
        }
        let name = class_name(&slf.get_type().name()?)?;
        let function = Foreign {
            object: slf.clone().into_any().unbind(),
            name,
            outputs,
            is_by_hand: false,
        };
        let inputs: Vec<&Variable> = xs.iter().collect();
        let outputs = call(|| dezero::apply(function, &inputs))?;
        if let Some(creator) = outputs.first().and_then(Variable::creator) {
            slf.get().node.set(creator.downgrade());
            slf.get().inputs.set(Vec::new());
        }
        let mut ys = Vec::with_capacity(outputs.len());
        for output in outputs {
            ys.push(wrap_new(py, output)?);
        }
        if ys.len() == 1 {
            return Ok(ys.remove(0).into_any());
        }
        Ok(PyList::new(py, ys)?.into_any())
    }

    /// Computes the outputs, NumPy arrays, from the inputs, NumPy arrays.
    #[pyo3(signature = (*_xs), text_signature = "($self, xs)")]
    fn forward(&self, _xs: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        Err(PyNotImplementedError::new_err(()))
    }

    /// Computes the gradients of the inputs from those of the outputs.
    #[pyo3(signature = (*_gys), text_signature = "($self, gys)")]
    fn backward(&self, _gys: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        Err(PyNotImplementedError::new_err(()))
    }

    /// The variables that the function was applied to.
    #[getter]
    fn get_inputs(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if let Some((inputs, _)) = running(this) {
            return Ok(inputs.clone_ref(py).into_any());
        }
        // SAFETY: attached to Python.
        if let Some(inputs) = unsafe { &*this.inputs_by_hand.get() } {
            return Ok(inputs.clone_ref(py));
        }
        let creator = this.creator()?;
        // SAFETY: attached to Python; the vector is nobody else's from here on.
        let remembered = std::mem::take(unsafe { &mut *this.inputs.get() });
        let mut remembered = remembered.into_iter();
        // A function of the engine is not held by the graph.
        // SAFETY: attached to Python.
        let is_free = unsafe { (*this.held.get()).is_some() };
        let mut inputs = Vec::new();
        let mut remember = Vec::new();
        for x in call(|| creator.operands())? {
            let before = remembered.next().flatten();
            // What others hold must not be held here, by the graph: it may have a gradient that leads back to this
            // function.
            let holds = is_free || before.is_some() || x.handles() == 1;
            let input = match before {
                Some(input) => input.into_bound(py),
                None => wrap(py, x)?,
            };
            remember.push(holds.then(|| input.clone().unbind()));
            inputs.push(input);
        }
        this.inputs.set(remember);
        Ok(PyList::new(py, inputs)?.into_any().unbind())
    }

    #[setter]
    fn set_inputs(&self, inputs: Py<PyAny>) {
        self.inputs_by_hand.set(Some(inputs));
    }

    /// The variables that the function computed, as references to be called.
    #[getter]
    fn get_outputs(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if let Some((_, outputs)) = running(this) {
            return Ok(outputs.clone_ref(py).into_any());
        }
        // SAFETY: attached to Python.
        if let Some(outputs) = unsafe { &*this.outputs_by_hand.get() } {
            return Ok(outputs.clone_ref(py));
        }
        let mut alive = Vec::new();
        for result in this.creator()?.results() {
            alive.push(result.map(|result| wrap(py, result)).transpose()?);
        }
        Ok(references(py, alive)?.into_any().unbind())
    }

    #[setter]
    fn set_outputs(&self, outputs: Py<PyAny>) {
        self.outputs_by_hand.set(Some(outputs));
    }

    /// How many functions lie between the leaves and this one, at most.
    #[getter]
    fn get_generation(&self) -> PyResult<usize> {
        // SAFETY: attached to Python.
        if let Some(generation) = unsafe { *self.generation_by_hand.get() } {
            return Ok(generation);
        }
        let generations = self.creator()?.operands();
        Ok(generations
            .iter()
            .map(Variable::generation)
            .max()
            .unwrap_or(0))
    }

    #[setter]
    fn set_generation(&self, generation: usize) {
        self.generation_by_hand.set(Some(generation));
    }

    /// The gradients of the inputs, for a function of the engine that is in a graph.
    #[pyo3(signature = (*gys))]
    fn _engine_backward<'py>(
        slf: &Bound<'py, Self>,
        gys: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let creator = slf.get().creator()?;
        let gys = gys
            .iter()
            .map(|gy| gradient(&gy))
            .collect::<PyResult<Vec<_>>>()?;
        let gxs = call(|| creator.backward(&gys))?;
        let mut all = Vec::with_capacity(gxs.len());
        for gx in gxs {
            all.push(match gx {
                Some(gx) => wrap(py, gx)?.into_any().unbind(),
                None => py.None(),
            });
        }
        match all.len() {
            1 => Ok(all.remove(0).into_bound(py)),
            _ => Ok(PyTuple::new(py, all)?.into_any()),
        }
    }

    /// Takes the place of `y`'s creator.
    fn _stand_for(slf: &Bound<'_, Self>, y: &Bound<'_, PyVariable>) -> PyResult<()> {
        if let Some(creator) = y.get().handle().creator() {
            objects(slf.py())?.set_item(creator.sequence(), slf)?;
            slf.get().inputs.set(Vec::new());
            slf.get().held.set(Some(creator));
        }
        Ok(())
    }

    /// The exponent of a power that the engine computed.
    #[getter]
    fn _exponent(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let creator = slf.get().creator()?;
        let exponent = creator.with_function(|function| {
            let power = function.downcast_ref::<dezero::functions::PowNumber>();
            power.map(dezero::functions::PowNumber::exponent)
        });
        match exponent.flatten() {
            Some(c) if c.fract() == 0.0 => Ok((c as i64).into_pyobject(py)?.into_any().unbind()),
            Some(c) => Ok(c.into_pyobject(py)?.into_any().unbind()),
            None => Err(PyAttributeError::new_err("c")),
        }
    }

    #[getter]
    fn _sequence(&self) -> PyResult<u64> {
        Ok(self.creator()?.sequence())
    }
}

/// Names of classes live as long as the process, as the engine wants them.
pub fn class_name(name: &Bound<'_, PyString>) -> PyResult<&'static str> {
    use std::collections::HashMap;
    use std::sync::Mutex;
    static NAMES: Mutex<Option<HashMap<String, &'static str>>> = Mutex::new(None);
    let name = name.to_cow()?;
    let mut names = NAMES.lock().expect("not poisoned");
    let names = names.get_or_insert_default();
    if let Some(name) = names.get(&*name) {
        return Ok(name);
    }
    let kept: &'static str = Box::leak(name.clone().into_owned().into_boxed_str());
    names.insert(name.into_owned(), kept);
    Ok(kept)
}

/// Objects that stand for functions of the engine, by sequence number, as long as somebody holds them.
fn objects(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static OBJECTS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let objects = OBJECTS.get_or_try_init(py, || {
        let weak = py.import("weakref")?.getattr("WeakValueDictionary")?;
        weak.call0().map(Bound::unbind)
    })?;
    Ok(objects.bind(py))
}

/// The object that stands for `creator` in Python.
pub fn object_of(py: Python<'_>, creator: Creator) -> PyResult<Bound<'_, PyAny>> {
    let foreign = creator.with_function(|function| {
        let foreign = function.downcast_ref::<Foreign>();
        foreign.map(|foreign| foreign.object.clone_ref(py))
    });
    if let Some(Some(object)) = foreign {
        return Ok(object.into_bound(py));
    }
    let sequence = creator.sequence();
    if let Ok(object) = objects(py)?.get_item(sequence) {
        return Ok(object);
    }
    let core = py.import(intern!(py, "dezero.engine_function"))?;
    let class = core.call_method1(intern!(py, "class_of"), (creator.name(),))?;
    let object = class.call_method1(intern!(py, "__new__"), (&class,))?;
    object.cast::<PyFunction>()?.get().held.set(Some(creator));
    objects(py)?.set_item(sequence, &object)?;
    Ok(object)
}

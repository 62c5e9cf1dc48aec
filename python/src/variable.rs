//! `Variable` and `Parameter`: the engine's variable with NumPy's manners.

use dezero::{Array, BackwardOptions, DType, Variable};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::call::call;
use crate::foreign;
use crate::function;
use crate::ndarray::{self, Attached};
use crate::value::Value;

/// An array that remembers how it was computed.
///
/// Args:
///     data: a NumPy array, or None for a value that comes later.
///     name: a name for pictures of the graph.
#[pyclass(
    name = "Variable",
    module = "dezero.core",
    frozen,
    subclass,
    dict,
    weakref
)]
pub struct PyVariable {
    pub engine: Variable,
    pub value: Attached<Value>,
    /// Keeps `x.grad` one object, whose exported arrays are known.
    grad: Attached<Option<Py<PyVariable>>>,
    /// A creator that was set by hand.
    creator: Attached<Option<Py<PyAny>>>,
    /// Whether the graph does not know of it yet.
    is_to_be_connected: Attached<bool>,
}

// SAFETY: the cell is only touched while attached to Python.
unsafe impl Sync for PyVariable {}

/// The object that stands for `x` in Python.
pub fn wrap(py: Python<'_>, x: Variable) -> PyResult<Bound<'_, PyVariable>> {
    let tag = x.tag() as *mut pyo3::ffi::PyObject;
    // SAFETY: objects take their tag back when they go, which needs the GIL too; one whose
    // deallocation has begun has no references.
    unsafe {
        if !tag.is_null() && pyo3::ffi::Py_REFCNT(tag) > 0 {
            return Ok(Bound::from_borrowed_ptr(py, tag).cast_into_unchecked());
        }
    }
    wrap_new(py, x)
}

/// [`wrap`] for what no Python object stands for yet.
#[inline]
pub fn wrap_new(py: Python<'_>, engine: Variable) -> PyResult<Bound<'_, PyVariable>> {
    let object = Bound::new(py, PyVariable::around(engine))?;
    object.get().engine.set_tag(object.as_ptr() as usize);
    Ok(object)
}

impl PyVariable {
    fn around(engine: Variable) -> PyVariable {
        PyVariable {
            engine,
            value: Attached::new(Value::Engine),
            grad: Attached::new(None),
            creator: Attached::new(None),
            is_to_be_connected: Attached::new(false),
        }
    }

    /// The engine's variable, with the value as it is now.
    #[inline]
    pub fn engine<'a>(slf: &'a Bound<'_, PyVariable>) -> PyResult<&'a Variable> {
        let this = slf.get();
        if this.engine.tag() == 0 {
            this.engine.set_tag(slf.as_ptr() as usize);
        }
        if !matches!(this.value(), Value::Engine) {
            this.refresh(slf.py())?;
        }
        // SAFETY: attached to Python.
        if unsafe { *this.is_to_be_connected.get() } {
            foreign::connect(slf)?;
        }
        Ok(&this.engine)
    }

    /// The creator that was set by hand.
    pub fn creator_by_hand<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: attached to Python.
        let creator = unsafe { &*self.creator.get() };
        creator.as_ref().map(|creator| creator.bind(py).clone())
    }

    /// The graph knows of the creator that was set by hand.
    pub fn is_connected(&self) {
        self.is_to_be_connected.set(false);
    }

    /// The engine's variable without its value.
    pub fn handle(&self) -> &Variable {
        &self.engine
    }

    fn python_dtype(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.value() {
            Value::Given(array) => array.getattr(py, intern!(py, "dtype")),
            Value::Nothing => Err(no_data("dtype")),
            _ => Ok(ndarray::numpy_dtype(py, self.engine.dtype())),
        }
    }

    fn python_shape(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.value() {
            Value::Given(array) => array.getattr(py, intern!(py, "shape")),
            Value::Nothing => Err(no_data("shape")),
            _ => {
                let shape = self.engine.shape();
                Ok(PyTuple::new(py, shape.iter())?.into_any().unbind())
            }
        }
    }

    /// The gradient as it is now, whether NumPy wrote to it or not.
    pub fn grad_engine(slf: &Bound<'_, PyVariable>) -> PyResult<Option<Variable>> {
        let Some(grad) = slf.get().engine.grad() else {
            return Ok(None);
        };
        if grad.tag() == 0 {
            return Ok(Some(grad));
        }
        let grad = wrap(slf.py(), grad)?;
        Ok(Some(PyVariable::engine(&grad)?.clone()))
    }

    pub fn set_grad_engine(&self, grad: Option<&Variable>) {
        match grad {
            Some(grad) => self.engine.set_grad(grad),
            None => self.engine.clear_grad(),
        }
        self.grad.set(None);
    }
}

fn no_data(attribute: &str) -> PyErr {
    PyAttributeError::new_err(format!("the data is None and has no {attribute}"))
}

/// Whether `object` is a number of Python or NumPy.
pub fn is_number(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.is_instance_of::<pyo3::types::PyFloat>()
        || object.is_instance_of::<pyo3::types::PyInt>()
        || ndarray::is_numpy_scalar(object)?)
}

/// The original's words for what is not an array.
pub fn unsupported(object: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("{} is not supported", object.get_type()))
}

#[pymethods]
impl PyVariable {
    /// How NumPy's operators know to leave `array * variable` to us.
    #[classattr]
    fn __array_priority__() -> i32 {
        200
    }

    #[classattr]
    fn __array_ufunc__(py: Python<'_>) -> Py<PyAny> {
        py.None()
    }

    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(data, name=None)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyVariable {
        let this = PyVariable::around(Variable::new(Array::zeros([0], DType::F32)));
        this.value.set(Value::Nothing);
        this
    }

    #[pyo3(signature = (data, name=None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        data: &Bound<'_, PyAny>,
        name: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if !data.is_none() && !ndarray::is_ndarray(data) {
            return Err(unsupported(data));
        }
        slf.get().engine.set_tag(slf.as_ptr() as usize);
        PyVariable::set_array(slf, data)?;
        match name {
            Some(name) => slf.get().set_name(Some(name)),
            None => Ok(()),
        }
    }

    /// The value: a NumPy array that shares memory with the variable.
    #[getter]
    fn get_data(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        PyVariable::array(slf)
    }

    #[setter]
    fn set_data(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        PyVariable::set_array(slf, data)
    }

    /// The gradient that `backward` left here, a Variable, or None.
    #[getter]
    pub fn get_grad<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyVariable>>> {
        let (py, this) = (slf.py(), slf.get());
        let Some(grad) = this.engine.grad() else {
            this.grad.set(None);
            return Ok(None);
        };
        let object = wrap(py, grad)?;
        this.grad.set(Some(object.clone().unbind()));
        Ok(Some(object))
    }

    #[setter]
    fn set_grad(slf: &Bound<'_, Self>, grad: &Bound<'_, PyAny>) -> PyResult<()> {
        let this = slf.get();
        if grad.is_none() {
            this.set_grad_engine(None);
            return Ok(());
        }
        let grad = match grad.cast::<PyVariable>() {
            Ok(grad) => grad.clone(),
            Err(_) if ndarray::is_ndarray(grad) || is_number(grad)? => {
                // core_simple's gradients are arrays.
                let x = ndarray::from_numpy(&ndarray::as_ndarray(grad)?)?;
                wrap_new(slf.py(), Variable::constant(x))?
            }
            Err(_) => return Err(unsupported(grad)),
        };
        if !this.is_nothing() {
            PyVariable::engine(slf)?;
        }
        let engine = PyVariable::engine(&grad)?;
        call(|| this.engine.set_grad(engine))?;
        this.grad.set(Some(grad.unbind()));
        Ok(())
    }

    /// Whether there is a gradient; faster than to make its object.
    #[getter]
    fn has_grad(&self) -> bool {
        self.engine.grad().is_some()
    }

    /// Whether the data is None; faster than to make its array.
    #[getter]
    fn is_none(&self) -> bool {
        self.is_nothing()
    }

    /// The function that computed this variable, or None.
    #[getter]
    fn get_creator<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some(creator) = slf.get().creator_by_hand(slf.py()) {
            return Ok(Some(creator));
        }
        match slf.get().engine.creator() {
            Some(creator) => function::object_of(slf.py(), creator).map(Some),
            None => Ok(None),
        }
    }

    #[setter(creator)]
    fn replace_creator(slf: &Bound<'_, Self>, creator: &Bound<'_, PyAny>) -> PyResult<()> {
        let this = slf.get();
        if creator.is_none() {
            return this.unchain();
        }
        // Its inputs may be set later: the graph hears of them when the variable is used.
        this.creator.set(Some(creator.clone().unbind()));
        this.is_to_be_connected.set(true);
        Ok(())
    }

    /// Records that `func` computed this variable: an object with `inputs`, `generation` and `backward`, as a `Function`
    /// is, or `input` in place of `inputs`. To be called before the variable is computed with.
    #[pyo3(name = "set_creator")]
    fn set_creator_method(slf: &Bound<'_, Self>, func: &Bound<'_, PyAny>) -> PyResult<()> {
        PyVariable::replace_creator(slf, func)
    }

    /// How many functions lie between this variable and the leaves, at most.
    #[getter]
    fn generation(slf: &Bound<'_, Self>) -> PyResult<usize> {
        let py = slf.py();
        if let Some(creator) = slf.get().creator_by_hand(py)
            && let Ok(generation) = creator.getattr(intern!(py, "generation"))
        {
            return Ok(generation.extract::<usize>()? + 1);
        }
        Ok(slf.get().engine.generation())
    }

    #[getter]
    pub fn get_name(&self) -> Option<String> {
        self.engine.name()
    }

    #[setter]
    fn set_name(&self, name: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        match name {
            Some(name) if !name.is_none() => {
                self.engine.set_name(&name.str()?.to_cow()?);
            }
            _ => self.engine.clear_name(),
        }
        Ok(())
    }

    #[getter]
    fn shape(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.python_shape(py)
    }

    #[getter]
    fn ndim(&self, py: Python<'_>) -> PyResult<usize> {
        match self.value() {
            Value::Given(array) => array.getattr(py, intern!(py, "ndim"))?.extract(py),
            Value::Nothing => Err(no_data("ndim")),
            _ => Ok(self.engine.ndim()),
        }
    }

    #[getter]
    fn size(&self, py: Python<'_>) -> PyResult<usize> {
        match self.value() {
            Value::Given(array) => array.getattr(py, intern!(py, "size"))?.extract(py),
            Value::Nothing => Err(no_data("size")),
            _ => Ok(self.engine.size()),
        }
    }

    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.python_dtype(py)
    }

    pub fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        match slf.get().value() {
            Value::Engine | Value::Exported(_) => {
                let shape = slf.get().engine.shape();
                let first = shape.first();
                first
                    .copied()
                    .ok_or_else(|| PyTypeError::new_err("len() of unsized object"))
            }
            Value::Given(array) => array.bind(slf.py()).len(),
            Value::Nothing => Err(PyTypeError::new_err("the data is None and has no len()")),
        }
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let data = PyVariable::array(slf)?;
        if data.is_none(slf.py()) {
            return Ok("variable(None)".to_owned());
        }
        let text = data.bind(slf.py()).str()?;
        Ok(format!(
            "variable({})",
            text.to_cow()?.replace('\n', "\n         ")
        ))
    }

    /// Computes the gradients of this variable with respect to all that it was computed from.
    ///
    /// Args:
    ///     retain_grad: keep the gradients of intermediate variables too.
    ///     create_graph: record the computation of the gradients, to differentiate them in turn.
    #[pyo3(signature = (retain_grad=false, create_graph=false))]
    fn backward(slf: &Bound<'_, Self>, retain_grad: bool, create_graph: bool) -> PyResult<()> {
        let py = slf.py();
        let engine = PyVariable::engine(slf)?;
        let mut options = BackwardOptions::new()
            .retain_grad(retain_grad)
            .create_graph(create_graph);
        let is_leaf = engine.creator().is_none();
        let seed = PyVariable::grad_engine(slf)?;
        let has_seed = seed.is_some();
        if let Some(seed) = seed {
            options = options.seed(seed);
            if !is_leaf && !retain_grad {
                slf.get().set_grad_engine(None);
            } else if is_leaf {
                return Ok(());
            }
        }
        if create_graph && !has_seed {
            // A leaf: what is computed from it alone has a creator too, as in the original.
            let y = engine.data();
            options = options.seed(Variable::new(Array::ones(y.shape(), y.dtype())));
        }
        py.detach(|| call(|| engine.backward_with(options)))
    }

    /// Forgets the gradient.
    fn cleargrad(&self) {
        self.set_grad_engine(None);
    }

    /// Forgets how this variable was computed: gradients stop here.
    fn unchain(&self) -> PyResult<()> {
        self.creator.set(None);
        self.is_to_be_connected.set(false);
        call(|| self.engine.unchain())
    }

    /// Forgets how everything before this variable was computed.
    fn unchain_backward(slf: &Bound<'_, Self>) -> PyResult<()> {
        let engine = PyVariable::engine(slf)?;
        call(|| engine.unchain_backward())
    }

    /// Nothing to do: the value lives on the CPU.
    fn to_cpu(&self) {}

    /// Refuses: the Python package has no GPU.
    fn to_gpu(&self) -> PyResult<()> {
        Err(pyo3::exceptions::PyRuntimeError::new_err(
            "no GPU: this package computes on the CPU",
        ))
    }

    /// The same value, cut from the graph.
    fn detach<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyVariable>> {
        wrap_new(slf.py(), PyVariable::engine(slf)?.detach())
    }
}

/// A variable that is trained: what layers find among their attributes.
#[pyclass(name = "Parameter", module = "dezero.core", extends = PyVariable, frozen, subclass)]
pub struct PyParameter;

#[pymethods]
impl PyParameter {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(data, name=None)")]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<PyParameter> {
        PyClassInitializer::from(PyVariable::new(_args, _kwargs)).add_subclass(PyParameter)
    }
}

//! `Variable` and `Parameter`: the engine's variable with NumPy's manners.
//!
//! The value may be shared with NumPy, which writes when it likes. While it may, the NumPy array is what
//! counts, and each use in an operation takes a copy, so that no graph is corrupted. When nobody else
//! holds the array any more, the elements are the engine's alone and nothing is copied.

use dezero::{Array, BackwardOptions, DType, Variable};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::call::{HEAVY, call, call_detached};
use crate::function;
use crate::functions;
use crate::indices;
use crate::ndarray::{self, Attached, Memory};
use crate::operators::{self, Operator};

/// Where the value is.
enum Value {
    /// In the engine alone.
    Engine,
    /// In an array that was handed in.
    Given(Py<PyAny>),
    /// In arrays that were handed out; they hold the memory, and the memory tells when it goes.
    Exported(*mut pyo3::ffi::PyObject),
    /// Nowhere: the data is None.
    Nothing,
}

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
    engine: Variable,
    value: Attached<Value>,
    /// Keeps `x.grad` one object, whose exported arrays are known.
    grad: Attached<Option<Py<PyVariable>>>,
    /// A creator that was set by hand.
    creator: Attached<Option<Py<PyAny>>>,
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
        }
    }

    fn value(&self) -> &Value {
        // SAFETY: attached to Python; nobody keeps the reference over a change.
        unsafe { &*self.value.get() }
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
        Ok(&this.engine)
    }

    /// The engine's variable without its value.
    pub fn handle(&self) -> &Variable {
        &self.engine
    }

    #[cold]
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        match self.value() {
            Value::Engine => {}
            Value::Given(array) => {
                let data = ndarray::from_numpy(array.bind(py))?;
                // Types that the engine lacks stay in NumPy's keeping.
                let stays = !ndarray::is_sole_owner(array)
                    || ndarray::native_dtype(array.bind(py)).is_none();
                self.engine.update_data(|own| *own = data);
                if !stays {
                    self.value.set(Value::Engine);
                }
            }
            Value::Exported(memory) => {
                let data = self.memory(py, *memory).get().array().copy();
                self.engine.update_data(|own| *own = data);
            }
            Value::Nothing => {
                return Err(PyTypeError::new_err(
                    "the variable has no data (None) to compute with",
                ));
            }
        }
        Ok(())
    }

    fn memory<'py>(&self, py: Python<'py>, memory: *mut pyo3::ffi::PyObject) -> Bound<'py, Memory> {
        // SAFETY: the memory tells (`take_back`) before it goes.
        unsafe { Bound::from_borrowed_ptr(py, memory).cast_into_unchecked() }
    }

    /// The arrays that were handed out are gone: the elements belong to the engine again.
    pub fn take_back(&self, array: Array) {
        self.engine.update_data(|own| *own = array);
        self.value.set(Value::Engine);
    }

    fn set_value(&self, py: Python<'_>, value: Value) {
        if let Value::Exported(memory) = self.value() {
            self.memory(py, *memory).get().forget_variable();
        }
        self.value.set(value);
    }

    pub fn is_nothing(&self) -> bool {
        matches!(self.value(), Value::Nothing)
    }

    /// The value as a NumPy array that shares memory with this variable.
    pub fn array(slf: &Bound<'_, PyVariable>) -> PyResult<Py<PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        match this.value() {
            Value::Nothing => Ok(py.None()),
            Value::Given(array) => Ok(array.clone_ref(py)),
            Value::Exported(memory) => Memory::view(&this.memory(py, *memory)),
            Value::Engine => {
                let mut data = None;
                this.engine.update_data(|own| {
                    ndarray::own(own);
                    data = Some(own.clone());
                });
                let data = data.expect("set above");
                let memory = Bound::new(py, Memory::new(data, Some(this)))?;
                this.value.set(Value::Exported(memory.as_ptr()));
                Memory::view(&memory)
            }
        }
    }

    /// Replaces the value by a NumPy array, which is shared.
    pub fn set_array(slf: &Bound<'_, PyVariable>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if data.is_none() {
            this.set_value(py, Value::Nothing);
            return Ok(());
        }
        if ndarray::is_ndarray(data) {
            if let Value::Exported(memory) = this.value()
                && Memory::is_viewed_by(&this.memory(py, *memory), data)
            {
                // `x.data -= …`: NumPy has written it already.
                return Ok(());
            }
            this.set_value(py, Value::Given(data.clone().unbind()));
            return Ok(());
        }
        if is_number(data)? {
            let array = ndarray::as_ndarray(data)?;
            this.set_value(py, Value::Given(array.unbind()));
            return Ok(());
        }
        Err(unsupported(data))
    }

    /// Changes the value in the engine; arrays that were handed in or out see it too.
    pub fn update<R>(
        slf: &Bound<'_, PyVariable>,
        change: impl FnOnce(&mut Array) -> R,
    ) -> PyResult<R> {
        let py = slf.py();
        let engine = PyVariable::engine(slf)?;
        let mut data = engine.data();
        let is_alone = matches!(slf.get().value(), Value::Engine);
        if is_alone {
            drop(data);
            let mut result = None;
            call(|| engine.update_data(|own| result = Some(change(own))))?;
            return Ok(result.expect("set above"));
        }
        let result = call(|| change(&mut data))?;
        let new = ndarray::to_numpy(py, data.clone())?;
        let target = PyVariable::array(slf)?;
        target.bind(py).set_item(py.Ellipsis(), new)?;
        engine.update_data(|own| *own = data);
        Ok(result)
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

impl Drop for PyVariable {
    fn drop(&mut self) {
        self.engine.set_tag(0);
        if let Value::Exported(memory) = self.value() {
            // SAFETY: deallocation happens while attached to Python, and the memory is alive.
            unsafe {
                let memory = *memory;
                let py = Python::assume_attached();
                self.memory(py, memory).get().forget_variable();
                if self.engine.handles() > 1 {
                    let data = self.memory(py, memory).get().array().copy();
                    self.engine.update_data(|own| *own = data);
                }
            }
        } else if let Value::Given(array) = self.value()
            && self.engine.handles() > 1
        {
            // SAFETY: as above.
            let py = unsafe { Python::assume_attached() };
            if let Ok(data) = ndarray::from_numpy(array.bind(py)) {
                self.engine.update_data(|own| *own = data);
            }
        }
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
        // SAFETY: attached to Python.
        if let Some(creator) = unsafe { &*slf.get().creator.get() } {
            return Ok(Some(creator.bind(slf.py()).clone()));
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
            this.creator.set(None);
            return call(|| this.engine.unchain());
        }
        this.creator.set(Some(creator.clone().unbind()));
        Ok(())
    }

    /// Records that `func` computed this variable.
    #[pyo3(name = "set_creator")]
    fn set_creator_method(slf: &Bound<'_, Self>, func: &Bound<'_, PyAny>) {
        slf.get().creator.set(Some(func.clone().unbind()));
    }

    /// How many functions lie between this variable and the leaves, at most.
    #[getter]
    fn generation(&self) -> usize {
        self.engine.generation()
    }

    #[getter]
    fn get_name(&self) -> Option<String> {
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

    /// The axes in reverse order.
    #[getter(T)]
    fn transposed<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyVariable>> {
        functions::transpose(slf.as_any(), None)
    }

    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
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

    /// The value, for NumPy's functions.
    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let data = PyVariable::array(slf)?.into_bound(py);
        match (dtype, copy) {
            (Some(dtype), _) => data.call_method1(intern!(py, "astype"), (dtype,)),
            (None, Some(true)) => data.call_method0(intern!(py, "copy")),
            _ => Ok(data),
        }
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
        call(|| self.engine.unchain())
    }

    /// Forgets how everything before this variable was computed.
    fn unchain_backward(&self) -> PyResult<()> {
        call(|| self.engine.unchain_backward())
    }

    /// The same elements under another shape, given as numbers or one tuple.
    #[pyo3(signature = (*shape))]
    fn reshape<'py>(
        slf: &Bound<'py, Self>,
        shape: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyVariable>> {
        let shape = functions::unpacked(shape)?;
        functions::reshape(slf.as_any(), &shape)
    }

    /// The axes in another order, given as numbers or one tuple; reversed without one.
    #[pyo3(signature = (*axes))]
    fn transpose<'py>(
        slf: &Bound<'py, Self>,
        axes: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyVariable>> {
        if axes.is_empty() {
            return functions::transpose(slf.as_any(), None);
        }
        let axes = functions::unpacked(axes)?;
        functions::transpose(slf.as_any(), Some(&axes))
    }

    /// Sum over all elements, or along axes.
    #[pyo3(signature = (axis=None, keepdims=false))]
    fn sum<'py>(
        slf: &Bound<'py, Self>,
        axis: Option<&Bound<'py, PyAny>>,
        keepdims: bool,
    ) -> PyResult<Bound<'py, PyVariable>> {
        functions::sum(slf.as_any(), axis, keepdims)
    }

    /// Largest element, of all or along axes.
    #[pyo3(signature = (axis=None, keepdims=false))]
    fn max<'py>(
        slf: &Bound<'py, Self>,
        axis: Option<&Bound<'py, PyAny>>,
        keepdims: bool,
    ) -> PyResult<Bound<'py, PyVariable>> {
        functions::max(slf.as_any(), axis, keepdims)
    }

    /// Smallest element, of all or along axes.
    #[pyo3(signature = (axis=None, keepdims=false))]
    fn min<'py>(
        slf: &Bound<'py, Self>,
        axis: Option<&Bound<'py, PyAny>>,
        keepdims: bool,
    ) -> PyResult<Bound<'py, PyVariable>> {
        functions::min(slf.as_any(), axis, keepdims)
    }

    /// The matrix product with `W`.
    #[allow(non_snake_case)]
    fn dot<'py>(slf: &Bound<'py, Self>, W: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyVariable>> {
        functions::matmul(slf.as_any(), W)
    }

    /// The matrix product with `W`, under the original's name.
    #[allow(non_snake_case)]
    fn matmaul<'py>(
        slf: &Bound<'py, Self>,
        W: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyVariable>> {
        functions::matmul(slf.as_any(), W)
    }

    /// The matrix product with `W`.
    #[allow(non_snake_case)]
    fn matmul<'py>(
        slf: &Bound<'py, Self>,
        W: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyVariable>> {
        functions::matmul(slf.as_any(), W)
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

    /// The only element as a Python number.
    fn item(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        PyVariable::array(slf)?.call_method0(py, intern!(py, "item"))
    }

    /// The value as a DLPack capsule, without a copy.
    #[pyo3(signature = (**options))]
    fn __dlpack__<'py>(
        slf: &Bound<'py, Self>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = PyVariable::array(slf)?.into_bound(slf.py());
        array.call_method("__dlpack__", (), options)
    }

    fn __dlpack_device__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let array = PyVariable::array(slf)?.into_bound(slf.py());
        array.call_method0("__dlpack_device__")
    }

    /// Pickles value, name, gradient and attributes; not the graph.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let data = PyVariable::array(slf)?;
        let grad = match PyVariable::get_grad(slf)? {
            Some(grad) => PyVariable::array(&grad)?,
            None => py.None(),
        };
        let attributes = slf.getattr("__dict__")?;
        let rebuild = py.import("dezero.core")?.getattr("_rebuild_variable")?;
        let arguments = (slf.get_type(), data, slf.get().get_name(), grad, attributes);
        PyTuple::new(py, [rebuild, arguments.into_pyobject(py)?.into_any()])
    }

    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        slices: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyVariable>> {
        indices::get_item(slf.as_any(), slices)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let n = PyVariable::__len__(slf)?;
        let items = (0..n).map(|i| {
            let i = i.into_pyobject(slf.py())?;
            indices::get_item(slf.as_any(), i.as_any())
        });
        let items = items.collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(slf.py(), items)?
            .try_iter()
            .map(Bound::into_any)
    }

    fn __add__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::Add, false)
    }

    fn __radd__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::Add, true)
    }

    fn __sub__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::Sub, false)
    }

    fn __rsub__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::Sub, true)
    }

    fn __mul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::Mul, false)
    }

    fn __rmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::Mul, true)
    }

    fn __truediv__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::Div, false)
    }

    fn __rtruediv__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::Div, true)
    }

    fn __matmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::MatMul, false)
    }

    fn __rmatmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::MatMul, true)
    }

    fn __pow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        _modulo: &Bound<'py, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        operators::power(slf, other)
    }

    fn __rpow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        _modulo: &Bound<'py, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        operators::binary(slf, other, Operator::Pow, true)
    }

    fn __neg__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyVariable>> {
        let x = PyVariable::engine(slf)?;
        let heavy = x.size() >= HEAVY;
        wrap_new(slf.py(), call_detached(slf.py(), heavy, || -x)?)
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

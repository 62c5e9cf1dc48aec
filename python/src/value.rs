//! Where a variable's value is: with the engine, with NumPy, or with both.
//!
//! The value may be shared with NumPy, which writes when it likes. While it may, the NumPy array is what
//! counts, and each use in an operation takes a copy, so that no graph is corrupted. When nobody else
//! holds the array any more, the elements are the engine's alone and nothing is copied.

use dezero::Array;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::call::call;
use crate::ndarray::{self, Memory};
use crate::variable::{PyVariable, is_number, unsupported};

/// Where the value is.
pub enum Value {
    /// In the engine alone.
    Engine,
    /// In an array that was handed in.
    Given(Py<PyAny>),
    /// In arrays that were handed out; they hold the memory, and the memory tells when it goes.
    Exported(*mut pyo3::ffi::PyObject),
    /// Nowhere: the data is None.
    Nothing,
}

impl PyVariable {
    pub fn value(&self) -> &Value {
        // SAFETY: attached to Python; nobody keeps the reference over a change.
        unsafe { &*self.value.get() }
    }

    #[cold]
    pub fn refresh(&self, py: Python<'_>) -> PyResult<()> {
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

//! NumPy arrays from and to the engine's arrays.

use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::ptr::NonNull;

use dezero::{Array, DType, Shape};
use dezero_array::{Element, match_dtype};
use numpy::npyffi::{
    self, NPY_ARRAY_ALIGNED, NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_CARRAY, NPY_ARRAY_OWNDATA,
    NPY_TYPES, PY_ARRAY_API, PyArrayObject, npy_intp,
};
use numpy::{PyArrayDescr, PyArrayDescrMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType, PyWeakrefMethods, PyWeakrefReference};

use crate::variable::PyVariable;

/// What [`PyVariable`] and its arrays tell each other; touched only while attached to Python.
pub struct Attached<T>(UnsafeCell<T>);

// SAFETY: every access has a `Python` token or happens in a deallocation, so under the GIL.
unsafe impl<T> Sync for Attached<T> {}
unsafe impl<T> Send for Attached<T> {}

impl<T> Attached<T> {
    pub fn new(value: T) -> Attached<T> {
        Attached(UnsafeCell::new(value))
    }

    /// The value; no reference that it gives out may live over a call into Python.
    pub fn get(&self) -> *mut T {
        self.0.get()
    }

    pub fn set(&self, value: T) {
        // SAFETY: see above; the old value is dropped after it was replaced.
        let old = unsafe { std::mem::replace(&mut *self.0.get(), value) };
        drop(old);
    }
}

/// The elements behind a NumPy array that was handed out, and whose value they are.
#[pyclass(name = "_Memory", module = "dezero._dezero", frozen)]
pub struct Memory {
    array: Attached<Array>,
    variable: Attached<Option<NonNull<PyVariable>>>,
    /// The array over these elements that was handed out last: `x.data is x.data`.
    last: Attached<Option<Py<PyWeakrefReference>>>,
}

impl Memory {
    /// `array` must be contiguous.
    pub fn new(array: Array, variable: Option<&PyVariable>) -> Memory {
        Memory {
            array: Attached::new(array),
            variable: Attached::new(variable.map(NonNull::from)),
            last: Attached::new(None),
        }
    }

    /// The elements as they are now. It may share them with NumPy, which may write.
    pub fn array(&self) -> Array {
        // SAFETY: see `Attached`.
        unsafe { (*self.array.get()).clone() }
    }

    /// The variable has another value from now on.
    pub fn forget_variable(&self) {
        self.variable.set(None);
    }

    /// A NumPy array of these elements, which it can write to.
    pub fn view(slf: &Bound<'_, Memory>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        // SAFETY: see `Attached`.
        if let Some(last) = unsafe { &*slf.get().last.get() }
            && let Some(view) = last.bind(py).upgrade()
        {
            return Ok(view.unbind());
        }
        // SAFETY: see `Attached`; the array stays where it is while `slf` lives.
        let array = unsafe { &*slf.get().array.get() };
        let data = pointer(array);
        let mut dims: [npy_intp; 64] = [0; 64];
        for (dim, &n) in dims.iter_mut().zip(array.shape()) {
            *dim = n as npy_intp;
        }
        // SAFETY: the elements lie at `data` in row-major order, and live as long as the base,
        // which the new array takes over.
        unsafe {
            let descr = PY_ARRAY_API.PyArray_DescrFromType(py, type_number(array.dtype()));
            let view = PY_ARRAY_API.PyArray_NewFromDescr(
                py,
                npyffi::get_type_object(py, npyffi::NpyTypes::PyArray_Type),
                descr,
                array.ndim() as c_int,
                dims.as_mut_ptr(),
                std::ptr::null_mut(),
                data.cast_mut().cast(),
                NPY_ARRAY_CARRAY,
                std::ptr::null_mut(),
            );
            let view = Bound::from_owned_ptr_or_err(py, view)?;
            let base = slf.clone().into_ptr();
            if PY_ARRAY_API.PyArray_SetBaseObject(py, view.as_ptr().cast(), base) < 0 {
                return Err(PyErr::fetch(py));
            }
            let last = PyWeakrefReference::new(&view)?;
            slf.get().last.set(Some(last.unbind()));
            Ok(view.unbind())
        }
    }

    /// Whether `object` is a NumPy array of exactly these elements.
    pub fn is_viewed_by(slf: &Bound<'_, Memory>, object: &Bound<'_, PyAny>) -> bool {
        // SAFETY: see `Attached`.
        let array = unsafe { &*slf.get().array.get() };
        // SAFETY: the caller found `object` to be an array.
        let fields = unsafe { &(*object.as_ptr().cast::<PyArrayObject>()).fields };
        fields.base == slf.as_ptr()
            && fields.data as *const u8 == pointer(array)
            && fields.flags & NPY_ARRAY_C_CONTIGUOUS != 0
            && shape_of(fields)[..] == *array.shape()
            && native_dtype(object) == Some(array.dtype())
    }
}

impl Drop for Memory {
    /// Nobody can write any more: the elements are the variable's.
    fn drop(&mut self) {
        // SAFETY: see `Attached`; the variable takes its address out when it goes first.
        unsafe {
            if let Some(variable) = *self.variable.get() {
                variable.as_ref().take_back((*self.array.get()).clone());
            }
        }
    }
}

fn pointer(array: &Array) -> *const u8 {
    match_dtype!(array.dtype(), T => {
        array.as_slice::<T>().expect("contiguous").as_ptr().cast()
    })
}

fn type_number(dtype: DType) -> c_int {
    let number = match dtype {
        DType::Bool => NPY_TYPES::NPY_BOOL,
        // The one that prints as int64 on this system.
        DType::I64 if size_of::<std::ffi::c_long>() == 8 => NPY_TYPES::NPY_LONG,
        DType::I64 => NPY_TYPES::NPY_LONGLONG,
        DType::F32 => NPY_TYPES::NPY_FLOAT,
        DType::F64 => NPY_TYPES::NPY_DOUBLE,
    };
    number as c_int
}

/// A new NumPy array of the elements of `array`, without a copy where nobody else has them.
pub fn to_numpy(py: Python<'_>, mut array: Array) -> PyResult<Py<PyAny>> {
    own(&mut array);
    Memory::view(&Bound::new(py, Memory::new(array, None))?)
}

/// Gives `array` elements of its own, in row-major order.
pub fn own(array: &mut Array) {
    match_dtype!(array.dtype(), T => {
        array.as_mut_slice::<T>();
    });
}

pub fn is_ndarray(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: `object` is alive.
    unsafe { npyffi::PyArray_Check(object.py(), object.as_ptr()) != 0 }
}

/// NumPy's dtype object.
pub fn numpy_dtype(py: Python<'_>, dtype: DType) -> Py<PyAny> {
    let descr = match dtype {
        DType::Bool => numpy::dtype::<bool>(py),
        DType::I64 => numpy::dtype::<i64>(py),
        DType::F32 => numpy::dtype::<f32>(py),
        DType::F64 => numpy::dtype::<f64>(py),
    };
    descr.into_any().unbind()
}

/// The engine's type for a NumPy dtype: its own, or the one that holds its values.
pub fn engine_dtype(descr: &Bound<'_, PyArrayDescr>) -> Option<DType> {
    match (descr.kind(), descr.itemsize()) {
        (b'b', _) => Some(DType::Bool),
        (b'i' | b'u', _) => Some(DType::I64),
        (b'f', 2 | 4) => Some(DType::F32),
        (b'f', _) => Some(DType::F64),
        _ => None,
    }
}

/// The engine's type of an array's elements, if the engine has it.
pub fn native_dtype(array: &Bound<'_, PyAny>) -> Option<DType> {
    // SAFETY: the caller found `array` to be an array.
    let descr = unsafe { &*(*array.as_ptr().cast::<PyArrayObject>()).fields.descr };
    let fields = &descr.fields;
    if fields.byteorder as u8 == b'>' {
        return None;
    }
    match fields.kind as u8 {
        b'b' => Some(DType::Bool),
        b'i' if matches!(fields.type_num, 7 | 9) && is_eight_bytes(fields.type_num) => {
            Some(DType::I64)
        }
        b'f' if fields.type_num == NPY_TYPES::NPY_FLOAT as c_int => Some(DType::F32),
        b'f' if fields.type_num == NPY_TYPES::NPY_DOUBLE as c_int => Some(DType::F64),
        _ => None,
    }
}

/// `long` has four bytes on some systems.
fn is_eight_bytes(type_number: c_int) -> bool {
    type_number == NPY_TYPES::NPY_LONGLONG as c_int || size_of::<std::ffi::c_long>() == 8
}

fn shape_of(fields: &npyffi::PyArrayObject_fields) -> Shape {
    let n = fields.nd as usize;
    if n == 0 {
        return Shape::new();
    }
    // SAFETY: NumPy keeps `nd` sizes there.
    let dims = unsafe { std::slice::from_raw_parts(fields.dimensions, n) };
    dims.iter().map(|&dim| dim as usize).collect()
}

/// Whether only the holder of `array` can write its elements.
pub fn is_sole_owner(array: &Py<PyAny>) -> bool {
    // SAFETY: the caller holds an array.
    unsafe {
        let fields = &(*array.as_ptr().cast::<PyArrayObject>()).fields;
        pyo3::ffi::Py_REFCNT(array.as_ptr()) == 1
            && fields.base.is_null()
            && fields.flags & NPY_ARRAY_OWNDATA != 0
    }
}

/// A copy of a NumPy array. Types that the engine has not come as those that hold their values.
pub fn from_numpy(array: &Bound<'_, PyAny>) -> PyResult<Array> {
    let Some(dtype) = native_dtype(array) else {
        return converted(array);
    };
    // SAFETY: the caller found `array` to be an array.
    let fields = unsafe { &(*array.as_ptr().cast::<PyArrayObject>()).fields };
    let is_plain = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED;
    if fields.flags & is_plain != is_plain {
        return converted(array);
    }
    let shape = shape_of(fields);
    let size = shape.iter().product::<usize>();
    // SAFETY: contiguous, aligned, native byte order: as many elements as the shape says.
    unsafe {
        Ok(match dtype {
            DType::Bool => {
                // NumPy's bytes may be other than 0 and 1.
                let bytes = elements::<u8>(fields, size);
                Array::from_vec(bytes.iter().map(|&byte| byte != 0).collect(), &shape)
            }
            DType::I64 => plain::<i64>(fields, size, &shape),
            DType::F32 => plain::<f32>(fields, size, &shape),
            DType::F64 => plain::<f64>(fields, size, &shape),
        })
    }
}

unsafe fn elements<T>(fields: &npyffi::PyArrayObject_fields, size: usize) -> &[T] {
    if size == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(fields.data.cast::<T>(), size) }
}

unsafe fn plain<T: Element>(
    fields: &npyffi::PyArrayObject_fields,
    size: usize,
    shape: &Shape,
) -> Array {
    let elements = unsafe { elements::<T>(fields, size) };
    if shape.is_empty() {
        return Array::scalar(elements[0]);
    }
    Array::from_slice(elements, shape)
}

/// NumPy brings the elements into order and type.
#[cold]
fn converted(array: &Bound<'_, PyAny>) -> PyResult<Array> {
    let py = array.py();
    let descr = array.getattr(intern!(py, "dtype"))?;
    let descr = descr.cast_into::<PyArrayDescr>()?;
    let Some(dtype) = engine_dtype(&descr) else {
        return Err(PyTypeError::new_err(format!(
            "arrays of dtype {descr} cannot be computed with; bool, integers and floats can"
        )));
    };
    static ARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let new = ARRAY.import(py, "numpy", "array")?;
    let options = PyDict::new(py);
    options.set_item("dtype", numpy_dtype(py, dtype))?;
    options.set_item("order", "C")?;
    from_numpy(&new.call((array,), Some(&options))?)
}

/// Whether `object` is a NumPy scalar such as `np.float64(1)`.
pub fn is_numpy_scalar(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static GENERIC: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    object.is_instance(GENERIC.import(object.py(), "numpy", "generic")?)
}

/// `np.asarray(object)`.
pub fn as_ndarray<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static ASARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    ASARRAY
        .import(object.py(), "numpy", "asarray")?
        .call1((object,))
}

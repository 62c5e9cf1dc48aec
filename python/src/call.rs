//! [`call`]: how Python code enters the engine. A mistake of the caller panics there; here it becomes
//! a Python exception.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

/// `Config.enable_backprop`: of the process, as in the original, where the engine's is of the thread.
static ENABLE_BACKPROP: AtomicBool = AtomicBool::new(true);

/// Arrays from this size on are worth letting other Python threads run meanwhile.
pub const HEAVY: usize = 1 << 14;

thread_local! {
    /// How many calls into the engine are under way: their panics are not printed.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The Python exception that a panic on this thread stands for.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Keeps panics that become exceptions from being printed too.
pub fn silence_caught_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if DEPTH.get() == 0 {
            print(info);
        }
    }));
}

pub fn set_enable_backprop(enable: bool) {
    ENABLE_BACKPROP.store(enable, Ordering::Relaxed);
}

/// Whether operations are recorded here and now.
pub fn is_recording() -> bool {
    ENABLE_BACKPROP.load(Ordering::Relaxed) && dezero::is_recording()
}

/// Runs `work` in the engine under the configuration of the process.
#[inline]
pub fn call<R>(work: impl FnOnce() -> R) -> PyResult<R> {
    struct Leave(usize);
    impl Drop for Leave {
        fn drop(&mut self) {
            DEPTH.set(self.0);
        }
    }
    let depth = DEPTH.get();
    let leave = Leave(depth);
    DEPTH.set(depth + 1);
    let result = catch_unwind(AssertUnwindSafe(|| {
        if ENABLE_BACKPROP.load(Ordering::Relaxed) {
            work()
        } else {
            dezero::no_grad(work)
        }
    }));
    drop(leave);
    result.map_err(exception)
}

/// [`call`], while other Python threads may run if `heavy`.
#[inline]
pub fn call_detached<R: Send>(
    py: Python<'_>,
    heavy: bool,
    work: impl FnOnce() -> R + Send,
) -> PyResult<R> {
    if heavy {
        py.detach(|| call(work))
    } else {
        call(work)
    }
}

/// Leaves the engine with a Python exception, from inside a [`call`].
pub fn raise(error: PyErr) -> ! {
    RAISED.with_borrow_mut(|raised| *raised = Some(error));
    // No hook runs: the exception says it all.
    resume_unwind(Box::new("a Python exception"))
}

/// `raise` where it is an error.
pub fn unwrap<R>(result: PyResult<R>) -> R {
    result.unwrap_or_else(|error| raise(error))
}

#[cold]
fn exception(payload: Box<dyn Any + Send>) -> PyErr {
    if let Some(error) = RAISED.take() {
        return error;
    }
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("the engine failed without a message");
    classify(message)
}

/// The exception that NumPy would raise for the like.
fn classify(message: &str) -> PyErr {
    // Lines of Rust code say nothing to a Python programmer.
    let message = match message.split_once(", recorded at ") {
        Some((head, _)) => head,
        None => message,
    };
    let message = message.to_owned();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&["is out of range", "out of bounds", " axes, the array has "])
        || message.contains("is not in 0..")
    {
        return PyIndexError::new_err(message);
    }
    if has(&[
        "dtype",
        "must be int64",
        "takes floats",
        "takes numbers",
        "has no length",
    ]) {
        return PyTypeError::new_err(message);
    }
    if message.starts_with("backward: the variable is a constant") {
        return PyRuntimeError::new_err(
            "backward: the variable was not computed from a Variable, or was computed under \
             no_grad",
        );
    }
    PyValueError::new_err(message)
}

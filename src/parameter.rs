//! [`Parameter`], [`Buffer`] and [`State`]: what a layer holds besides its settings.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use dezero_array::{Array, DType, Shape};
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;

use crate::variable::{AsVariable, Variable};

/// A shape of which some sizes are not known yet; printed as `[_, 10]`.
#[derive(Clone, PartialEq, Eq)]
pub struct ShapePattern(SmallVec<[Option<usize>; 4]>);

impl ShapePattern {
    /// Whether `shape` has as many axes, and the sizes that are known.
    pub fn matches(&self, shape: &[usize]) -> bool {
        self.0.len() == shape.len()
            && self
                .0
                .iter()
                .zip(shape)
                .all(|(expected, size)| expected.is_none_or(|expected| expected == *size))
    }
}

impl From<&[usize]> for ShapePattern {
    fn from(shape: &[usize]) -> ShapePattern {
        ShapePattern(shape.iter().copied().map(Some).collect())
    }
}

impl<const N: usize> From<[Option<usize>; N]> for ShapePattern {
    fn from(sizes: [Option<usize>; N]) -> ShapePattern {
        ShapePattern(sizes.into_iter().collect())
    }
}

impl fmt::Debug for ShapePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, size) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match size {
                Some(size) => write!(f, "{comma}{size}")?,
                None => write!(f, "{comma}_")?,
            }
        }
        f.write_str("]")
    }
}

impl fmt::Display for ShapePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A variable that a model learns. A clone is another handle to the same parameter.
///
/// It is a [`Variable`] by `Deref`, so that `&parameter` goes wherever a variable goes, in operators too. The value
/// may come later ([`deferred`](Parameter::deferred)): a layer that finds its input size at the
/// first call gives it then, or a file of weights does.
///
/// ```
/// use dezero::Parameter;
/// let w = Parameter::new([[1.0, 2.0]]);
/// (3.0 * &w).sum().backward();
/// assert_eq!(w.grad().unwrap().data().to_vec::<f64>(), [3.0, 3.0]);
/// ```
#[derive(Clone)]
pub struct Parameter(Arc<ParameterInner>);

struct ParameterInner {
    variable: OnceLock<Variable>,
    /// What the value will be, as far as it is known before.
    pattern: ShapePattern,
    dtype: Mutex<DType>,
}

impl Parameter {
    /// A parameter with its first value.
    #[track_caller]
    pub fn new(data: impl Into<Array>) -> Parameter {
        Parameter::from(Variable::new(data))
    }

    /// A parameter whose value comes later; sizes that are not known yet are `None`.
    ///
    /// ```
    /// use dezero::{Array, DType, Parameter};
    /// let w = Parameter::deferred([None, Some(3)], DType::F32);
    /// assert!(w.get().is_none());
    /// let w = w.get_or_init(|| Array::zeros([2, 3], DType::F64));
    /// assert_eq!((&w.shape()[..], w.dtype()), (&[2, 3][..], DType::F32));
    /// ```
    pub fn deferred(pattern: impl Into<ShapePattern>, dtype: DType) -> Parameter {
        Parameter(Arc::new(ParameterInner {
            variable: OnceLock::new(),
            pattern: pattern.into(),
            dtype: Mutex::new(dtype),
        }))
    }

    /// The variable, if it has its value already.
    #[inline]
    pub fn get(&self) -> Option<&Variable> {
        self.0.variable.get()
    }

    /// The variable; where it has no value yet, `init` gives it, converted to the parameter's type.
    ///
    /// # Panics
    /// If the shape is not the one that was announced.
    #[track_caller]
    #[inline]
    pub fn get_or_init(&self, init: impl FnOnce() -> Array) -> &Variable {
        if self.0.variable.get().is_none() {
            self.initialize(init());
        }
        self.0.variable.get().expect("initialized above")
    }

    /// Gives the parameter its first value, or another one of the same shape.
    ///
    /// # Panics
    /// If the shape is not that of the parameter.
    #[track_caller]
    pub fn initialize(&self, data: impl Into<Array>) {
        let data = data.into();
        let pattern = self.pattern();
        if !pattern.matches(data.shape()) {
            panic!(
                "Parameter: the shape is {pattern}, got a value of shape {:?}",
                data.shape()
            );
        }
        let data = data.to_dtype(self.dtype());
        match self.get() {
            Some(variable) => variable.set_data(data),
            // Two threads may make the first call at once: one of them wins, both go on with it.
            None => drop(self.0.variable.set(Variable::new(data))),
        }
    }

    /// The shape, as far as it is known.
    pub fn pattern(&self) -> ShapePattern {
        match self.get() {
            Some(variable) => ShapePattern::from(&variable.shape()[..]),
            None => self.0.pattern.clone(),
        }
    }

    /// The type of the value, present or to come.
    pub fn dtype(&self) -> DType {
        self.get()
            .map_or_else(|| *self.0.dtype.lock(), Variable::dtype)
    }

    /// Converts the value to another type, or settles what type it will have. The gradient is
    /// forgotten.
    pub fn to_dtype(&self, dtype: DType) {
        *self.0.dtype.lock() = dtype;
        if let Some(variable) = self.get() {
            variable.clear_grad();
            variable.update_data(|data| *data = data.to_dtype(dtype));
        }
    }

    /// Whether both handles are of the same parameter.
    pub fn is_same(&self, other: &Parameter) -> bool {
        self.key() == other.key()
    }

    /// A number that tells parameters apart as long as they live.
    pub(crate) fn key(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

impl From<Variable> for Parameter {
    /// The variable as a parameter: both stay the same variable.
    fn from(variable: Variable) -> Parameter {
        Parameter(Arc::new(ParameterInner {
            pattern: ShapePattern::from(&variable.shape()[..]),
            dtype: Mutex::new(variable.dtype()),
            variable: OnceLock::from(variable),
        }))
    }
}

impl Deref for Parameter {
    type Target = Variable;

    /// # Panics
    /// If the parameter has no value yet.
    #[track_caller]
    #[inline]
    fn deref(&self) -> &Variable {
        match self.get() {
            Some(variable) => variable,
            None => panic!(
                "Parameter: no value yet (shape {}): it comes with the layer's first call or with \
                 load_weights",
                self.0.pattern
            ),
        }
    }
}

impl AsVariable for Parameter {
    #[track_caller]
    #[inline]
    fn as_variable(&self) -> Variable {
        (**self).clone()
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(variable) => fmt::Debug::fmt(variable, f),
            None => write!(f, "parameter({} of shape {})", self.dtype(), self.0.pattern),
        }
    }
}

/// An array that belongs to a layer and is saved with it, but is not trained: running statistics.
/// A clone is another handle to the same buffer.
///
/// ```
/// use dezero::{Array, Buffer};
/// let mean = Buffer::new([0.0, 0.0]);
/// mean.update(|mean| *mean += &Array::new([1.0, 2.0]));
/// assert_eq!(mean.data().to_vec::<f64>(), [1.0, 2.0]);
/// ```
#[derive(Clone)]
pub struct Buffer(Arc<BufferInner>);

struct BufferInner {
    data: RwLock<Option<Array>>,
    pattern: ShapePattern,
    dtype: Mutex<DType>,
}

impl Buffer {
    /// A buffer with its first value.
    pub fn new(data: impl Into<Array>) -> Buffer {
        let data = data.into();
        Buffer(Arc::new(BufferInner {
            pattern: ShapePattern::from(data.shape()),
            dtype: Mutex::new(data.dtype()),
            data: RwLock::new(Some(data)),
        }))
    }

    /// A buffer whose value comes later; sizes that are not known yet are `None`.
    pub fn deferred(pattern: impl Into<ShapePattern>, dtype: DType) -> Buffer {
        Buffer(Arc::new(BufferInner {
            data: RwLock::new(None),
            pattern: pattern.into(),
            dtype: Mutex::new(dtype),
        }))
    }

    /// The value, if there is one already.
    pub fn get(&self) -> Option<Array> {
        self.0.data.read().clone()
    }

    /// The value; where there is none yet, `init` gives it, converted to the buffer's type.
    ///
    /// # Panics
    /// If the shape is not the one that was announced.
    #[track_caller]
    pub fn get_or_init(&self, init: impl FnOnce() -> Array) -> Array {
        if let Some(data) = self.get() {
            return data;
        }
        self.set_data(init());
        self.data()
    }

    /// The value.
    ///
    /// # Panics
    /// If there is none yet.
    #[track_caller]
    pub fn data(&self) -> Array {
        match self.get() {
            Some(data) => data,
            None => panic!(
                "Buffer: no value yet (shape {}): it comes with the layer's first call or with \
                 load_weights",
                self.0.pattern
            ),
        }
    }

    /// Replaces the value, or gives the first one.
    ///
    /// # Panics
    /// If the shape is not that of the buffer.
    #[track_caller]
    pub fn set_data(&self, data: impl Into<Array>) {
        let data = data.into();
        let pattern = self.pattern();
        if !pattern.matches(data.shape()) {
            panic!(
                "Buffer: the shape is {pattern}, got a value of shape {:?}",
                data.shape()
            );
        }
        let data = data.to_dtype(self.dtype());
        *self.0.data.write() = Some(data);
    }

    /// Changes the value in place.
    ///
    /// # Panics
    /// If there is none yet.
    #[track_caller]
    pub fn update(&self, update: impl FnOnce(&mut Array)) {
        match &mut *self.0.data.write() {
            Some(data) => update(data),
            None => panic!("Buffer: no value yet (shape {})", self.0.pattern),
        }
    }

    /// The shape, as far as it is known.
    pub fn pattern(&self) -> ShapePattern {
        match &*self.0.data.read() {
            Some(data) => ShapePattern::from(data.shape()),
            None => self.0.pattern.clone(),
        }
    }

    /// The type of the value, present or to come.
    pub fn dtype(&self) -> DType {
        match &*self.0.data.read() {
            Some(data) => data.dtype(),
            None => *self.0.dtype.lock(),
        }
    }

    /// Converts the value to another type, or settles what type it will have.
    pub fn to_dtype(&self, dtype: DType) {
        *self.0.dtype.lock() = dtype;
        if let Some(data) = &mut *self.0.data.write() {
            *data = data.to_dtype(dtype);
        }
    }

    pub(crate) fn key(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(data) => write!(f, "buffer({data})"),
            None => write!(f, "buffer({} of shape {})", self.dtype(), self.0.pattern),
        }
    }
}

/// What a layer remembers from one call to the next, such as the hidden state of a recurrent
/// network: neither trained nor saved. A clone is another handle to the same state.
///
/// [`Layer::reset_state`](crate::Layer::reset_state) empties all states of a model.
#[derive(Clone, Default)]
pub struct State(Arc<Mutex<Option<Variable>>>);

impl State {
    /// An empty state.
    pub fn new() -> State {
        State::default()
    }

    /// The variable that was set last.
    pub fn get(&self) -> Option<Variable> {
        self.0.lock().clone()
    }

    /// Remembers `x`, and with it the graph that it was computed by.
    pub fn set(&self, x: impl Into<Variable>) {
        let old = self.0.lock().replace(x.into());
        // Outside of the lock: this may drop a long graph.
        drop(old);
    }

    /// Forgets.
    pub fn reset(&self) {
        let old = self.0.lock().take();
        drop(old);
    }

    /// Shape of what is remembered.
    pub fn shape(&self) -> Option<Shape> {
        self.0.lock().as_ref().map(Variable::shape)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(x) => write!(f, "state({:?})", x.data()),
            None => f.write_str("state(empty)"),
        }
    }
}

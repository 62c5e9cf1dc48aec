//! [`Variable`]: a shared handle to an array that remembers how it was computed.

use std::fmt;
use std::sync::{Arc, Weak};

use dezero_array::{Array, DType, Device, Shape};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::ancestors;
use crate::backprop;
use crate::creator::Creator;
use crate::node::{Edge, Hook, Node, next_sequence};

/// An array that takes part in differentiation. A clone is another handle to the same variable.
///
/// ```
/// use dezero::Variable;
/// let x = Variable::new(3.0);
/// let y = &x * &x;
/// y.backward();
/// assert_eq!(x.grad().unwrap().item(), 6.0);
/// ```
#[derive(Clone)]
pub struct Variable(pub(crate) Arc<Inner>);

pub(crate) struct Inner(RwLock<State>);

pub(crate) struct State {
    pub(crate) data: Array,
    /// `None` for constants.
    pub(crate) edge: Option<Edge>,
    grad: Option<Variable>,
    /// Boxed: few variables have a label, all pay for the room.
    label: Option<Box<Label>>,
}

/// What tells a variable apart.
#[derive(Default)]
struct Label {
    name: Option<String>,
    /// See [`Variable::tag`].
    tag: usize,
    /// See [`Variable::live_with_graph`].
    lives_with_graph: bool,
}

impl State {
    /// Whether there is nothing but the value and where it comes from.
    #[inline]
    pub(crate) fn is_bare(&self) -> bool {
        self.grad.is_none() && self.label.is_none()
    }

    pub(crate) fn put_name(&mut self, name: &str) {
        self.label.get_or_insert_default().name = Some(name.to_owned());
    }

    #[inline]
    pub(crate) fn lives_with_graph(&self) -> bool {
        self.label
            .as_ref()
            .is_some_and(|label| label.lives_with_graph)
    }
}

impl Inner {
    #[inline]
    pub(crate) fn new(data: Array, edge: Option<Edge>) -> Inner {
        Inner(RwLock::new(State {
            data,
            edge,
            grad: None,
            label: None,
        }))
    }

    #[inline]
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        // Recursive: a user's function may look at a variable that its caller is looking at.
        self.0.read_recursive()
    }

    #[inline]
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write()
    }

    #[inline]
    pub(crate) fn try_write(&self) -> Option<RwLockWriteGuard<'_, State>> {
        self.0.try_write()
    }
}

impl Drop for Inner {
    /// Tells the creator that nobody holds the variable any more: a weak reference would keep its
    /// memory as long as the graph lives.
    #[inline]
    fn drop(&mut self) {
        let this: *const Inner = self;
        if let Some(edge) = &self.0.get_mut().edge {
            edge.node.forget_output(this);
        }
    }
}

impl Variable {
    /// A variable that gradients are computed for: a leaf of the graph.
    #[track_caller]
    pub fn new(data: impl Into<Array>) -> Variable {
        let x = Variable::constant(data);
        let node = Node::leaf(Arc::downgrade(&x.0));
        x.0.write().edge = Some(Edge { node, index: 0 });
        x
    }

    /// A variable that no gradient is computed for, as a bare array handed to a function becomes.
    #[inline]
    pub fn constant(data: impl Into<Array>) -> Variable {
        Variable::with_edge(data.into(), None)
    }

    #[inline]
    pub(crate) fn with_edge(data: Array, edge: Option<Edge>) -> Variable {
        Variable(Arc::new(Inner::new(data, edge)))
    }

    /// The only output of a node, which is made with a weak reference to it.
    #[inline]
    pub(crate) fn of_node(data: Array, node: impl FnOnce(Weak<Inner>) -> Arc<Node>) -> Variable {
        Variable(Arc::new_cyclic(|output| {
            let node = node(output.clone());
            Inner::new(data, Some(Edge { node, index: 0 }))
        }))
    }

    /// A leaf with a name for messages and pictures.
    #[track_caller]
    pub fn named(data: impl Into<Array>, name: &str) -> Variable {
        let x = Variable::new(data);
        x.set_name(name);
        x
    }

    /// The value: O(1), it shares the elements until one side writes.
    #[inline]
    pub fn data(&self) -> Array {
        self.0.read().data.clone()
    }

    /// Replaces the value. What was computed from the old value keeps it.
    ///
    /// # Panics
    /// If the shape or the dtype differs: the graph and the optimizers rely on them.
    #[track_caller]
    pub fn set_data(&self, data: impl Into<Array>) {
        let data = data.into();
        let mut state = self.0.write();
        if state.data.shape() != data.shape() || state.data.dtype() != data.dtype() {
            let (shape, dtype) = (Shape::from_slice(state.data.shape()), state.data.dtype());
            drop(state);
            panic!(
                "set_data: the variable is {dtype} of shape {shape:?}, got {} of shape {:?}",
                data.dtype(),
                data.shape()
            );
        }
        state.data = data;
    }

    /// Changes the value in place, for optimizers: `update` sees the array without another sharer
    /// than the graph, so that a one-pass update writes where it reads.
    pub fn update_data(&self, update: impl FnOnce(&mut Array)) {
        update(&mut self.0.write().data);
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> Shape {
        Shape::from_slice(self.0.read().data.shape())
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.0.read().data.ndim()
    }

    /// Number of elements.
    pub fn size(&self) -> usize {
        self.0.read().data.size()
    }

    /// Size of the first axis.
    ///
    /// # Panics
    /// If the variable is zero-dimensional.
    #[track_caller]
    #[allow(clippy::len_without_is_empty)] // NumPy's `len`
    pub fn len(&self) -> usize {
        let shape = self.shape();
        *shape
            .first()
            .expect("len: a zero-dimensional variable has no length")
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.0.read().data.dtype()
    }

    /// Where the elements live.
    pub fn device(&self) -> Device {
        self.0.read().data.device()
    }

    /// The only element, as f64.
    ///
    /// # Panics
    /// If there is not exactly one element.
    #[track_caller]
    pub fn item(&self) -> f64 {
        // Cloned first: a panic must not happen under the lock.
        self.data().item()
    }

    /// The gradient that [`backward`](Variable::backward) left here.
    pub fn grad(&self) -> Option<Variable> {
        self.0.read().grad.clone()
    }

    /// Replaces the gradient, for instance with a clipped one.
    ///
    /// # Panics
    /// If its shape is not the variable's.
    #[track_caller]
    pub fn set_grad(&self, grad: impl Into<Variable>) {
        let grad = grad.into();
        if grad.shape() != self.shape() {
            panic!(
                "set_grad: the variable has shape {:?}, the gradient {:?}",
                &self.shape()[..],
                &grad.shape()[..]
            );
        }
        let old = self.0.write().grad.replace(grad);
        drop(old);
    }

    /// Forgets the gradient (`cleargrad` of the book); the next backward pass starts from nothing.
    pub fn clear_grad(&self) {
        let old = self.0.write().grad.take();
        drop(old);
    }

    /// The name given with [`set_name`](Variable::set_name).
    pub fn name(&self) -> Option<String> {
        self.0.read().label.as_ref()?.name.clone()
    }

    /// Names the variable for messages and pictures.
    pub fn set_name(&self, name: &str) {
        let mut state = self.0.write();
        state.put_name(name);
        let edge = state.edge.clone();
        drop(state);
        // The graph remembers it: pictures show intermediate variables that nobody holds any more.
        if let Some(Edge { node, index }) = edge {
            // Not from inside the node's own backward, which a program may name its output in.
            if let Some(mut body) = node.body.try_write()
                && !body.is_leaf()
            {
                body.set_output_name(index, name);
            }
        }
    }

    /// Takes the name away.
    pub fn clear_name(&self) {
        if let Some(label) = &mut self.0.write().label {
            label.name = None;
        }
    }

    /// Whether a gradient can be asked for: false for constants and what is computed from them.
    #[inline]
    pub fn requires_grad(&self) -> bool {
        self.0.read().edge.is_some()
    }

    /// A word that a binding to another language may keep with the variable, to find the object
    /// that stands for it there; 0 at first.
    #[inline]
    pub fn tag(&self) -> usize {
        self.0.read().label.as_ref().map_or(0, |label| label.tag)
    }

    /// Sets the [`tag`](Variable::tag).
    #[inline]
    pub fn set_tag(&self, tag: usize) {
        self.0.write().label.get_or_insert_default().tag = tag;
    }

    /// From now on each function that is applied to this variable holds the variable itself, and not
    /// only its value and its place: who knows it by a [`WeakVariable`] finds it, and a gradient that
    /// [`retain_grad`](crate::BackwardOptions::retain_grad) left there, as long as the graph is there.
    ///
    /// A gradient kept at such a variable must not have a graph that leads back to functions of this
    /// variable: that would be a cycle, which is never freed.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new(3.0);
    /// let y = &x * 2.0;
    /// y.live_with_graph();
    /// let weak = y.downgrade();
    /// let z = y * 5.0;
    /// assert_eq!(weak.upgrade().unwrap().item(), 6.0);
    /// drop(z);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn live_with_graph(&self) {
        self.0
            .write()
            .label
            .get_or_insert_default()
            .lives_with_graph = true;
    }

    /// A reference that does not keep the variable alive.
    pub fn downgrade(&self) -> WeakVariable {
        WeakVariable(Arc::downgrade(&self.0))
    }

    /// How many handles there are to this variable.
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Whether both handles are of the same variable.
    pub fn is_same(&self, other: &Variable) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The application of a function that computed this variable; `None` for leaves and constants.
    pub fn creator(&self) -> Option<Creator> {
        let edge = self.0.read().edge.clone()?;
        edge.node.body.read_recursive().function()?;
        Some(Creator::of(edge.node))
    }

    /// How many functions lie between this variable and the leaves, at most (the book's
    /// `generation`). It walks the graph.
    pub fn generation(&self) -> usize {
        ancestors::generation(self)
    }

    /// Takes the place of `y` in the graph: gradients flow on from here as they would from `y`. For
    /// graphs that a program records by hand. What was computed from this variable before stays
    /// where it was.
    ///
    /// ```
    /// use dezero::{Array, Variable};
    /// let x = Variable::new(3.0);
    /// let y = Variable::new(6.0); // computed elsewhere
    /// y.take_place_of(&(&x * 2.0));
    /// y.backward();
    /// assert_eq!(x.grad().unwrap().item(), 2.0);
    /// ```
    pub fn take_place_of(&self, y: &Variable) {
        let edge = y.0.read().edge.clone();
        if let Some(Edge { node, index }) = &edge {
            let output = Arc::downgrade(&self.0);
            node.body.write().set_output(*index, output);
        }
        let before = std::mem::replace(&mut self.0.write().edge, edge);
        drop(before);
    }

    /// The same value, cut from the graph: a constant.
    pub fn detach(&self) -> Variable {
        Variable::constant(self.data())
    }

    /// Forgets how this variable was computed: it becomes a leaf, where later backward passes stop.
    pub fn unchain(&self) {
        let edge = self.0.read().edge.clone();
        let Some(Edge { node, .. }) = edge else {
            return;
        };
        if node.body.read_recursive().output_count() == 1 {
            let parts = node.body.write().unchain();
            drop(parts);
        } else {
            // The other outputs keep their creator; this one moves to a leaf of its own.
            let leaf = Node::leaf(Arc::downgrade(&self.0));
            self.0.write().edge = Some(Edge {
                node: leaf,
                index: 0,
            });
        }
    }

    /// Forgets how everything before this variable was computed (`unchain_backward` of the book):
    /// truncated backpropagation through time. The inputs of this variable's creator become
    /// leaves, and all memory behind them is released.
    pub fn unchain_backward(&self) {
        ancestors::unchain_backward(self);
    }

    /// Calls `hook` with each gradient of this variable that a backward pass computes, before it
    /// is used or stored; `Some` replaces the gradient. The hook lives as long as the graph.
    ///
    /// # Panics
    /// If the variable is a constant, which never gets a gradient.
    #[track_caller]
    pub fn register_hook(
        &self,
        hook: impl Fn(&Variable) -> Option<Variable> + Send + Sync + 'static,
    ) -> HookHandle {
        let edge = self.0.read().edge.clone();
        let Some(Edge { node, index }) = edge else {
            panic!("register_hook: the variable is a constant and never gets a gradient");
        };
        let id = next_sequence();
        let mut body = node.body.write();
        let extra = body.extra.get_or_insert_default();
        extra.hooks.push(Hook {
            id,
            index,
            call: Arc::new(hook),
        });
        drop(body);
        HookHandle {
            node: Arc::downgrade(&node),
            id,
        }
    }

    /// Where the variable comes from; `None` for constants.
    pub(crate) fn edge(&self) -> Option<Edge> {
        self.0.read().edge.clone()
    }

    /// The array of a constant that nobody else holds, to be computed with in place.
    #[inline]
    pub(crate) fn sole_data(&mut self) -> Option<&mut Array> {
        let state = Arc::get_mut(&mut self.0)?.0.get_mut();
        (state.edge.is_none() && state.is_bare()).then_some(&mut state.data)
    }

    pub(crate) fn accumulate_grad(&self, gx: Variable) {
        let mut state = self.0.write();
        let old = state.grad.take();
        drop(state);
        let sum = match old {
            Some(old) => backprop::accumulate(old, gx),
            None => gx,
        };
        self.0.write().grad = Some(sum);
    }
}

/// Takes a hook off again.
#[derive(Debug)]
pub struct HookHandle {
    node: std::sync::Weak<Node>,
    id: u64,
}

impl HookHandle {
    /// Removes the hook; nothing happens where the variable is gone.
    pub fn remove(self) {
        let Some(node) = self.node.upgrade() else {
            return;
        };
        let mut body = node.body.write();
        if let Some(extra) = &mut body.extra {
            extra.hooks.retain(|hook| hook.id != self.id);
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} recorded at {}",
            self.body.read_recursive().name(),
            self.location
        )
    }
}

/// A [`Variable`], if somebody still holds it.
#[derive(Clone)]
pub struct WeakVariable(Weak<Inner>);

impl WeakVariable {
    /// The variable, if somebody still holds it.
    pub fn upgrade(&self) -> Option<Variable> {
        self.0.upgrade().map(Variable)
    }
}

/// What a function takes where it takes a variable: variables, and arrays or numbers, which become
/// constants (`as_variable` of the book).
pub trait AsVariable {
    /// The variable itself (another handle), or a constant.
    #[track_caller]
    fn as_variable(&self) -> Variable;
}

impl AsVariable for Variable {
    #[inline]
    fn as_variable(&self) -> Variable {
        self.clone()
    }
}

impl AsVariable for Array {
    fn as_variable(&self) -> Variable {
        Variable::constant(self.clone())
    }
}

impl<T: AsVariable + ?Sized> AsVariable for &T {
    #[inline]
    fn as_variable(&self) -> Variable {
        (**self).as_variable()
    }
}

macro_rules! number_as_variable {
    ($($t:ty),*) => {$(
        impl AsVariable for $t {
            fn as_variable(&self) -> Variable {
                Variable::constant(*self)
            }
        }
    )*};
}
number_as_variable!(f32, f64, i32, i64);

impl From<Array> for Variable {
    fn from(array: Array) -> Variable {
        Variable::constant(array)
    }
}

impl From<&Variable> for Variable {
    fn from(x: &Variable) -> Variable {
        x.clone()
    }
}

impl fmt::Display for Variable {
    /// As the book prints it: `variable(…)`, continuation lines indented.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.data().to_string();
        write!(f, "variable({})", text.replace('\n', "\n         "))
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            write!(f, "{name}: ")?;
        }
        fmt::Display::fmt(self, f)
    }
}

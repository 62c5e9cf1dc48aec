//! [`Function`]: what an operation supplies; [`apply`]: the only door that records the graph.

use std::any::Any;
use std::cell::RefCell;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use dezero_array::{Array, DType, Shape};
use parking_lot::RwLock;
use smallvec::SmallVec;

use crate::config;
use crate::variable::{Inner, Variable};
use crate::watch;

/// Results of a forward computation; most functions have one.
pub type Outputs = SmallVec<[Array; 1]>;

/// An operation: how to compute it, what its backward reads, and its backward.
///
/// An object is made for one application, so `forward` may leave in `self` what only it knows (a
/// mask, an axis, the positions of maxima). `backward` is written in [`Variable`] operations, which
/// makes it differentiable again, to any order.
///
/// ```
/// use dezero::{Array, Backward, Function, Gradients, Keep, Outputs, Variable, apply};
///
/// struct Square;
/// impl Function for Square {
///     fn name(&self) -> &'static str { "square" }
///     fn forward(&mut self, xs: &[Array]) -> Outputs { [&xs[0] * &xs[0]].into() }
///     fn keeps(&self, _needs_grad: &[bool]) -> Keep { Keep::INPUTS }
///     fn backward(&self, context: &Backward<'_>) -> Gradients {
///         (2.0 * context.input(0) * context.gy(0)).into()
///     }
/// }
///
/// let x = Variable::new(3.0);
/// let y = &apply(Square, &[&x])[0];
/// y.backward();
/// assert_eq!(x.grad().unwrap().item(), 6.0);
/// ```
pub trait Function: Any + Send + Sync {
    /// The name in messages and pictures of the graph.
    fn name(&self) -> &'static str;

    /// Computes the outputs from the inputs.
    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs;

    /// What was set besides the inputs, such as an exponent, for pictures of the graph.
    fn setting(&self) -> String {
        String::new()
    }

    /// How many multiplications of two numbers, each with an addition, `forward` does in products of
    /// matrices and the like: the work that [`summary`](crate::summary()) and
    /// [`profile`](crate::profile()) report.
    fn multiply_adds(&self, _xs: &[Array], _ys: &[Array]) -> u64 {
        0
    }

    /// Which inputs and outputs `backward` reads; the graph keeps nothing else alive.
    /// `needs_grad[i]` tells whether a gradient of input `i` can be asked for.
    fn keeps(&self, _needs_grad: &[bool]) -> Keep {
        Keep::NOTHING
    }

    /// The gradients of the inputs, from the gradients of the outputs.
    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients;
}

/// The inputs and outputs that a function's backward reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    inputs: u64,
    outputs: u64,
}

impl Keep {
    /// Neither inputs nor outputs.
    pub const NOTHING: Keep = Keep {
        inputs: 0,
        outputs: 0,
    };
    /// All inputs.
    pub const INPUTS: Keep = Keep {
        inputs: u64::MAX,
        outputs: 0,
    };
    /// All outputs.
    pub const OUTPUTS: Keep = Keep {
        inputs: 0,
        outputs: u64::MAX,
    };

    /// Input `i` alone. Inputs from the 64th on are kept or dropped together.
    #[inline]
    pub const fn input(i: usize) -> Keep {
        Keep {
            inputs: bit(i),
            outputs: 0,
        }
    }

    /// Output `i` alone.
    #[inline]
    pub const fn output(i: usize) -> Keep {
        Keep {
            inputs: 0,
            outputs: bit(i),
        }
    }

    /// Both what `self` and what `other` names.
    #[inline]
    pub const fn and(self, other: Keep) -> Keep {
        Keep {
            inputs: self.inputs | other.inputs,
            outputs: self.outputs | other.outputs,
        }
    }

    /// `self` if `condition` holds, otherwise nothing.
    #[inline]
    pub const fn when(self, condition: bool) -> Keep {
        if condition { self } else { Keep::NOTHING }
    }
}

const fn bit(i: usize) -> u64 {
    1 << if i < 63 { i } else { 63 }
}

/// Gradients of a function's inputs, in their order; `None` where none is needed or the function
/// does not depend on the input.
pub struct Gradients(pub(crate) SmallVec<[Option<Variable>; 2]>);

impl From<Variable> for Gradients {
    #[inline]
    fn from(gx: Variable) -> Gradients {
        let mut gxs = SmallVec::new();
        gxs.push(Some(gx));
        Gradients(gxs)
    }
}

impl<const N: usize> From<[Variable; N]> for Gradients {
    fn from(gxs: [Variable; N]) -> Gradients {
        Gradients(gxs.into_iter().map(Some).collect())
    }
}

impl<const N: usize> From<[Option<Variable>; N]> for Gradients {
    #[inline]
    fn from(gxs: [Option<Variable>; N]) -> Gradients {
        let mut all = SmallVec::new();
        for gx in gxs {
            all.push(gx);
        }
        Gradients(all)
    }
}

impl From<Vec<Option<Variable>>> for Gradients {
    fn from(gxs: Vec<Option<Variable>>) -> Gradients {
        Gradients(gxs.into())
    }
}

impl From<Vec<Variable>> for Gradients {
    fn from(gxs: Vec<Variable>) -> Gradients {
        Gradients(gxs.into_iter().map(Some).collect())
    }
}

/// What a function's backward can ask for.
pub struct Backward<'a> {
    pub(crate) node: &'a Arc<Node>,
    pub(crate) body: &'a Body,
    pub(crate) gys: &'a [Option<Variable>],
    /// Which inputs somebody wants the gradient of.
    pub(crate) needs: &'a [bool],
}

impl Backward<'_> {
    /// Input `i` as the forward saw it, connected to the graph.
    ///
    /// # Panics
    /// If [`Function::keeps`] does not name it.
    #[track_caller]
    pub fn input(&self, i: usize) -> Variable {
        let Some(x) = self.body.saved(i) else {
            self.not_kept("input", i)
        };
        Variable::with_edge(x.clone(), self.body.edges[i].clone())
    }

    /// Output `i` as the forward computed it, connected to the graph.
    ///
    /// # Panics
    /// If [`Function::keeps`] does not name it.
    #[track_caller]
    pub fn output(&self, i: usize) -> Variable {
        let Some(y) = self.body.saved(self.body.edges.len() + i) else {
            self.not_kept("output", i)
        };
        Variable::with_edge(
            y.clone(),
            Some(Edge {
                node: self.node.clone(),
                index: i as u32,
            }),
        )
    }

    /// Input `i` without its connection to the graph, for masks and first-order kernels.
    ///
    /// # Panics
    /// If [`Function::keeps`] does not name it.
    #[track_caller]
    #[inline]
    pub fn input_data(&self, i: usize) -> &Array {
        let Some(x) = self.body.saved(i) else {
            self.not_kept("input", i)
        };
        x
    }

    /// Output `i` without its connection to the graph, as [`input_data`](Backward::input_data).
    ///
    /// # Panics
    /// If [`Function::keeps`] does not name it.
    #[track_caller]
    #[inline]
    pub fn output_data(&self, i: usize) -> &Array {
        let Some(y) = self.body.saved(self.body.edges.len() + i) else {
            self.not_kept("output", i)
        };
        y
    }

    /// Gradient of output `i`: zeros where nobody used that output.
    #[track_caller]
    pub fn gy(&self, i: usize) -> Variable {
        match &self.gys[i] {
            Some(gy) => gy.clone(),
            None => {
                let (shape, dtype) = &self.body.extra.as_ref().expect("several outputs").outputs[i];
                Variable::constant(Array::zeros(shape, *dtype))
            }
        }
    }

    /// How many inputs the function has.
    pub fn inputs(&self) -> usize {
        self.body.edges.len()
    }

    /// How many outputs the function has.
    pub fn outputs(&self) -> usize {
        self.gys.len()
    }

    /// Whether output `i` was used, so that its gradient is not all zeros.
    pub fn has_gy(&self, i: usize) -> bool {
        self.gys[i].is_some()
    }

    /// Whether somebody wants the gradient of input `i`.
    #[inline]
    pub fn needs_grad(&self, i: usize) -> bool {
        self.needs[i]
    }

    /// Whether this pass itself is recorded (`create_graph`): a fused first-order kernel may serve
    /// only where it is not.
    #[inline]
    pub fn creates_graph(&self) -> bool {
        config::is_recording()
    }

    #[track_caller]
    fn not_kept(&self, what: &str, i: usize) -> ! {
        let name = self.body.name();
        panic!("{name}: backward reads {what} {i}, which `keeps` does not name");
    }
}

/// Where a variable comes from: output `index` of `node`.
#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) node: Arc<Node>,
    pub(crate) index: u32,
}

/// One application of a function, or (without a function) a leaf.
pub(crate) struct Node {
    /// Grows with every node: inputs come before what is computed from them.
    pub(crate) sequence: u64,
    /// The line that applied the function or made the leaf.
    pub(crate) location: &'static Location<'static>,
    pub(crate) body: RwLock<Body>,
}

type Edges = SmallVec<[Option<Edge>; 2]>;

/// What `keeps` names: inputs, then outputs. Boxed, since many nodes keep nothing.
type Saved = Option<Box<SmallVec<[Option<Array>; 2]>>>;

pub(crate) struct Body {
    /// `None` for leaves, and for nodes that were unchained.
    pub(crate) function: Option<Box<dyn Function>>,
    /// An edge for each input; `None` for constants.
    pub(crate) edges: Edges,
    saved: Saved,
    /// The first output, if somebody still holds it. Weak: the graph never owns variables.
    output: Weak<Inner>,
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few nodes have.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) hooks: Vec<Hook>,
    /// Shapes and types of the outputs, where there are several.
    outputs: Vec<(Shape, DType)>,
    other_outputs: Vec<Weak<Inner>>,
    /// Names that outputs were given, for when nobody holds the variables any more.
    names: Vec<(u32, String)>,
}

/// A function that sees, and may replace, the gradient of output `index`.
pub(crate) struct Hook {
    pub(crate) id: u64,
    pub(crate) index: u32,
    pub(crate) call: Arc<HookFunction>,
}

pub(crate) type HookFunction = dyn Fn(&Variable) -> Option<Variable> + Send + Sync;

static SEQUENCE: AtomicU64 = AtomicU64::new(1);

pub(crate) fn next_sequence() -> u64 {
    SEQUENCE.fetch_add(1, Ordering::Relaxed)
}

impl Node {
    #[track_caller]
    pub(crate) fn leaf(output: Weak<Inner>) -> Arc<Node> {
        Arc::new(Node {
            sequence: next_sequence(),
            location: Location::caller(),
            body: RwLock::new(Body {
                function: None,
                edges: SmallVec::new(),
                saved: None,
                output,
                extra: None,
            }),
        })
    }
}

impl Body {
    pub(crate) fn name(&self) -> &'static str {
        self.function
            .as_ref()
            .map_or("leaf", |function| function.name())
    }

    pub(crate) fn saved(&self, i: usize) -> Option<&Array> {
        self.saved.as_ref()?.get(i)?.as_ref()
    }

    /// Shape and type of output `index`, where the node knows them.
    pub(crate) fn output_type(&self, index: u32) -> Option<(Shape, DType)> {
        let index = index as usize;
        if let Some(y) = self.saved(self.edges.len() + index) {
            return Some((Shape::from_slice(y.shape()), y.dtype()));
        }
        self.extra.as_ref()?.outputs.get(index).cloned()
    }

    pub(crate) fn output_name(&self, index: u32) -> Option<&str> {
        let names = &self.extra.as_ref()?.names;
        let found = names.iter().find(|(named, _)| *named == index);
        found.map(|(_, name)| name.as_str())
    }

    pub(crate) fn set_output_name(&mut self, index: u32, name: &str) {
        let names = &mut self.extra.get_or_insert_default().names;
        names.retain(|(named, _)| *named != index);
        names.push((index, name.to_owned()));
    }

    /// Output `index`, if somebody still holds it.
    pub(crate) fn output(&self, index: u32) -> Option<Variable> {
        let weak = match index {
            0 => &self.output,
            i => self.extra.as_ref()?.other_outputs.get(i as usize - 1)?,
        };
        weak.upgrade().map(Variable)
    }

    /// Says who stands for output `index` from now on.
    pub(crate) fn set_output(&mut self, index: u32, output: Weak<Inner>) {
        match index {
            0 => self.output = output,
            i => {
                let extra = self.extra.as_mut().expect("several outputs");
                extra.other_outputs[i as usize - 1] = output;
            }
        }
    }

    pub(crate) fn output_count(&self) -> usize {
        1 + self
            .extra
            .as_ref()
            .map_or(0, |extra| extra.other_outputs.len())
    }

    /// Turns the node into a leaf; what it held comes back, to be dropped outside of the lock.
    pub(crate) fn unchain(&mut self) -> impl Sized + use<> {
        (
            self.function.take(),
            std::mem::take(&mut self.edges),
            self.saved.take(),
        )
    }
}

/// Applies `function` to `inputs`, and records it where a gradient may be asked for.
///
/// # Panics
/// Where the function's `forward` does, and in anomaly mode where a result is not finite.
#[track_caller]
#[inline]
pub fn apply<F: Function>(mut function: F, inputs: &[&Variable]) -> SmallVec<[Variable; 1]> {
    let config = config::current();
    let records = config.records;
    let mut xs: SmallVec<[Array; 2]> = SmallVec::new();
    let mut edges: Edges = SmallVec::new();
    let mut needs: SmallVec<[bool; 8]> = SmallVec::new();
    let mut is_needed = false;
    for x in inputs {
        let state = x.0.read();
        xs.push(state.data.clone());
        if records {
            is_needed |= state.edge.is_some();
            needs.push(state.edge.is_some());
            edges.push(state.edge.clone());
        }
    }
    let begun = config.is_watched.then(watch::begin);
    let ys = function.forward(&xs);
    if config.detects_anomaly {
        check_finite(function.name(), &xs, &ys);
    }
    let watched = begun.map(|begun| {
        let event = watch::applied(&begun, &function, inputs, &xs, &ys);
        (begun, event)
    });
    let outputs = if is_needed {
        let mut keep = function.keeps(&needs);
        if config::keeps_inputs() {
            keep = keep.and(Keep::INPUTS);
        }
        record(Box::new(function), edges, save(keep, xs, &ys), ys)
    } else {
        constants(ys)
    };
    if let Some((begun, event)) = watched {
        watch::end_forward(begun, event, &outputs);
    }
    outputs
}

/// Applies a function that has one output.
#[track_caller]
#[inline]
pub(crate) fn apply_one<F: Function>(function: F, inputs: &[&Variable]) -> Variable {
    apply(function, inputs).pop().expect("one output")
}

#[inline]
fn constants(mut ys: Outputs) -> SmallVec<[Variable; 1]> {
    // Not collected: a loop over one element costs more than the element.
    if ys.len() == 1 {
        let y = ys.pop().expect("one output");
        return [Variable::constant(y)].into();
    }
    ys.into_iter().map(Variable::constant).collect()
}

#[inline]
fn save(keep: Keep, xs: SmallVec<[Array; 2]>, ys: &Outputs) -> Saved {
    if keep == Keep::NOTHING {
        return None;
    }
    let mut saved = Box::new(SmallVec::new());
    for (i, x) in xs.into_iter().enumerate() {
        saved.push((keep.inputs & bit(i) != 0).then_some(x));
    }
    if keep.outputs != 0 {
        for (i, y) in ys.iter().enumerate() {
            saved.push((keep.outputs & bit(i) != 0).then(|| y.clone()));
        }
    }
    Some(saved)
}

#[track_caller]
fn record(
    function: Box<dyn Function>,
    edges: Edges,
    saved: Saved,
    ys: Outputs,
) -> SmallVec<[Variable; 1]> {
    let mut extra = None;
    if ys.len() > 1 {
        let outputs = ys
            .iter()
            .map(|y| (Shape::from_slice(y.shape()), y.dtype()))
            .collect();
        extra = Some(Box::new(Extra {
            outputs,
            ..Extra::default()
        }));
    }
    let outputs = constants(ys);
    if let Some(extra) = &mut extra {
        extra.other_outputs = outputs[1..].iter().map(|y| Arc::downgrade(&y.0)).collect();
    }
    let output = outputs
        .first()
        .map_or_else(Weak::new, |y| Arc::downgrade(&y.0));
    let node = Arc::new(Node {
        sequence: next_sequence(),
        location: Location::caller(),
        body: RwLock::new(Body {
            function: Some(function),
            edges,
            saved,
            output,
            extra,
        }),
    });
    for (i, y) in outputs.iter().enumerate().skip(1) {
        y.0.write().edge = Some(Edge {
            node: node.clone(),
            index: i as u32,
        });
    }
    if let Some(y) = outputs.first() {
        y.0.write().edge = Some(Edge { node, index: 0 });
    }
    outputs
}

#[track_caller]
#[cold]
fn check_finite(name: &str, xs: &[Array], ys: &Outputs) {
    for (i, y) in ys.iter().enumerate() {
        if !y.all_finite() {
            let inputs = if xs.iter().all(Array::all_finite) {
                "finite"
            } else {
                "not finite"
            };
            panic!(
                "anomaly: the forward of {name} gave NaN or infinity in output {i} of shape {:?}; \
                 its inputs are {inputs}",
                y.shape()
            );
        }
    }
}

thread_local! {
    /// Nodes whose parts wait to be dropped, while a drop is under way further up the stack.
    static DROPPING: RefCell<Option<Vec<Body>>> = const { RefCell::new(None) };
}

impl Drop for Node {
    /// Drops a graph of any depth without recursion: the first node on the stack drops the parts
    /// that the nodes below it hand over.
    fn drop(&mut self) {
        let body = self.body.get_mut();
        if body.function.is_none() && body.edges.is_empty() {
            return;
        }
        let body = std::mem::replace(
            body,
            Body {
                function: None,
                edges: SmallVec::new(),
                saved: None,
                output: Weak::new(),
                extra: None,
            },
        );
        let first = DROPPING.try_with(|waiting| match &mut *waiting.borrow_mut() {
            Some(waiting) => {
                waiting.push(body);
                None
            }
            empty => {
                *empty = Some(Vec::new());
                Some(body)
            }
        });
        let Ok(Some(mut body)) = first else { return };
        loop {
            drop(body);
            let next = DROPPING.with(|waiting| {
                let mut waiting = waiting.borrow_mut();
                let next = waiting.as_mut().and_then(Vec::pop);
                if next.is_none() {
                    *waiting = None;
                }
                next
            });
            match next {
                Some(next) => body = next,
                None => return,
            }
        }
    }
}

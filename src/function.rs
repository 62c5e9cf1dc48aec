//! [`Function`]: what an operation supplies; [`apply`]: the only door that records the graph.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use dezero_array::{Array, DType, Shape};
use parking_lot::RwLock;
use smallvec::SmallVec;

use crate::backprop::{Gys, Wanted, wants};
use crate::config;
use crate::functions::shape::is_implied;
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
    node: &'a Arc<Node>,
    pub(crate) body: &'a Body,
    /// The gradient of the first output, which can be given away.
    first_gy: Cell<Option<Variable>>,
    /// Those of the others.
    gys: &'a Gys,
    /// The nodes that gradients are asked for; `None`: all.
    wanted: Option<&'a Wanted>,
}

impl<'a> Backward<'a> {
    #[inline]
    pub(crate) fn new(
        node: &'a Arc<Node>,
        body: &'a Body,
        gys: &'a mut Gys,
        wanted: Option<&'a Wanted>,
    ) -> Backward<'a> {
        Backward {
            node,
            body,
            first_gy: Cell::new(gys.first.take()),
            gys,
            wanted,
        }
    }
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
        match self.find_gy(i) {
            Some(gy) => gy,
            None => {
                let (shape, dtype) = &self.body.extra.as_ref().expect("several outputs").outputs[i];
                Variable::constant(Array::zeros(shape, *dtype))
            }
        }
    }

    /// Where input `i` comes from; `None` for constants.
    pub(crate) fn edge(&self, i: usize) -> Option<Edge> {
        self.body.edges[i].clone()
    }

    /// How many inputs the function has.
    pub fn inputs(&self) -> usize {
        self.body.edges.len()
    }

    /// [`gy`](Backward::gy), given away: it can be computed with in place, if nobody else sees it.
    /// To be asked for once.
    #[track_caller]
    #[inline]
    pub(crate) fn take_gy(&self) -> Variable {
        self.first_gy.take().unwrap_or_else(|| self.gy(0))
    }

    #[inline]
    fn find_gy(&self, i: usize) -> Option<Variable> {
        if i > 0 {
            return self.gys.get(i).cloned();
        }
        let gy = self.first_gy.take();
        self.first_gy.set(gy.clone());
        gy
    }

    /// How many outputs the function has.
    pub fn outputs(&self) -> usize {
        self.body.output_count()
    }

    /// Whether output `i` was used, so that its gradient is not all zeros.
    pub fn has_gy(&self, i: usize) -> bool {
        self.find_gy(i).is_some()
    }

    /// Whether somebody wants the gradient of input `i`.
    #[inline]
    pub fn needs_grad(&self, i: usize) -> bool {
        let edge = self.body.edges[i].as_ref();
        edge.is_some_and(|edge| wants(self.wanted, edge))
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

impl Edge {
    /// The variable itself, or, if nobody holds it any more, one without its value in its place.
    pub(crate) fn into_variable(self) -> Variable {
        let alive = self.node.body.read_recursive().output(self.index);
        alive.unwrap_or_else(|| Variable::with_edge(Array::scalar(0.0), Some(self)))
    }

    /// Whether this is a leaf that is newer than number `start` and that somebody holds.
    pub(crate) fn is_new_parameter(&self, start: u64) -> bool {
        self.node.sequence > start && {
            let body = self.node.body.read_recursive();
            body.function().is_none() && body.output(self.index).is_some()
        }
    }
}

/// One application of a function, or (without a function) a leaf.
pub(crate) struct Node {
    /// Grows with every node: inputs come before what is computed from them.
    pub(crate) sequence: u64,
    /// The line that applied the function or made the leaf.
    pub(crate) location: &'static Location<'static>,
    /// Where a walk last put this node; see [`Frontier`](crate::frontier::Frontier).
    pub(crate) place: AtomicU32,
    pub(crate) body: RwLock<Body>,
}

pub(crate) type Edges = SmallVec<[Option<Edge>; 2]>;

/// What `keeps` names: inputs, then outputs.
type Saved = SmallVec<[Option<Array>; 2]>;

pub(crate) struct Body {
    /// `None` for leaves, and for nodes that were unchained.
    applied: Option<Box<dyn Applied>>,
    /// An edge for each input; `None` for constants.
    pub(crate) edges: Edges,
    /// The first output, if somebody still holds it. Weak: the graph never owns variables.
    output: Weak<Inner>,
    pub(crate) extra: Option<Box<Extra>>,
}

/// A function that was applied, with what it keeps: in one allocation, or none at all where the
/// function has no fields and keeps nothing.
pub(crate) trait Applied: Send + Sync {
    fn function(&self) -> &dyn Function;
    fn saved(&self) -> &[Option<Array>];
}

impl<F: Function> Applied for F {
    #[inline]
    fn function(&self) -> &dyn Function {
        self
    }

    fn saved(&self) -> &[Option<Array>] {
        &[]
    }
}

struct Keeping<F> {
    function: F,
    saved: Saved,
}

impl<F: Function> Applied for Keeping<F> {
    #[inline]
    fn function(&self) -> &dyn Function {
        &self.function
    }

    #[inline]
    fn saved(&self) -> &[Option<Array>] {
        &self.saved
    }
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
    /// Inputs that asked to live as long as the graph; see [`Variable::live_with_graph`].
    held: Vec<Variable>,
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
            place: AtomicU32::new(0),
            body: RwLock::new(Body {
                applied: None,
                edges: SmallVec::new(),
                output,
                extra: None,
            }),
        })
    }
}

impl Node {
    /// Lets go of the first output, if it is `output`: nobody holds it any more.
    #[inline]
    pub(crate) fn forget_output(&self, output: *const Inner) {
        // Whoever looks at the node now, perhaps further up this very stack, is not waited for:
        // then the memory stays until the node goes.
        if let Some(mut body) = self.body.try_write()
            && std::ptr::eq(body.output.as_ptr(), output)
        {
            body.output = Weak::new();
        }
    }
}

impl Body {
    /// The function that was applied; `None` for leaves, and for nodes that were unchained.
    pub(crate) fn function(&self) -> Option<&dyn Function> {
        Some(self.applied.as_ref()?.function())
    }

    /// Whether the function is one that the program does not name.
    pub(crate) fn is_implied(&self) -> bool {
        self.function().is_some_and(|function| is_implied(function))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.function().map_or("leaf", Function::name)
    }

    #[inline]
    pub(crate) fn saved(&self, i: usize) -> Option<&Array> {
        self.applied.as_ref()?.saved().get(i)?.as_ref()
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
    pub(crate) fn unchain(&mut self) -> Parts {
        let held = match &mut self.extra {
            Some(extra) => std::mem::take(&mut extra.held),
            None => Vec::new(),
        };
        (self.applied.take(), std::mem::take(&mut self.edges), held)
    }
}

/// What a node holds of other nodes.
pub(crate) type Parts = (Option<Box<dyn Applied>>, Edges, Vec<Variable>);

/// Applies `function` to `inputs`, and records it where a gradient may be asked for.
///
/// # Panics
/// Where the function's `forward` does, and in anomaly mode where a result is not finite.
#[track_caller]
pub fn apply<F: Function>(mut function: F, inputs: &[&Variable]) -> SmallVec<[Variable; 1]> {
    let config = config::current();
    let records = config.records;
    let mut xs: SmallVec<[Array; 2]> = SmallVec::new();
    let mut edges = Edges::new();
    let mut holds = false;
    for x in inputs {
        let state = x.0.read();
        holds |= state.lives_with_graph();
        xs.push(state.data.clone());
        edges.push(if records { state.edge.clone() } else { None });
    }
    let begun = config.is_watched.then(watch::begin);
    let ys = function.forward(&xs);
    if config.detects_anomaly() {
        check_finite(function.name(), &xs, &ys);
    }
    let watched = begun.map(|begun| {
        let event = watch::applied(&begun, &function, inputs, &xs, &ys);
        (begun, event)
    });
    let outputs = if edges.iter().any(Option::is_some) {
        let needs: SmallVec<[bool; 8]> = edges.iter().map(Option::is_some).collect();
        let outputs = record(applied(function, &needs, xs, &ys), edges, ys);
        if holds {
            hold(held(inputs), &outputs[0]);
        }
        outputs
    } else {
        ys.into_iter().map(Variable::constant).collect()
    };
    if let Some((begun, event)) = watched {
        watch::end_forward(begun, event, &outputs);
    }
    outputs
}

/// The data of an operation's inputs, and where they come from.
pub(crate) struct Operands<const N: usize> {
    pub(crate) xs: [Array; N],
    edges: [Option<Edge>; N],
    /// Those that asked to live as long as the graph.
    held: Vec<Variable>,
}

impl<const N: usize> Operands<N> {
    #[inline]
    pub(crate) fn read(inputs: &[&Variable; N]) -> Operands<N> {
        let records = config::is_recording();
        let mut edges = [const { None }; N];
        let mut holds = false;
        let xs = std::array::from_fn(|i| {
            let state = inputs[i].0.read();
            if records {
                edges[i] = state.edge.clone();
                holds |= state.lives_with_graph();
            }
            state.data.clone()
        });
        let held = if holds { held(inputs) } else { Vec::new() };
        Operands { xs, edges, held }
    }
}

/// [`apply`] for functions of a known number of inputs and one output.
#[track_caller]
#[inline]
pub(crate) fn apply_one<F: Function, const N: usize>(
    function: F,
    inputs: &[&Variable; N],
) -> Variable {
    if !config::current().is_plain() {
        return apply(function, inputs).remove(0);
    }
    match *inputs.as_slice() {
        [x] => apply_unary(function, x),
        _ => apply_to(function, Operands::read(inputs)),
    }
}

/// [`apply_one`] to one input, which is not even cloned.
#[track_caller]
#[inline]
fn apply_unary<F: Function>(mut function: F, x: &Variable) -> Variable {
    let state = x.0.read();
    let xs = std::slice::from_ref(&state.data);
    let ys = function.forward(xs);
    if state.edge.is_none() || !config::is_recording() {
        drop(state);
        return Variable::constant(only(ys));
    }
    let applied = applied(function, &[true], xs.iter().cloned(), &ys);
    let mut edges = Edges::new();
    edges.push(state.edge.clone());
    let holds = state.lives_with_graph();
    drop(state);
    let y = record_one(applied, edges, only(ys));
    if holds {
        hold(vec![x.clone()], &y);
    }
    y
}

/// Those of `inputs` that asked to live as long as the graph.
#[cold]
fn held(inputs: &[&Variable]) -> Vec<Variable> {
    let asking = inputs.iter().filter(|x| x.0.read().lives_with_graph());
    asking.map(|&x| x.clone()).collect()
}

/// Lets the node that computed `y` hold variables.
#[cold]
fn hold(held: Vec<Variable>, y: &Variable) {
    if let Some(Edge { node, .. }) = &y.0.read().edge {
        node.body.write().extra.get_or_insert_default().held = held;
    }
}

/// [`apply_one`] to operands that have been read, where nobody watches.
#[track_caller]
#[inline]
pub(crate) fn apply_to<F: Function, const N: usize>(
    mut function: F,
    operands: Operands<N>,
) -> Variable {
    let Operands { xs, edges, held } = operands;
    let ys = function.forward(&xs);
    if edges.iter().all(Option::is_none) {
        return Variable::constant(only(ys));
    }
    let needs = edges.each_ref().map(Option::is_some);
    let applied = applied(function, &needs, xs, &ys);
    let mut all = Edges::new();
    for edge in edges {
        // Not collected: a loop of known length costs less than a general one.
        all.push(edge);
    }
    let y = record_one(applied, all, only(ys));
    if !held.is_empty() {
        hold(held, &y);
    }
    y
}

#[inline]
fn only(mut ys: Outputs) -> Array {
    ys.pop().expect("one output")
}

/// The function with what it keeps.
#[inline]
fn applied<F: Function>(
    function: F,
    needs_grad: &[bool],
    xs: impl IntoIterator<Item = Array>,
    ys: &Outputs,
) -> Box<dyn Applied> {
    let mut keep = function.keeps(needs_grad);
    if config::keeps_inputs() {
        keep = keep.and(Keep::INPUTS);
    }
    if keep == Keep::NOTHING {
        return Box::new(function);
    }
    let mut saved = Saved::new();
    for (i, x) in xs.into_iter().enumerate() {
        saved.push((keep.inputs & bit(i) != 0).then_some(x));
    }
    if keep.outputs != 0 {
        for (i, y) in ys.iter().enumerate() {
            saved.push((keep.outputs & bit(i) != 0).then(|| y.clone()));
        }
    }
    Box::new(Keeping { function, saved })
}

/// The variable of the only output.
#[track_caller]
fn record_one(applied: Box<dyn Applied>, edges: Edges, y: Array) -> Variable {
    let location = Location::caller();
    Variable(Arc::new_cyclic(|output| {
        let node = Arc::new(Node {
            sequence: next_sequence(),
            location,
            place: AtomicU32::new(0),
            body: RwLock::new(Body {
                applied: Some(applied),
                edges,
                output: output.clone(),
                extra: None,
            }),
        });
        Inner::new(y, Some(Edge { node, index: 0 }))
    }))
}

#[track_caller]
fn record(applied: Box<dyn Applied>, edges: Edges, ys: Outputs) -> SmallVec<[Variable; 1]> {
    if ys.len() == 1 {
        return [record_one(applied, edges, only(ys))].into();
    }
    let shapes = ys
        .iter()
        .map(|y| (Shape::from_slice(y.shape()), y.dtype()))
        .collect();
    let outputs: SmallVec<[Variable; 1]> = ys.into_iter().map(Variable::constant).collect();
    let mut handles = outputs.iter().map(|y| Arc::downgrade(&y.0));
    let node = Arc::new(Node {
        sequence: next_sequence(),
        location: Location::caller(),
        place: AtomicU32::new(0),
        body: RwLock::new(Body {
            applied: Some(applied),
            edges,
            output: handles.next().unwrap_or_default(),
            extra: Some(Box::new(Extra {
                outputs: shapes,
                other_outputs: handles.collect(),
                ..Extra::default()
            })),
        }),
    });
    for (i, y) in outputs.iter().enumerate() {
        y.0.write().edge = Some(Edge {
            node: node.clone(),
            index: i as u32,
        });
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
            config::anomaly(format!(
                "the forward of {name} gave NaN or infinity in output {i} of shape {:?}; its inputs \
                 are {inputs}; called at {}",
                y.shape(),
                Location::caller()
            ));
        }
    }
}

thread_local! {
    /// Parts of nodes that wait to be dropped, while a drop is under way further up the stack.
    static DROPPING: RefCell<Option<Vec<Parts>>> = const { RefCell::new(None) };
}

impl Drop for Node {
    /// Drops a graph of any depth without recursion: the first node on the stack drops the parts
    /// that the nodes below it hand over.
    fn drop(&mut self) {
        let parts = self.body.get_mut().unchain();
        if parts.0.is_none() {
            return;
        }
        let first = DROPPING.try_with(|waiting| match &mut *waiting.borrow_mut() {
            Some(waiting) => {
                waiting.push(parts);
                None
            }
            empty => {
                *empty = Some(Vec::with_capacity(16));
                Some(parts)
            }
        });
        let Ok(Some(mut parts)) = first else { return };
        loop {
            drop(parts);
            let next = DROPPING.with(|waiting| {
                let mut waiting = waiting.borrow_mut();
                let next = waiting.as_mut().and_then(Vec::pop);
                if next.is_none() {
                    *waiting = None;
                }
                next
            });
            match next {
                Some(next) => parts = next,
                None => return,
            }
        }
    }
}

//! [`apply`]: the only door that records the graph.
//!
//! What is generic here is short: the rest is compiled once, and not for every function.

use std::panic::Location;
use std::sync::{Arc, Weak};

use dezero_array::{Array, Shape};
use parking_lot::{RwLockReadGuard, RwLockWriteGuard};
use smallvec::SmallVec;

use crate::config::{self, Config};
use crate::function::{Function, Keep, Outputs};
use crate::node::{Applied, Edge, Edges, Extra, Keeping, KeepingOne, Node, Saved};
use crate::variable::{Inner, State, Variable};
use crate::watch::{self, Begun};

/// Applies `function` to `inputs`, and records it where a gradient may be asked for.
///
/// # Panics
/// Where the function's `forward` does, and in anomaly mode where a result is not finite.
#[track_caller]
pub fn apply<F: Function>(mut function: F, inputs: &[&Variable]) -> SmallVec<[Variable; 1]> {
    let mut operands = Operands::read(inputs);
    operands.begin();
    let ys = function.forward(&operands.xs);
    operands.finish_all(&mut Some(function), ys, inputs)
}

/// [`apply`] for functions of one output.
#[track_caller]
#[inline]
pub(crate) fn apply_one<F: Function>(function: F, inputs: &[&Variable]) -> Variable {
    Operands::read(inputs).apply(function, inputs)
}

/// [`apply_one`] to one input, which is not even cloned.
#[track_caller]
#[inline]
pub(crate) fn apply_unary<F: Function>(mut function: F, x: &Variable) -> Variable {
    let operand = Lent::read(x);
    let ys = function.forward(std::slice::from_ref(&operand.state.data));
    operand.finish(&mut Some(function), ys)
}

/// [`apply_unary`] to a variable that is given away: where nobody else sees it, the result takes its place in
/// memory, and what it held is moved, not shared.
#[track_caller]
#[inline]
pub(crate) fn apply_to_given<F: Function>(mut function: F, x: Variable) -> Variable {
    let Some(given) = Given::of(&x, |_| true) else {
        return apply_unary(function, &x);
    };
    let ys = function.forward(std::slice::from_ref(&given.state.data));
    given.finish(&mut Some(function), ys);
    x
}

/// [`apply_one`] to two inputs of one shape and type, of which number `place`, `x`, is given away: it becomes the
/// result. Nothing happens, and the function comes back, where somebody else sees `x`.
#[track_caller]
#[inline]
pub(crate) fn apply_in_place<F: Function>(
    mut function: F,
    place: usize,
    x: &Variable,
    other: &Variable,
) -> Result<(), F> {
    let Some((given, operands)) = Operands::take(place, x, other) else {
        return Err(function);
    };
    let ys = function.forward(&operands.xs);
    operands.finish_given(given, &mut Some(function), ys);
    Ok(())
}

/// A function on its way into a node.
pub(crate) trait Unapplied {
    fn function(&self) -> &dyn Function;
    /// Moves the function, and what it keeps, into a box.
    fn take(&mut self, saved: Saved) -> Box<dyn Applied>;
    /// The same with input or output `place` alone, as most functions have it.
    fn take_with(&mut self, place: usize, saved: Array) -> Box<dyn Applied>;
}

impl<F: Function> Unapplied for Option<F> {
    fn function(&self) -> &dyn Function {
        self.as_ref().expect("not taken yet")
    }

    fn take(&mut self, saved: Saved) -> Box<dyn Applied> {
        let function = self.take().expect("not taken yet");
        if saved.is_empty() {
            return Box::new(function);
        }
        Box::new(Keeping { function, saved })
    }

    fn take_with(&mut self, place: usize, saved: Array) -> Box<dyn Applied> {
        let function = self.take().expect("not taken yet");
        Box::new(KeepingOne {
            function,
            place,
            saved,
        })
    }
}

/// The input of a function of one.
struct Lent<'a> {
    x: &'a Variable,
    state: RwLockReadGuard<'a, State>,
    config: Config,
    begun: Option<Begun>,
}

impl<'a> Lent<'a> {
    #[inline]
    fn read(x: &'a Variable) -> Lent<'a> {
        let config = config::current();
        Lent {
            x,
            state: x.0.read(),
            config,
            begun: config.is_watched.then(watch::begin),
        }
    }

    #[track_caller]
    fn finish(self, function: &mut dyn Unapplied, ys: Outputs) -> Variable {
        let Lent {
            x,
            state,
            config,
            begun,
        } = self;
        // Not in a closure, which would be the caller.
        let seen = match config.is_plain() {
            true => None,
            false => {
                let xs = std::slice::from_ref(&state.data);
                look(config, begun, function, &[x], xs, &ys)
            }
        };
        let y = match &state.edge {
            Some(edge) if config.records => {
                let mut edges = Edges::new();
                edges.push(Some(edge.clone()));
                let x_data = || state.data.clone();
                let applied = applied_unary(function, x_data, &ys);
                let holds = state.lives_with_graph();
                drop(state);
                let y = record_one(applied, edges, only(ys));
                if holds {
                    hold(&[x], &y);
                }
                y
            }
            _ => {
                drop(state);
                Variable::constant(only(ys))
            }
        };
        if let Some((begun, event)) = seen {
            watch::end_forward(begun, event, std::slice::from_ref(&y));
        }
        y
    }
}

/// An input that only its operation holds, taken out of its place, which the result will take.
struct Given<'a> {
    x: &'a Variable,
    state: RwLockWriteGuard<'a, State>,
    edge: Option<Edge>,
    /// The reference from node to variable, for the next node; a constant has none.
    output: Option<Weak<Inner>>,
}

impl<'a> Given<'a> {
    /// `None` where somebody else sees the variable, or might, or looks on, and where it is not `fit`.
    fn of(x: &'a Variable, fit: impl FnOnce(&Array) -> bool) -> Option<Given<'a>> {
        let config = config::current();
        if Arc::strong_count(&x.0) != 1 || !config.is_plain() {
            return None;
        }
        let mut state = x.0.try_write()?;
        if !state.is_bare() || !fit(&state.data) {
            return None;
        }
        let output = match &state.edge {
            None if Arc::weak_count(&x.0) == 0 => None,
            // Only its node can still get hold of the variable, and from here on it cannot.
            Some(edge) if config.records && Arc::weak_count(&x.0) == 1 => {
                Some(edge.node.give_output(&x.0)?)
            }
            _ => return None,
        };
        let edge = state.edge.take();
        Some(Given {
            x,
            state,
            edge,
            output,
        })
    }

    #[inline]
    fn take_data(&mut self) -> Array {
        std::mem::replace(&mut self.state.data, Array::scalar(0.0))
    }

    #[track_caller]
    fn finish(mut self, function: &mut dyn Unapplied, ys: Outputs) {
        let Some(edge) = self.edge.take() else {
            self.state.data = only(ys);
            return;
        };
        let mut edges = Edges::new();
        edges.push(Some(edge));
        let applied = applied_unary(function, || self.take_data(), &ys);
        self.become_output(applied, edges, only(ys));
    }

    #[track_caller]
    fn become_output(mut self, applied: Box<dyn Applied>, edges: Edges, y: Array) {
        let output = self.output.take();
        let output = output.unwrap_or_else(|| Arc::downgrade(&self.x.0));
        let node = Node::of_function(Location::caller(), applied, edges, output, None);
        self.state.data = y;
        self.state.edge = Some(Edge { node, index: 0 });
    }
}

/// Whether both have one shape and type.
pub(crate) fn agree(x0: &Array, x1: &Array) -> bool {
    // Compared by hand: `==` of slices calls memcmp, which costs more than a scalar's arithmetic.
    x0.ndim() == x1.ndim()
        && x0.shape().iter().zip(x1.shape()).all(|(n, m)| n == m)
        && x0.dtype() == x1.dtype()
}

/// The data of an operation's inputs, and where they come from.
pub(crate) struct Operands {
    pub(crate) xs: SmallVec<[Array; 2]>,
    edges: Edges,
    /// Whether one of them asked to live as long as the graph.
    holds: bool,
    config: Config,
    begun: Option<Begun>,
}

impl Operands {
    pub(crate) fn read(inputs: &[&Variable]) -> Operands {
        let config = config::current();
        let mut operands = Operands {
            xs: SmallVec::new(),
            edges: Edges::new(),
            holds: false,
            config,
            begun: None,
        };
        for x in inputs {
            let state = x.0.read();
            let edge = if config.records { &state.edge } else { &None };
            operands.edges.push(edge.clone());
            operands.holds |= edge.is_some() && state.lives_with_graph();
            operands.xs.push(state.data.clone());
        }
        operands
    }

    /// The operands with `x`, which is given away, as number `place` of two.
    fn take<'a>(place: usize, x: &'a Variable, other: &Variable) -> Option<(Given<'a>, Operands)> {
        let state = other.0.read();
        let fit = |x: &Array| agree(x, &state.data) && !state.lives_with_graph();
        let mut given = Given::of(x, fit)?;
        let config = config::current();
        let other_edge = if config.records { &state.edge } else { &None };
        let mut operands = Operands {
            xs: SmallVec::from([given.take_data(), state.data.clone()]),
            edges: Edges::from([given.edge.take(), other_edge.clone()]),
            holds: false,
            config,
            begun: None,
        };
        if place == 1 {
            operands.xs.swap(0, 1);
            operands.edges.swap(0, 1);
        }
        Some((given, operands))
    }

    #[track_caller]
    fn finish_given(self, mut given: Given<'_>, function: &mut dyn Unapplied, ys: Outputs) {
        if self.edges.iter().all(Option::is_none) {
            given.state.data = only(ys);
            return;
        }
        let applied = applied(function, &self.edges, self.xs, &ys);
        given.become_output(applied, self.edges, only(ys));
    }

    #[inline]
    fn begin(&mut self) {
        self.begun = self.config.is_watched.then(watch::begin);
    }

    /// [`apply_one`] to operands that have been read from `inputs`.
    #[track_caller]
    #[inline]
    pub(crate) fn apply<F: Function>(mut self, mut function: F, inputs: &[&Variable]) -> Variable {
        self.begin();
        let ys = function.forward(&self.xs);
        self.finish(&mut Some(function), ys, inputs)
    }

    #[track_caller]
    fn finish(self, function: &mut dyn Unapplied, ys: Outputs, inputs: &[&Variable]) -> Variable {
        if !self.config.is_plain() {
            return self.finish_all(function, ys, inputs).remove(0);
        }
        if self.edges.iter().all(Option::is_none) {
            return Variable::constant(only(ys));
        }
        let applied = applied(function, &self.edges, self.xs, &ys);
        let y = record_one(applied, self.edges, only(ys));
        if self.holds {
            hold(inputs, &y);
        }
        y
    }

    #[track_caller]
    fn finish_all(
        self,
        function: &mut dyn Unapplied,
        ys: Outputs,
        inputs: &[&Variable],
    ) -> SmallVec<[Variable; 1]> {
        let Operands {
            xs,
            edges,
            holds,
            config,
            begun,
        } = self;
        let seen = look(config, begun, function, inputs, &xs, &ys);
        let outputs = if edges.iter().any(Option::is_some) {
            let applied = applied(function, &edges, xs, &ys);
            let outputs = record(applied, edges, ys);
            if holds {
                hold(inputs, &outputs[0]);
            }
            outputs
        } else {
            ys.into_iter().map(Variable::constant).collect()
        };
        if let Some((begun, event)) = seen {
            watch::end_forward(begun, event, &outputs);
        }
        outputs
    }
}

/// Looks at what a function computed, where somebody asked for it.
#[cold]
#[track_caller]
fn look(
    config: Config,
    begun: Option<Begun>,
    function: &dyn Unapplied,
    inputs: &[&Variable],
    xs: &[Array],
    ys: &[Array],
) -> Option<(Begun, watch::Event)> {
    let function = function.function();
    if config.detects_anomaly() {
        check_finite(function.name(), xs, ys);
    }
    let begun = begun?;
    let event = watch::applied(&begun, function, inputs, xs, ys);
    Some((begun, event))
}

/// Lets the node that computed `y` hold those of `inputs` that asked to live as long as the graph.
#[cold]
fn hold(inputs: &[&Variable], y: &Variable) {
    let asking = inputs.iter().filter(|x| x.0.read().lives_with_graph());
    let held = asking.map(|&x| x.clone()).collect();
    if let Some(Edge { node, .. }) = &y.0.read().edge {
        node.body.write().hold(held);
    }
}

#[inline]
fn only(mut ys: Outputs) -> Array {
    ys.pop().expect("one output")
}

fn keep(function: &dyn Unapplied, needs_grad: &[bool]) -> Keep {
    let keep = function.function().keeps(needs_grad);
    match config::keeps_inputs() {
        true => keep.and(Keep::INPUTS),
        false => keep,
    }
}

/// A function of one input and one output with what it keeps; `x` gives the input away.
#[inline]
fn applied_unary(
    function: &mut dyn Unapplied,
    x: impl FnOnce() -> Array,
    ys: &[Array],
) -> Box<dyn Applied> {
    let keep = keep(function, &[true]);
    match (keep.has_input(0), keep.has_outputs()) {
        (false, false) => function.take(Saved::new()),
        (true, false) => function.take_with(0, x()),
        (false, true) => function.take_with(1, ys[0].clone()),
        (true, true) => function.take(Saved::from([Some(x()), Some(ys[0].clone())])),
    }
}

/// The function with what it keeps.
fn applied(
    function: &mut dyn Unapplied,
    edges: &[Option<Edge>],
    xs: SmallVec<[Array; 2]>,
    ys: &[Array],
) -> Box<dyn Applied> {
    let needs_grad: SmallVec<[bool; 8]> = edges.iter().map(Option::is_some).collect();
    let keep = keep(function, &needs_grad);
    let mut saved = Saved::new();
    if keep == Keep::NOTHING {
        return function.take(saved);
    }
    if !keep.has_outputs() && xs.len() == 2 && keep.has_input(0) != keep.has_input(1) {
        let place = usize::from(keep.has_input(1));
        let x = xs.into_iter().nth(place).expect("one of two");
        return function.take_with(place, x);
    }
    for (i, x) in xs.into_iter().enumerate() {
        saved.push(keep.has_input(i).then_some(x));
    }
    if keep.has_outputs() {
        for (i, y) in ys.iter().enumerate() {
            saved.push(keep.has_output(i).then(|| y.clone()));
        }
    }
    function.take(saved)
}

/// The variable of the only output.
#[track_caller]
fn record_one(applied: Box<dyn Applied>, edges: Edges, y: Array) -> Variable {
    let location = Location::caller();
    Variable::of_node(y, |output| {
        Node::of_function(location, applied, edges, output, None)
    })
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
    let first = handles.next().unwrap_or_default();
    let extra = Extra::of_outputs(shapes, handles.collect());
    let node = Node::of_function(Location::caller(), applied, edges, first, Some(extra));
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
fn check_finite(name: &str, xs: &[Array], ys: &[Array]) {
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

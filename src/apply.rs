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
    let operands = Operands::read(inputs);
    let ys = function.forward(&operands.xs);
    operands.finish(&mut Some(function), ys, inputs)
}

/// [`apply`] for functions of one output.
#[track_caller]
pub(crate) fn apply_one<F: Function>(function: F, inputs: &[&Variable]) -> Variable {
    apply(function, inputs).remove(0)
}

/// [`apply_one`] to one input, which is not even cloned.
#[track_caller]
#[inline]
pub(crate) fn apply_unary<F: Function>(mut function: F, x: &Variable) -> Variable {
    let lent = Lent::read([x]);
    let y = only(function.forward(std::slice::from_ref(&lent.states[0].data)));
    lent.finish(&mut Some(function), y)
}

/// [`apply_unary`] to a variable that is given away: where nobody else sees it, the result takes its place in
/// memory, and what it held is moved, not shared.
#[track_caller]
#[inline]
pub(crate) fn apply_to_given<F: Function>(mut function: F, x: Variable) -> Variable {
    let Some(given) = Given::of(&x, |_| true) else {
        return apply_unary(function, &x);
    };
    let y = only(function.forward(std::slice::from_ref(&given.state.data)));
    given.finish(&mut Some(function), None, y);
    x
}

/// A function of two inputs, which need not lie side by side.
pub(crate) trait Binary: Function {
    /// What `forward` computes.
    #[track_caller]
    fn eval(&self, x0: &Array, x1: &Array) -> Array;
}

/// [`apply_one`] to two inputs, which are not even cloned. Nothing happens, and the function comes back, where they
/// are not `fit` for each other.
#[track_caller]
#[inline]
pub(crate) fn apply_binary<F: Binary>(
    function: F,
    x0: &Variable,
    x1: &Variable,
    fit: impl FnOnce(&Array, &Array) -> bool,
) -> Result<Variable, F> {
    let lent = Lent::read([x0, x1]);
    let [x0, x1] = lent.states.each_ref().map(|state| &state.data);
    if !fit(x0, x1) {
        return Err(function);
    }
    let y = function.eval(x0, x1);
    Ok(lent.finish(&mut Some(function), y))
}

/// [`apply_binary`] where input number `place`, `x`, is given away: it becomes the result. Nothing happens where
/// somebody else sees `x`, either.
#[track_caller]
#[inline]
pub(crate) fn apply_in_place<F: Binary>(
    function: F,
    place: usize,
    x: &Variable,
    other: &Variable,
    fit: impl FnOnce(&Array, &Array) -> bool,
) -> Result<(), F> {
    let other = other.0.read();
    let fit = |x: &Array| !other.lives_with_graph() && fit(x, &other.data);
    let Some(given) = Given::of(x, fit) else {
        return Err(function);
    };
    let x = &given.state.data;
    let y = match place {
        0 => function.eval(x, &other.data),
        _ => function.eval(&other.data, x),
    };
    given.finish(&mut Some(function), Some((1 - place, &other)), y);
    Ok(())
}

/// A function on its way into a node.
pub(crate) trait Unapplied {
    fn function(&self) -> &dyn Function;
    /// Moves the function into a box.
    fn take(&mut self) -> Box<dyn Applied>;
    /// The same with input or output `place`.
    fn take_with(&mut self, place: usize, saved: Array) -> Box<dyn Applied>;
    /// The same with several inputs and outputs.
    fn take_with_all(&mut self, saved: Saved) -> Box<dyn Applied>;
}

impl<F: Function> Unapplied for Option<F> {
    fn function(&self) -> &dyn Function {
        self.as_ref().expect("not taken yet")
    }

    fn take(&mut self) -> Box<dyn Applied> {
        Box::new(self.take().expect("not taken yet"))
    }

    fn take_with(&mut self, place: usize, saved: Array) -> Box<dyn Applied> {
        let function = self.take().expect("not taken yet");
        Box::new(KeepingOne {
            function,
            place,
            saved,
        })
    }

    fn take_with_all(&mut self, saved: Saved) -> Box<dyn Applied> {
        let function = self.take().expect("not taken yet");
        Box::new(Keeping { function, saved })
    }
}

/// The inputs of a function of few.
struct Lent<'a, const N: usize> {
    xs: [&'a Variable; N],
    states: [RwLockReadGuard<'a, State>; N],
    config: Config,
    begun: Option<Begun>,
}

impl<'a, const N: usize> Lent<'a, N> {
    #[inline]
    fn read(xs: [&'a Variable; N]) -> Lent<'a, N> {
        let config = config::current();
        Lent {
            xs,
            states: xs.map(|x| x.0.read()),
            config,
            begun: config.is_watched.then(watch::begin),
        }
    }

    #[track_caller]
    fn finish(self, function: &mut dyn Unapplied, y: Array) -> Variable {
        let Lent {
            xs,
            states,
            config,
            begun,
        } = self;
        // Not in a closure, which would be the caller.
        let seen = match config.is_plain() {
            true => None,
            false => {
                let data = states.each_ref().map(|state| state.data.clone());
                let ys = std::slice::from_ref(&y);
                look(config, begun, function, &xs, &data, ys)
            }
        };
        let needs_grad = (states.each_ref()).map(|state| config.records && state.edge.is_some());
        let y = if needs_grad.contains(&true) {
            let mut edges = Edges::new();
            for state in &states {
                edges.push(state.edge.clone());
            }
            let holds =
                (states.iter()).any(|state| state.edge.is_some() && state.lives_with_graph());
            let input = &mut |i: usize| states[i].data.clone();
            let applied = applied(function, &needs_grad, input, std::slice::from_ref(&y));
            drop(states);
            let y = record_one(applied, edges, y);
            if holds {
                hold(&xs, &y);
            }
            y
        } else {
            drop(states);
            Variable::constant(y)
        };
        if let Some((begun, event)) = seen {
            watch::end_forward(begun, event, std::slice::from_ref(&y));
        }
        y
    }
}

/// An input that only its operation holds, whose place the result will take.
struct Given<'a> {
    x: &'a Variable,
    state: RwLockWriteGuard<'a, State>,
    /// The reference from node to variable, for the next node; a constant has none.
    output: Option<Weak<Inner>>,
    records: bool,
}

impl<'a> Given<'a> {
    /// `None` where somebody else sees the variable, or might, or looks on, and where it is not `fit`.
    #[inline]
    fn of(x: &'a Variable, fit: impl FnOnce(&Array) -> bool) -> Option<Given<'a>> {
        let config = config::current();
        if Arc::strong_count(&x.0) != 1 || !config.is_plain() {
            return None;
        }
        let state = x.0.try_write()?;
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
        Some(Given {
            x,
            state,
            output,
            records: config.records,
        })
    }

    /// Puts the result of the function in its place; `other` is the other input, with its number, if there is one.
    #[track_caller]
    fn finish(mut self, function: &mut dyn Unapplied, other: Option<(usize, &State)>, y: Array) {
        let edge = self.state.edge.take();
        let edges = match other {
            None => Edges::from_iter([edge]),
            Some((place, other)) => {
                let other = other.edge.clone().filter(|_| self.records);
                Edges::from(if place == 1 {
                    [edge, other]
                } else {
                    [other, edge]
                })
            }
        };
        let mut needs_grad = [false; 2];
        for (needs_grad, edge) in needs_grad.iter_mut().zip(&edges) {
            *needs_grad = edge.is_some();
        }
        let needs_grad = &needs_grad[..edges.len()];
        if !needs_grad.contains(&true) {
            self.state.data = y;
            return;
        }
        let data = &mut self.state.data;
        let input = &mut |i: usize| match other {
            Some((place, other)) if place == i => other.data.clone(),
            _ => std::mem::replace(data, Array::scalar(0.0)),
        };
        let applied = applied(function, needs_grad, input, std::slice::from_ref(&y));
        let output = self.output.take();
        let output = output.unwrap_or_else(|| Arc::downgrade(&self.x.0));
        let node = Node::of_function(Location::caller(), applied, edges, output, None);
        self.state.data = y;
        self.state.edge = Some(Edge { node, index: 0 });
    }
}

/// The data of an operation's inputs, and where they come from.
struct Operands {
    xs: SmallVec<[Array; 3]>,
    edges: Edges,
    /// Whether one of them asked to live as long as the graph.
    holds: bool,
    config: Config,
    begun: Option<Begun>,
}

impl Operands {
    fn read(inputs: &[&Variable]) -> Operands {
        let config = config::current();
        let mut operands = Operands {
            xs: SmallVec::new(),
            edges: Edges::new(),
            holds: false,
            config,
            begun: config.is_watched.then(watch::begin),
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

    #[track_caller]
    fn finish(
        self,
        function: &mut dyn Unapplied,
        ys: Outputs,
        inputs: &[&Variable],
    ) -> SmallVec<[Variable; 1]> {
        let Operands {
            mut xs,
            edges,
            holds,
            config,
            begun,
        } = self;
        // Not in a closure, which would be the caller.
        let seen = match config.is_plain() {
            true => None,
            false => look(config, begun, function, inputs, &xs, &ys),
        };
        let needs_grad: SmallVec<[bool; 8]> = edges.iter().map(Option::is_some).collect();
        let outputs = if needs_grad.contains(&true) {
            let input = &mut |i: usize| std::mem::replace(&mut xs[i], Array::scalar(0.0));
            let applied = applied(function, &needs_grad, input, &ys);
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
fn only(ys: Outputs) -> Array {
    match ys.into_inner() {
        Ok([y]) => y,
        Err(mut ys) => ys.pop().expect("one output"), // elsewhere in memory
    }
}

/// The function with what it keeps. `input` gives an input's data, once.
fn applied(
    function: &mut dyn Unapplied,
    needs_grad: &[bool],
    input: &mut dyn FnMut(usize) -> Array,
    ys: &[Array],
) -> Box<dyn Applied> {
    let mut keep = function.function().keeps(needs_grad);
    if config::keeps_inputs() {
        keep = keep.and(Keep::INPUTS);
    }
    if keep == Keep::NOTHING {
        return function.take();
    }
    let inputs = needs_grad.len();
    let places = if keep.has_outputs() {
        inputs + ys.len()
    } else {
        inputs
    };
    let keeps = |place: usize| {
        if place < inputs {
            keep.has_input(place)
        } else {
            keep.has_output(place - inputs)
        }
    };
    let mut saved = |place: usize| {
        if place < inputs {
            input(place)
        } else {
            ys[place - inputs].clone()
        }
    };
    let mut kept = (0..places).filter(|&place| keeps(place));
    match (kept.next(), kept.next()) {
        (Some(place), None) => function.take_with(place, saved(place)),
        _ => {
            let saved = (0..places).map(|place| keeps(place).then(|| saved(place)));
            function.take_with_all(saved.collect())
        }
    }
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

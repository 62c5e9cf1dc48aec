//! The backward pass: [`grad`] is the engine, [`Variable::backward`] stores its result at the
//! leaves.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use dezero_array::{Array, DType, Shape};
use smallvec::SmallVec;

use crate::ancestors::{Wanted, reaching, sequences, wants};
use crate::config;
use crate::frontier::Frontier;
use crate::function::{Backward, Function, Gradients};
use crate::node::{Body, Edge, Node};
use crate::variable::Variable;
use crate::watch;

/// How a backward pass runs.
///
/// ```
/// use dezero::{BackwardOptions, Variable};
/// let x = Variable::new(2.0);
/// let y = &x * &x * &x;
/// y.backward_with(BackwardOptions::new().create_graph(true));
/// let gx = x.grad().unwrap(); // 3x², itself differentiable
/// x.clear_grad();
/// gx.backward();
/// assert_eq!(x.grad().unwrap().item(), 12.0); // 6x
/// ```
#[derive(Clone, Debug, Default)]
pub struct BackwardOptions {
    create_graph: bool,
    retain_grad: bool,
    seed: Option<Variable>,
}

impl BackwardOptions {
    /// First order, gradients at the leaves only, starting from ones.
    pub fn new() -> BackwardOptions {
        BackwardOptions::default()
    }

    /// Records the backward pass too, so that its gradients can be differentiated.
    pub fn create_graph(mut self, create_graph: bool) -> BackwardOptions {
        self.create_graph = create_graph;
        self
    }

    /// Stores gradients at intermediate variables too, as far as somebody holds them.
    pub fn retain_grad(mut self, retain_grad: bool) -> BackwardOptions {
        self.retain_grad = retain_grad;
        self
    }

    /// Starts from this gradient instead of ones.
    pub fn seed(mut self, gy: impl Into<Variable>) -> BackwardOptions {
        self.seed = Some(gy.into());
        self
    }
}

impl Variable {
    /// Differentiates this variable: adds its gradient to every leaf it depends on.
    ///
    /// A variable of more than one element is differentiated as its sum, as in the book.
    ///
    /// # Panics
    /// If the variable does not depend on any leaf (it is a constant, or was computed under
    /// `no_grad`).
    #[track_caller]
    pub fn backward(&self) {
        self.backward_with(BackwardOptions::new());
    }

    /// [`backward`](Variable::backward) with options.
    ///
    /// # Panics
    /// As `backward`; and if the seed's shape is not the variable's.
    #[track_caller]
    pub fn backward_with(&self, options: BackwardOptions) {
        let Some(edge) = self.0.read().edge.clone() else {
            panic!(
                "backward: the variable is a constant: it was not computed from a Variable::new, \
                 or was computed under no_grad"
            );
        };
        let gy = options.seed.unwrap_or_else(|| ones_like(self));
        expect_seed_shape("backward", self, &gy);
        let mut store = |_: &Node, body: &Body, index: u32, gy: &Variable| {
            let is_leaf = body.is_leaf();
            if !is_leaf && !options.retain_grad {
                return;
            }
            let Some(x) = body.output(index) else { return };
            expect_gradient_shape(&x, gy);
            if is_leaf {
                x.accumulate_grad(gy.clone());
            } else {
                x.set_grad(gy);
            }
        };
        run(&[(edge, gy)], None, options.create_graph, true, &mut store);
    }
}

/// Gradients of the sum of all elements of `ys` with respect to each of `xs`, which may be leaves or
/// intermediate variables. Nothing is stored in the variables.
///
/// With `create_graph` the gradients are differentiable in turn.
///
/// # Panics
/// If one of `ys` is a constant, or does not depend on any of `xs`, or one of `xs` is a constant or
/// reached by none of `ys`; use [`grad_with`] where that is fine.
///
/// ```
/// use dezero::{Variable, grad};
/// let x = Variable::new(2.0);
/// let y = &x * &x * &x;
/// let gx = grad(&[&y], &[&x], true).remove(0);
/// let ggx = grad(&[&gx], &[&x], false).remove(0);
/// assert_eq!((gx.item(), ggx.item()), (12.0, 12.0));
/// ```
#[track_caller]
pub fn grad(ys: &[&Variable], xs: &[&Variable], create_graph: bool) -> Vec<Variable> {
    let gxs = grad_with(ys, xs, None, create_graph);
    let mut found = Vec::with_capacity(gxs.len());
    for (i, gx) in gxs.into_iter().enumerate() {
        match gx {
            Some(gx) => found.push(gx),
            None => panic!(
                "grad: xs[{i}] of shape {:?} is not part of the graph of ys; grad_with returns \
                 None for it",
                &xs[i].shape()[..]
            ),
        }
    }
    found
}

/// [`grad`] with seeds for `ys` (ones where `None`), and `None` for each of `xs` that no `y` depends
/// on.
///
/// # Panics
/// If a seed's shape is not that of its `y`.
#[track_caller]
pub fn grad_with(
    ys: &[&Variable],
    xs: &[&Variable],
    seeds: Option<&[&Variable]>,
    create_graph: bool,
) -> Vec<Option<Variable>> {
    if let Some(seeds) = seeds
        && seeds.len() != ys.len()
    {
        panic!(
            "grad: {} variables to differentiate, {} seeds",
            ys.len(),
            seeds.len()
        );
    }
    let mut roots: SmallVec<[(Edge, Variable); 1]> = SmallVec::new();
    for (i, y) in ys.iter().enumerate() {
        let gy = seeds.map_or_else(|| ones_like(y), |seeds| seeds[i].clone());
        expect_seed_shape("grad", y, &gy);
        if let Some(edge) = y.0.read().edge.clone() {
            roots.push((edge, gy));
        }
    }
    let targets: Vec<Option<Edge>> = xs.iter().map(|x| x.edge()).collect();
    let wanted = reaching(&roots, &targets, Vec::new());
    gradients(&roots, &targets, &wanted, create_graph)
}

/// Gradients at those of `ends` that `is_wanted` names, of what is computed from them on the way from
/// `roots`: no gradient flows on beyond an end, not even to another one.
pub(crate) fn grad_up_to(
    roots: &[(Edge, Variable)],
    ends: &[Option<Edge>],
    is_wanted: &[bool],
    create_graph: bool,
) -> Vec<Option<Variable>> {
    let targets: Vec<Option<Edge>> = (ends.iter().zip(is_wanted))
        .map(|(end, &is_wanted)| if is_wanted { end.clone() } else { None })
        .collect();
    let wanted = reaching(roots, &targets, sequences(ends));
    gradients(roots, &targets, &wanted, create_graph)
}

#[track_caller]
fn gradients(
    roots: &[(Edge, Variable)],
    targets: &[Option<Edge>],
    wanted: &Wanted,
    create_graph: bool,
) -> Vec<Option<Variable>> {
    let mut gxs: Vec<Option<Variable>> = vec![None; targets.len()];
    let mut store = |node: &Node, _: &Body, index: u32, gy: &Variable| {
        for (gx, target) in gxs.iter_mut().zip(targets) {
            if let Some(target) = target
                && target.node.sequence == node.sequence
                && target.index == index
            {
                *gx = Some(gy.clone());
            }
        }
    };
    run(roots, Some(wanted), create_graph, true, &mut store);
    gxs
}

#[track_caller]
fn ones_like(y: &Variable) -> Variable {
    let y = y.data();
    Variable::constant(Array::ones(y.shape(), y.dtype()))
}

#[track_caller]
fn expect_seed_shape(operation: &str, y: &Variable, gy: &Variable) {
    if y.shape() != gy.shape() {
        panic!(
            "{operation}: the variable has shape {:?}, the gradient to start from {:?}",
            &y.shape()[..],
            &gy.shape()[..]
        );
    }
}

#[track_caller]
fn expect_gradient_shape(x: &Variable, gx: &Variable) {
    if x.shape() != gx.shape() {
        panic!(
            "backward: a function gave a gradient of shape {:?} for a variable of shape {:?}",
            &gx.shape()[..],
            &x.shape()[..]
        );
    }
}

/// The gradients of a node's outputs, as far as they have arrived.
#[derive(Default)]
pub(crate) struct Gys {
    pub(crate) first: Option<Variable>,
    /// Those of further outputs. Boxed to be thin: few nodes have several outputs.
    #[allow(clippy::box_collection)]
    others: Option<Box<Vec<Option<Variable>>>>,
}

impl Gys {
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&Variable> {
        match index {
            0 => self.first.as_ref(),
            i => self.others.as_ref()?.get(i - 1)?.as_ref(),
        }
    }

    #[inline]
    fn slot(&mut self, index: usize) -> &mut Option<Variable> {
        if index == 0 {
            return &mut self.first;
        }
        let others = self.others.get_or_insert_default();
        if others.len() < index {
            others.resize(index, None);
        }
        &mut others[index - 1]
    }

    #[inline]
    fn add(&mut self, index: usize, gy: Variable) {
        let slot = self.slot(index);
        *slot = Some(match slot.take() {
            Some(sum) => accumulate(sum, gy),
            None => gy,
        });
    }

    /// Adds those of the same node that were gathered elsewhere.
    fn merge(&mut self, more: Gys) {
        let others = more.others.map_or_else(Vec::new, |others| *others);
        for (index, gy) in std::iter::once(more.first).chain(others).enumerate() {
            if let Some(gy) = gy {
                self.add(index, gy);
            }
        }
    }
}

/// `sum + gx`; in place where nobody else sees `sum` and nothing is recorded.
pub(crate) fn accumulate(mut sum: Variable, gx: Variable) -> Variable {
    let state = gx.0.read();
    if state.edge.is_none()
        && let Some(data) = sum.sole_data()
    {
        *data += &state.data;
        return sum;
    }
    drop(state);
    if sum.requires_grad() || gx.requires_grad() {
        return sum + gx;
    }
    let mut data = sum.data();
    data += &gx.data();
    Variable::constant(data)
}

/// Visits the nodes above `roots`, newest first, so that every gradient is complete before it is
/// passed on. `store` sees each node's complete gradients. With `wanted`, other nodes are passed by.
///
/// A panic in a function's backward goes on with the line that recorded the function.
#[track_caller]
fn run(
    roots: &[(Edge, Variable)],
    wanted: Option<&Wanted>,
    create_graph: bool,
    calls_hooks: bool,
    store: &mut dyn FnMut(&Node, &Body, u32, &Variable),
) {
    let mut visited = None;
    let visit = AssertUnwindSafe(|| {
        visit(
            roots,
            wanted,
            create_graph,
            calls_hooks,
            store,
            &mut visited,
        );
    });
    if let Err(payload) = catch_unwind(visit) {
        match visited {
            Some(node) => raise(payload, &node),
            None => resume_unwind(payload),
        }
    }
}

/// Goes on with a panic that came from visiting `node`.
#[track_caller]
fn raise(payload: Box<dyn Any + Send>, node: &Node) -> ! {
    let body = node.body.read_recursive();
    let place = format!(
        "  in the backward of {}, recorded at {}",
        body.name(),
        node.location
    );
    if let Some(found) = config::found_anomaly(&*payload) {
        config::anomaly(format!("{found}\n{place}"));
    }
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("panicked");
    panic!("{message}\n{place}");
}

/// [`run`]; `visited` holds the node that is at work.
fn visit(
    roots: &[(Edge, Variable)],
    wanted: Option<&Wanted>,
    create_graph: bool,
    calls_hooks: bool,
    store: &mut dyn FnMut(&Node, &Body, u32, &Variable),
    visited: &mut Option<Arc<Node>>,
) {
    let mut waiting: Frontier<Gys> = Frontier::new();
    let pass_on = |waiting: &mut Frontier<Gys>, edge: &Edge, gy: Variable| {
        if wants(wanted, edge) {
            waiting.at(&edge.node).add(edge.index as usize, gy);
        }
    };
    for (edge, gy) in roots {
        pass_on(&mut waiting, edge, gy.clone());
    }
    while let Some((node, mut gys)) = waiting.pop(Gys::merge) {
        let node = &*visited.insert(node);
        let is_end = wanted.is_some_and(|wanted| wanted.is_end(node));
        let mut body = node.body.read_recursive();
        if calls_hooks && body.extra.is_some() && !is_end {
            // Not under the lock: a hook may take itself off.
            drop(body);
            call_hooks(node, &mut gys);
            body = node.body.read_recursive();
        }
        for index in 0..body.output_count() {
            if let Some(gy) = gys.get(index) {
                store(node, &body, index as u32, gy);
            }
        }
        let Some(function) = body.function() else {
            continue;
        };
        let leads_on = || body.edges.iter().flatten().any(|edge| wants(wanted, edge));
        if is_end || (wanted.is_some() && !leads_on()) {
            continue;
        }
        let context = Backward::new(node, &body, &mut gys, wanted);
        let mut gxs = config::recording(create_graph, || call_backward(function, &context));
        for (edge, gx) in body.edges.iter().zip(&mut gxs.0) {
            if let (Some(edge), Some(gx)) = (edge, gx.take()) {
                pass_on(&mut waiting, edge, gx);
            }
        }
    }
}

#[cold]
fn call_hooks(node: &Node, gys: &mut Gys) {
    let calls: Vec<_> = match &node.body.read_recursive().extra {
        Some(extra) => extra
            .hooks
            .iter()
            .map(|hook| (hook.index, hook.call.clone()))
            .collect(),
        None => return,
    };
    for (index, call) in calls {
        if let Some(gy) = gys.get(index as usize)
            && let Some(replaced) = call(gy)
        {
            *gys.slot(index as usize) = Some(replaced);
        }
    }
}

/// Calls a function's backward, and looks at what it gives.
fn call_backward(function: &dyn Function, context: &Backward<'_>) -> Gradients {
    let body = context.body;
    let config = config::current();
    let begun = config.is_watched.then(watch::begin);
    let gradients = function.backward(context);
    let gxs = &gradients.0;
    if gxs.len() != body.edges.len() {
        panic!(
            "{}: backward gave {} gradients for {} inputs",
            body.name(),
            gxs.len(),
            body.edges.len()
        );
    }
    if config.detects_anomaly() {
        for (i, gx) in gxs.iter().enumerate() {
            if let Some(gx) = gx
                && !gx.data().all_finite()
            {
                config::anomaly(format!(
                    "NaN or infinity in the gradient of input {i} of shape {:?}",
                    &gx.shape()[..]
                ));
            }
        }
    }
    if let Some(begun) = begun {
        watch::end_backward(begun, body.name(), gxs);
    }
    gradients
}

/// Shapes and types of the gradients of all that `y` was computed from, by node and output. Nothing is
/// stored; where a backward panics, what comes after it is missing.
pub(crate) fn gradient_types(y: &Variable) -> HashMap<(u64, u32), (Shape, DType)> {
    let mut found = HashMap::new();
    let Some(edge) = y.0.read().edge.clone() else {
        return found;
    };
    let roots = [(edge, ones_like(y))];
    let mut store = |node: &Node, _: &Body, index: u32, gy: &Variable| {
        found.insert((node.sequence, index), (gy.shape(), gy.dtype()));
    };
    catch_unwind(AssertUnwindSafe(|| {
        run(&roots, None, false, false, &mut store)
    }))
    .ok();
    found
}

/// One function's backward, as [`Creator::backward`](crate::Creator::backward) calls it.
#[track_caller]
pub(crate) fn step(node: &Arc<Node>, gys: &[Option<Variable>]) -> Vec<Option<Variable>> {
    let body = node.body.read_recursive();
    if gys.len() != body.output_count() {
        panic!(
            "{}: backward takes the gradients of {} outputs, got {}",
            body.name(),
            body.output_count(),
            gys.len()
        );
    }
    let Some(function) = body.function() else {
        return Vec::new();
    };
    let mut all = Gys::default();
    for (index, gy) in gys.iter().enumerate() {
        *all.slot(index) = gy.clone();
    }
    let context = Backward::new(node, &body, &mut all, None);
    match catch_unwind(AssertUnwindSafe(|| call_backward(function, &context))) {
        Ok(gxs) => gxs.0.into_vec(),
        Err(payload) => raise(payload, node),
    }
}

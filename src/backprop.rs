//! The backward pass: [`grad`] is the engine, [`Variable::backward`] stores its result at the
//! leaves.

use std::collections::BTreeMap;
use std::collections::hash_map::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dezero_array::{Array, DType, Shape};
use smallvec::SmallVec;

use crate::config;
use crate::function::{Backward, Body, Edge, Node};
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
            let is_leaf = body.function.is_none();
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
    let targets: Vec<Option<Edge>> = xs.iter().map(|x| x.0.read().edge.clone()).collect();
    let mut gxs: Vec<Option<Variable>> = vec![None; xs.len()];
    let wanted = reaching(&roots, &targets);
    let mut store = |node: &Node, _: &Body, index: u32, gy: &Variable| {
        for (gx, target) in gxs.iter_mut().zip(&targets) {
            if let Some(target) = target
                && target.node.sequence == node.sequence
                && target.index == index
            {
                *gx = Some(gy.clone());
            }
        }
    };
    run(&roots, Some(&wanted), create_graph, true, &mut store);
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

/// Which nodes lie on a path from the roots to a target; the targets themselves are `true`.
type Wanted = HashMap<u64, bool>;

/// Walks the graph from the roots down to the oldest target, without recursion.
fn reaching(roots: &[(Edge, Variable)], targets: &[Option<Edge>]) -> Wanted {
    let mut wanted: Wanted = targets
        .iter()
        .flatten()
        .map(|target| (target.node.sequence, true))
        .collect();
    let Some(&oldest) = wanted.keys().min() else {
        return wanted;
    };
    let mut found: BTreeMap<u64, Arc<Node>> = BTreeMap::new();
    let mut stack: Vec<Arc<Node>> = roots.iter().map(|(edge, _)| edge.node.clone()).collect();
    while let Some(node) = stack.pop() {
        if node.sequence < oldest || found.contains_key(&node.sequence) {
            continue;
        }
        for edge in node.body.read_recursive().edges.iter().flatten() {
            stack.push(edge.node.clone());
        }
        found.insert(node.sequence, node);
    }
    // Oldest first: whether the inputs reach a target is known before their outputs are asked.
    for (sequence, node) in found {
        let body = node.body.read_recursive();
        let reaches = body
            .edges
            .iter()
            .flatten()
            .any(|edge| wanted.get(&edge.node.sequence).copied().unwrap_or(false));
        let entry = wanted.entry(sequence).or_insert(false);
        *entry |= reaches;
    }
    wanted
}

/// A node whose gradients are being summed; nodes wait by sequence number.
struct Pending {
    node: Arc<Node>,
    gys: SmallVec<[Option<Variable>; 1]>,
}

type Waiting = BTreeMap<u64, Pending>;

fn add_pending(waiting: &mut Waiting, edge: &Edge, gy: Variable) {
    let pending = waiting
        .entry(edge.node.sequence)
        .or_insert_with(|| Pending {
            node: edge.node.clone(),
            gys: SmallVec::new(),
        });
    let index = edge.index as usize;
    while pending.gys.len() <= index {
        pending.gys.push(None);
    }
    let slot = &mut pending.gys[index];
    *slot = Some(match slot.take() {
        Some(sum) => accumulate(sum, gy),
        None => gy,
    });
}

/// `sum + gx`; in place where nobody else sees `sum` and nothing is recorded.
pub(crate) fn accumulate(mut sum: Variable, gx: Variable) -> Variable {
    if sum.requires_grad() || gx.requires_grad() {
        return sum + gx;
    }
    if Arc::get_mut(&mut sum.0).is_none() {
        sum = sum.detach();
    }
    let gx = gx.data();
    sum.update_data(|sum| *sum += &gx);
    sum
}

/// Visits the nodes above `roots`, newest first, so that every gradient is complete before it is
/// passed on. `store` sees each node's complete gradients. With `wanted`, other nodes are passed by.
#[track_caller]
fn run(
    roots: &[(Edge, Variable)],
    wanted: Option<&Wanted>,
    create_graph: bool,
    calls_hooks: bool,
    store: &mut dyn FnMut(&Node, &Body, u32, &Variable),
) {
    let is_wanted = |edge: &Edge| {
        wanted.is_none_or(|wanted| wanted.get(&edge.node.sequence).copied().unwrap_or(false))
    };
    let mut waiting = Waiting::new();
    for (edge, gy) in roots {
        if is_wanted(edge) {
            add_pending(&mut waiting, edge, gy.clone());
        }
    }
    while let Some((_, Pending { node, mut gys })) = waiting.pop_last() {
        let mut body = node.body.read_recursive();
        if calls_hooks && body.extra.is_some() {
            // Not under the lock: a hook may take itself off.
            drop(body);
            call_hooks(&node, &mut gys);
            body = node.body.read_recursive();
        }
        for (index, gy) in gys.iter().enumerate() {
            if let Some(gy) = gy {
                store(&node, &body, index as u32, gy);
            }
        }
        if body.function.is_none() {
            continue;
        }
        let mut needs: SmallVec<[bool; 8]> = SmallVec::new();
        for edge in &body.edges {
            needs.push(edge.as_ref().is_some_and(is_wanted));
        }
        if !needs.contains(&true) {
            continue;
        }
        while gys.len() < body.output_count() {
            gys.push(None);
        }
        let context = Backward {
            node: &node,
            body: &body,
            gys: &gys,
            needs: &needs,
        };
        let gxs = config::recording(create_graph, || call_backward(&context));
        for ((edge, gx), needed) in body.edges.iter().zip(gxs).zip(needs) {
            if let (Some(edge), Some(gx), true) = (edge, gx, needed) {
                add_pending(&mut waiting, edge, gx);
            }
        }
    }
}

#[cold]
fn call_hooks(node: &Node, gys: &mut [Option<Variable>]) {
    let calls: Vec<_> = match &node.body.read_recursive().extra {
        Some(extra) => extra
            .hooks
            .iter()
            .map(|hook| (hook.index, hook.call.clone()))
            .collect(),
        None => return,
    };
    for (index, call) in calls {
        if let Some(Some(gy)) = gys.get_mut(index as usize)
            && let Some(replaced) = call(gy)
        {
            *gy = replaced;
        }
    }
}

/// Calls a function's backward; a panic in it goes on with the line that recorded the function.
#[track_caller]
fn call_backward(context: &Backward<'_>) -> SmallVec<[Option<Variable>; 2]> {
    let body = context.body;
    let config = config::current();
    let begun = config.is_watched.then(watch::begin);
    let function = body.function.as_ref().expect("not a leaf");
    let gxs = match catch_unwind(AssertUnwindSafe(|| function.backward(context))) {
        Ok(gxs) => gxs.0,
        Err(payload) => {
            let message = payload
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| payload.downcast_ref::<&str>().copied())
                .unwrap_or("panicked");
            panic!(
                "{message}\n  in the backward of {}, recorded at {}",
                body.name(),
                context.node.location
            );
        }
    };
    if gxs.len() != body.edges.len() {
        panic!(
            "{}: backward gave {} gradients for {} inputs; recorded at {}",
            body.name(),
            gxs.len(),
            body.edges.len(),
            context.node.location
        );
    }
    if config.detects_anomaly {
        for (i, gx) in gxs.iter().enumerate() {
            if let Some(gx) = gx
                && !gx.data().all_finite()
            {
                panic!(
                    "anomaly: the backward of {} gave NaN or infinity in the gradient of input {i} \
                     of shape {:?}; recorded at {}",
                    body.name(),
                    &gx.shape()[..],
                    context.node.location
                );
            }
        }
    }
    if let Some(begun) = begun {
        watch::end_backward(begun, body.name(), &gxs);
    }
    gxs
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
    if body.function.is_none() {
        return Vec::new();
    }
    let needs: SmallVec<[bool; 8]> = body.edges.iter().map(Option::is_some).collect();
    let context = Backward {
        node,
        body: &body,
        gys,
        needs: &needs,
    };
    call_backward(&context).into_vec()
}

/// All nodes that `y` was computed from, by sequence number.
fn ancestors(y: &Variable) -> BTreeMap<u64, Arc<Node>> {
    let mut found = BTreeMap::new();
    let mut stack: Vec<Arc<Node>> =
        y.0.read()
            .edge
            .iter()
            .map(|edge| edge.node.clone())
            .collect();
    while let Some(node) = stack.pop() {
        if found.contains_key(&node.sequence) {
            continue;
        }
        let body = node.body.read_recursive();
        stack.extend(body.edges.iter().flatten().map(|edge| edge.node.clone()));
        drop(body);
        found.insert(node.sequence, node);
    }
    found
}

pub(crate) fn generation(y: &Variable) -> usize {
    let mut generations: HashMap<u64, usize> = HashMap::new();
    let mut last = 0;
    for (sequence, node) in ancestors(y) {
        let body = node.body.read_recursive();
        let inputs = body
            .edges
            .iter()
            .flatten()
            .map(|edge| generations[&edge.node.sequence]);
        last = inputs.max().unwrap_or(0) + usize::from(body.function.is_some());
        generations.insert(sequence, last);
    }
    last
}

pub(crate) fn unchain_backward(y: &Variable) {
    let Some(edge) = y.0.read().edge.clone() else {
        return;
    };
    for (sequence, node) in ancestors(y) {
        if sequence != edge.node.sequence {
            let parts = node.body.write().unchain();
            drop(parts);
        }
    }
}

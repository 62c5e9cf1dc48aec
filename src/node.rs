//! [`Node`]: one application of a function, and how a graph of them lets go of its memory.

use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use dezero_array::{Array, DType, Shape};
use parking_lot::RwLock;
use smallvec::SmallVec;

use crate::function::Function;
use crate::functions::shape::is_implied;
use crate::variable::{Inner, Variable};

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
            body.is_leaf() && body.output(self.index).is_some()
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

/// With the counts of its `Arc` no more than 128 bytes of the heap: larger blocks cost glibc's `malloc` much more, when
/// a graph goes and many become free at once.
const _: () = assert!(size_of::<Node>() <= 104);

pub(crate) type Edges = SmallVec<[Option<Edge>; 2]>;

/// What `keeps` names: inputs, then outputs.
pub(crate) type Saved = SmallVec<[Option<Array>; 2]>;

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
    /// Of inputs, then outputs.
    fn saved(&self, place: usize) -> Option<&Array>;
}

impl<F: Function> Applied for F {
    fn function(&self) -> &dyn Function {
        self
    }

    fn saved(&self, _: usize) -> Option<&Array> {
        None
    }
}

pub(crate) struct KeepingOne<F> {
    pub(crate) function: F,
    pub(crate) place: usize,
    pub(crate) saved: Array,
}

impl<F: Function> Applied for KeepingOne<F> {
    fn function(&self) -> &dyn Function {
        &self.function
    }

    fn saved(&self, place: usize) -> Option<&Array> {
        (self.place == place).then_some(&self.saved)
    }
}

pub(crate) struct Keeping<F> {
    pub(crate) function: F,
    pub(crate) saved: Saved,
}

impl<F: Function> Applied for Keeping<F> {
    fn function(&self) -> &dyn Function {
        &self.function
    }

    fn saved(&self, place: usize) -> Option<&Array> {
        self.saved.get(place)?.as_ref()
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

impl Extra {
    /// Of a function with several outputs.
    pub(crate) fn of_outputs(
        outputs: Vec<(Shape, DType)>,
        other_outputs: Vec<Weak<Inner>>,
    ) -> Box<Extra> {
        Box::new(Extra {
            outputs,
            other_outputs,
            ..Extra::default()
        })
    }
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
        let body = Body {
            applied: None,
            edges: SmallVec::new(),
            output,
            extra: None,
        };
        Node::new(Location::caller(), body)
    }

    pub(crate) fn of_function(
        location: &'static Location<'static>,
        applied: Box<dyn Applied>,
        edges: Edges,
        output: Weak<Inner>,
        extra: Option<Box<Extra>>,
    ) -> Arc<Node> {
        let body = Body {
            applied: Some(applied),
            edges,
            output,
            extra,
        };
        Node::new(location, body)
    }

    #[inline]
    fn new(location: &'static Location<'static>, body: Body) -> Arc<Node> {
        Arc::new(Node {
            sequence: next_sequence(),
            location,
            place: AtomicU32::new(0),
            body: RwLock::new(body),
        })
    }

    /// Gives the reference to the first output away, if that is `output` and nobody else holds it.
    #[inline]
    pub(crate) fn give_output(&self, output: &Arc<Inner>) -> Option<Weak<Inner>> {
        let mut body = self.body.try_write()?;
        let is_alone = std::ptr::eq(body.output.as_ptr(), Arc::as_ptr(output))
            && Arc::strong_count(output) == 1;
        is_alone.then(|| std::mem::take(&mut body.output))
    }

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

    /// Whether there is no function: a leaf, or unchained.
    #[inline]
    pub(crate) fn is_leaf(&self) -> bool {
        self.applied.is_none()
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
        self.applied.as_ref()?.saved(i)
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

    /// Lets variables live as long as the graph.
    pub(crate) fn hold(&mut self, held: Vec<Variable>) {
        self.extra.get_or_insert_default().held = held;
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

impl Node {
    /// Moves what the edges hold to `waiting`.
    #[inline]
    fn hand_over(&mut self, waiting: &mut SmallVec<[Arc<Node>; 8]>) {
        let edges = &mut self.body.get_mut().edges;
        while let Some(edge) = edges.pop() {
            if let Some(edge) = edge {
                waiting.push(edge.node);
            }
        }
    }
}

impl Drop for Node {
    /// Drops a graph of any depth without recursion: a node whose last owner goes hands its edges over before it
    /// goes itself.
    fn drop(&mut self) {
        let body = self.body.get_mut();
        // Functions and hooks may own variables. As a rule these lead to nodes that the edges lead to, too, and are
        // not the last to do so: they go first.
        drop((body.applied.take(), body.extra.take()));
        if body.edges.is_empty() {
            return; // a leaf, or one that handed them over
        }
        let mut waiting = SmallVec::new();
        self.hand_over(&mut waiting);
        while let Some(node) = waiting.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                node.hand_over(&mut waiting);
            }
        }
    }
}

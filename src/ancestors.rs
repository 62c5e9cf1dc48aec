//! Walks from variables to what they were computed from, without gradients.

use std::sync::Arc;

use crate::frontier::Frontier;
use crate::node::{Edge, Node};
use crate::variable::Variable;

/// `roots` and all nodes that they were computed from, newest first. `goes_on` says whether to follow an
/// edge of a node.
fn ancestors<'a>(
    roots: impl Iterator<Item = &'a Edge>,
    goes_on: impl Fn(&Node, &Edge) -> bool,
) -> Vec<Arc<Node>> {
    let mut waiting: Frontier<()> = Frontier::new();
    for root in roots {
        waiting.at(&root.node);
    }
    let mut found = Vec::new();
    while let Some((node, ())) = waiting.pop(|(), ()| ()) {
        for edge in node.body.read_recursive().edges.iter().flatten() {
            if goes_on(&node, edge) {
                waiting.at(&edge.node);
            }
        }
        found.push(node);
    }
    found
}

/// The nodes that lie on a path from the roots to a target, by their sequence numbers, ascending.
pub(crate) struct Wanted {
    nodes: Vec<u64>,
    /// Those beyond which no gradient flows.
    ends: Vec<u64>,
}

impl Wanted {
    #[inline]
    pub(crate) fn is_end(&self, node: &Node) -> bool {
        self.ends.binary_search(&node.sequence).is_ok()
    }
}

/// Whether somebody asks for the gradient that flows along `edge`.
#[inline]
pub(crate) fn wants(wanted: Option<&Wanted>, edge: &Edge) -> bool {
    wanted.is_none_or(|wanted| wanted.nodes.binary_search(&edge.node.sequence).is_ok())
}

/// Those of the nodes that `edges` come from, ascending.
pub(crate) fn sequences(edges: &[Option<Edge>]) -> Vec<u64> {
    let mut sequences: Vec<u64> = (edges.iter().flatten())
        .map(|edge| edge.node.sequence)
        .collect();
    sequences.sort_unstable();
    sequences
}

/// What lies between `roots` and `targets`; no gradient flows on beyond the `ends`, ascending.
pub(crate) fn reaching(
    roots: &[(Edge, Variable)],
    targets: &[Option<Edge>],
    ends: Vec<u64>,
) -> Wanted {
    let targets = sequences(targets);
    let mut wanted = Wanted {
        nodes: Vec::new(),
        ends,
    };
    let Some(&oldest) = targets.first() else {
        return wanted;
    };
    let goes_on = |node: &Node, edge: &Edge| edge.node.sequence >= oldest && !wanted.is_end(node);
    let found = ancestors(roots.iter().map(|(edge, _)| edge), goes_on);
    // Oldest first: whether the inputs reach a target is known before their outputs are asked.
    for node in found.iter().rev() {
        let body = node.body.read_recursive();
        let mut edges = body.edges.iter().flatten();
        if targets.binary_search(&node.sequence).is_ok()
            || (!wanted.is_end(node) && edges.any(|edge| wants(Some(&wanted), edge)))
        {
            wanted.nodes.push(node.sequence);
        }
    }
    wanted
}

/// What `ys`, computed from `xs` since number `start` was given out, depend on besides: what was recorded
/// before, and leaves.
pub(crate) fn captured(ys: &[Variable], xs: &[Variable], start: u64) -> Vec<Edge> {
    let is_inside =
        |edge: &Edge| edge.node.sequence > start && !edge.node.body.read_recursive().is_leaf();
    let roots: Vec<Edge> = ys.iter().filter_map(Variable::edge).collect();
    let (inside, outside): (Vec<&Edge>, Vec<&Edge>) =
        roots.iter().partition(|edge| is_inside(edge));
    let mut found: Vec<Edge> = outside.into_iter().cloned().collect();
    for node in ancestors(inside.into_iter(), |_, edge| is_inside(edge)) {
        let body = node.body.read_recursive();
        let outside = body.edges.iter().flatten().filter(|edge| !is_inside(edge));
        found.extend(outside.cloned());
    }
    let inputs: Vec<u64> = (xs.iter().filter_map(Variable::edge))
        .map(|edge| edge.node.sequence)
        .collect();
    found.retain(|edge| !inputs.contains(&edge.node.sequence));
    found.sort_by_key(|edge| (edge.node.sequence, edge.index));
    found.dedup_by_key(|edge| (edge.node.sequence, edge.index));
    found
}

/// See [`Variable::generation`].
pub(crate) fn generation(y: &Variable) -> usize {
    let edge = y.0.read().edge.clone();
    // Ascending by sequence number, since the oldest node comes first.
    let mut generations: Vec<(u64, usize)> = Vec::new();
    for node in ancestors(edge.iter(), |_, _| true).iter().rev() {
        let body = node.body.read_recursive();
        let inputs = body.edges.iter().flatten().map(|edge| {
            let place = generations.binary_search_by_key(&edge.node.sequence, |known| known.0);
            generations[place.expect("inputs are older")].1
        });
        let generation =
            inputs.max().unwrap_or(0) + usize::from(!body.is_leaf() && !body.is_implied());
        generations.push((node.sequence, generation));
    }
    generations.last().map_or(0, |&(_, generation)| generation)
}

/// See [`Variable::unchain_backward`].
pub(crate) fn unchain_backward(y: &Variable) {
    let edge = y.0.read().edge.clone();
    // All but `y` itself, which is the newest.
    for node in ancestors(edge.iter(), |_, _| true).iter().skip(1) {
        let parts = node.body.write().unchain();
        drop(parts);
    }
}

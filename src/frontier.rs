//! [`Frontier`]: the nodes that a walk through the graph has met and not yet visited.

use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::node::Node;

/// As many nodes wait at a time in a small graph: it shall not pay for vectors that grow.
const ROOM: usize = 16;

/// Nodes that wait to be visited, newest first, each once and with a `T`. Every node is newer than
/// its inputs: when it comes out, all that is computed from it has been visited.
///
/// Which nodes wait already is not looked up: each node remembers the place it waits at. Several
/// threads may walk the same graph and overwrite each other's places, so a place is only believed
/// where the node is found there. A node that another thread's walk made us forget waits a second
/// time, and both come out as one.
pub(crate) struct Frontier<T> {
    /// Sequence number and place of the newest node, where it came last: most nodes are followed by one of their
    /// inputs, which never enters the heap.
    newest: Option<(u64, u32)>,
    /// Those of the others.
    order: BinaryHeap<(u64, u32)>,
    places: Vec<Place<T>>,
    /// The first empty place; behind all places, if none is empty.
    free: u32,
}

struct Place<T> {
    node: Option<Arc<Node>>,
    with: T,
    /// The place that the node had in the mind of another walk, perhaps one that this one is part of. Where no node
    /// waits: the next empty place.
    before: u32,
}

impl<T: Default> Frontier<T> {
    pub(crate) fn new() -> Frontier<T> {
        Frontier {
            newest: None,
            order: BinaryHeap::with_capacity(ROOM),
            places: Vec::with_capacity(ROOM),
            free: 0,
        }
    }

    /// What waits with `node`, which waits from now on.
    #[inline]
    pub(crate) fn at(&mut self, node: &Arc<Node>) -> &mut T {
        let place = node.place.load(Ordering::Relaxed) as usize;
        let waits = (self.places.get(place))
            .and_then(|place| place.node.as_ref())
            .is_some_and(|other| Arc::ptr_eq(other, node));
        let place = if waits { place } else { self.add(node) };
        &mut self.places[place].with
    }

    #[inline]
    fn add(&mut self, node: &Arc<Node>) -> usize {
        let place = self.free;
        if place as usize == self.places.len() {
            self.places.push(Place {
                node: None,
                with: T::default(),
                before: place + 1,
            });
        }
        let here = &mut self.places[place as usize];
        self.free = here.before;
        here.node = Some(node.clone());
        // Not `swap`, which would be a locked instruction: who comes between loses a hint, nothing else.
        here.before = node.place.load(Ordering::Relaxed);
        node.place.store(place, Ordering::Relaxed);
        let entry = (node.sequence, place);
        let newest = self.newest.or_else(|| self.order.peek().copied());
        if newest.is_none_or(|newest| entry > newest) {
            if let Some(before) = self.newest.replace(entry) {
                self.order.push(before);
            }
        } else {
            self.order.push(entry);
        }
        place as usize
    }

    /// Takes out the newest node. `merge` unites what waited with it at several places.
    #[inline]
    pub(crate) fn pop(&mut self, merge: impl Fn(&mut T, T)) -> Option<(Arc<Node>, T)> {
        let (sequence, place) = self.newest.take().or_else(|| self.order.pop())?;
        let (node, mut with) = self.take(place);
        while let Some(&(again, place)) = self.order.peek()
            && again == sequence
        {
            self.order.pop();
            merge(&mut with, self.take(place).1);
        }
        Some((node, with))
    }

    #[inline]
    fn take(&mut self, place: u32) -> (Arc<Node>, T) {
        let here = &mut self.places[place as usize];
        let node = here.node.take().expect("waits there");
        node.place.store(here.before, Ordering::Relaxed);
        here.before = self.free;
        self.free = place;
        (node, std::mem::take(&mut here.with))
    }
}

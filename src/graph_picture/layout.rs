//! Where the vertices of a [`Drawing`] stand: in layers from the inputs down to the result, after
//! Sugiyama, so that edges are short, cross little and run straight.
//!
//! Of the crates that do this, `layout-rs` takes over a minute where the eighth derivative of tanh takes
//! us a fraction of a second, and `rust-sugiyama` brings a graph library into the default build.

use super::drawing::{Drawing, Kind};

/// Widths and distances, in pixels.
pub(super) const LINE_HEIGHT: f64 = 16.0;
const LETTER_WIDTH: f64 = 6.9;
const GAP: f64 = 22.0;
const GAP_BESIDE_EDGES: f64 = 12.0;
const LAYER_GAP: f64 = 34.0;
const MARGIN: f64 = 12.0;

/// Vertices and bends of edges that are laid out; more take minutes and cannot be read.
const LARGEST: usize = 150_000;

pub(super) struct Placed {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Centre and size of each vertex.
    pub(super) boxes: Vec<Box>,
    /// For each edge the points that it goes through, from the lower rim of its start to the upper rim
    /// of its end.
    pub(super) paths: Vec<Vec<(f64, f64)>>,
}

#[derive(Clone, Copy)]
pub(super) struct Box {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The layout; `None` where the graph is too large.
pub(super) fn place(drawing: &Drawing) -> Option<Placed> {
    let ranks = Ranks::of(drawing);
    let mut net = Net::new(drawing, &ranks.of_vertex)?;
    net.order();
    let xs = net.coordinates();
    Some(net.placed(drawing, xs))
}

fn size_of(kind: Kind, label: &str) -> (f64, f64) {
    let letters = label.lines().map(|line| line.chars().count()).max();
    let text = letters.unwrap_or(0) as f64 * LETTER_WIDTH;
    let height = label.lines().count().max(1) as f64 * LINE_HEIGHT + 12.0;
    match kind {
        Kind::Function => (text + 22.0, height),
        // An ellipse must be wider than its text.
        _ if label.is_empty() => (34.0, 22.0),
        _ => (text * 1.12 + 26.0, height),
    }
}

struct Ranks {
    of_vertex: Vec<usize>,
}

impl Ranks {
    /// A layer for each vertex, below those of all its inputs, such that edges are short.
    fn of(drawing: &Drawing) -> Ranks {
        let n = drawing.vertices.len();
        let mut above: Vec<Vec<usize>> = vec![Vec::new(); n];
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); n];
        for &(from, to) in &drawing.edges {
            above[to].push(from);
            below[from].push(to);
        }
        let order = topological(&above, &below);
        let mut rank = vec![0; n];
        for &v in &order {
            rank[v] = above[v].iter().map(|&u| rank[u] + 1).max().unwrap_or(0);
        }
        // Each vertex moves, between its inputs and its outputs, to where it has more of them. Leaves
        // do not hold it: they follow.
        let held = |v: usize| above[v].iter().filter(|&&u| !above[u].is_empty()).count();
        for _ in 0..4 {
            for &v in order.iter().rev() {
                let Some(lowest) = below[v].iter().map(|&w| rank[w] - 1).min() else {
                    continue;
                };
                if below[v].len() >= held(v) {
                    rank[v] = lowest;
                }
            }
            for &v in &order {
                let Some(highest) = above[v].iter().map(|&u| rank[u] + 1).max() else {
                    continue;
                };
                if held(v) > below[v].len() {
                    rank[v] = highest;
                }
            }
        }
        let top = rank.iter().copied().min().unwrap_or(0);
        rank.iter_mut().for_each(|rank| *rank -= top);
        Ranks { of_vertex: rank }
    }
}

/// Inputs before what is computed from them.
fn topological(above: &[Vec<usize>], below: &[Vec<usize>]) -> Vec<usize> {
    let mut missing: Vec<usize> = above.iter().map(Vec::len).collect();
    let mut order: Vec<usize> = (0..above.len()).filter(|&v| missing[v] == 0).collect();
    let mut next = 0;
    while next < order.len() {
        for &w in &below[order[next]] {
            missing[w] -= 1;
            if missing[w] == 0 {
                order.push(w);
            }
        }
        next += 1;
    }
    order
}

/// The vertices, with a bend wherever an edge passes through a layer.
struct Net {
    /// Vertices of the drawing, then the bends.
    boxes: Vec<Box>,
    vertices: usize,
    /// Neighbours in the layers above and below.
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    layers: Vec<Vec<usize>>,
    /// Place within its layer.
    position: Vec<usize>,
    /// For each edge of the drawing its start, bends and end.
    chains: Vec<Vec<usize>>,
}

impl Net {
    fn new(drawing: &Drawing, rank: &[usize]) -> Option<Net> {
        let vertices = drawing.vertices.len();
        let spans = drawing
            .edges
            .iter()
            .map(|&(from, to)| rank[to] - rank[from] - 1);
        let bends: usize = spans.sum();
        if vertices + bends > LARGEST {
            return None;
        }
        let mut boxes = Vec::with_capacity(vertices + bends);
        for vertex in &drawing.vertices {
            let (width, height) = size_of(vertex.kind, &vertex.label);
            boxes.push(Box {
                x: 0.0,
                y: 0.0,
                width,
                height,
            });
        }
        let mut ranks = rank.to_vec();
        let mut chains = Vec::with_capacity(drawing.edges.len());
        for &(from, to) in &drawing.edges {
            let mut chain = vec![from];
            for layer in rank[from] + 1..rank[to] {
                chain.push(boxes.len());
                boxes.push(Box {
                    x: 0.0,
                    y: 0.0,
                    width: 0.0,
                    height: 0.0,
                });
                ranks.push(layer);
            }
            chain.push(to);
            chains.push(chain);
        }
        let mut above = vec![Vec::new(); boxes.len()];
        let mut below = vec![Vec::new(); boxes.len()];
        for chain in &chains {
            for pair in chain.windows(2) {
                below[pair[0]].push(pair[1]);
                above[pair[1]].push(pair[0]);
            }
        }
        let mut net = Net {
            layers: vec![Vec::new(); ranks.iter().max().map_or(0, |last| last + 1)],
            position: vec![0; boxes.len()],
            boxes,
            vertices,
            above,
            below,
            chains,
        };
        net.first_order(&ranks);
        Some(net)
    }

    /// The order in which a walk up from the result meets them.
    fn first_order(&mut self, ranks: &[usize]) {
        let mut seen = vec![false; self.boxes.len()];
        for start in 0..self.boxes.len() {
            let mut stack = vec![start];
            while let Some(v) = stack.pop() {
                if std::mem::replace(&mut seen[v], true) {
                    continue;
                }
                self.layers[ranks[v]].push(v);
                stack.extend(self.above[v].iter().rev());
            }
        }
        self.number();
    }

    fn number(&mut self) {
        for layer in &self.layers {
            for (i, &v) in layer.iter().enumerate() {
                self.position[v] = i;
            }
        }
    }

    /// Finds an order within the layers that has few crossings.
    fn order(&mut self) {
        let sweeps = (2_000_000 / self.boxes.len().max(1)).clamp(4, 24);
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..sweeps {
            let layers = 0..self.layers.len();
            if sweep % 2 == 0 {
                layers.skip(1).for_each(|layer| self.sort(layer, true));
            } else {
                layers
                    .rev()
                    .skip(1)
                    .for_each(|layer| self.sort(layer, false));
            }
            self.exchange();
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
            if best.0 == 0 {
                break;
            }
        }
        self.layers = best.1;
        self.number();
    }

    /// Sorts a layer by the mean place of the neighbours in the layer above or below.
    fn sort(&mut self, layer: usize, from_above: bool) {
        let neighbours = if from_above { &self.above } else { &self.below };
        let mut places: Vec<(f64, usize)> = Vec::with_capacity(self.layers[layer].len());
        for &v in &self.layers[layer] {
            let sum: usize = neighbours[v].iter().map(|&u| self.position[u]).sum();
            let place = match neighbours[v].len() {
                0 => self.position[v] as f64,
                count => sum as f64 / count as f64,
            };
            places.push((place, v));
        }
        // Stable: those of equal place stay as they are.
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.layers[layer] = places.into_iter().map(|(_, v)| v).collect();
        for (i, &v) in self.layers[layer].iter().enumerate() {
            self.position[v] = i;
        }
    }

    /// Exchanges neighbours wherever that saves crossings.
    fn exchange(&mut self) {
        for layer in 0..self.layers.len() {
            for i in 1..self.layers[layer].len() {
                let (v, w) = (self.layers[layer][i - 1], self.layers[layer][i]);
                let saved = |neighbours: &[Vec<usize>]| {
                    let (mut now, mut then) = (0i64, 0i64);
                    if neighbours[v].len() * neighbours[w].len() > 4096 {
                        return 0;
                    }
                    for &a in &neighbours[v] {
                        for &b in &neighbours[w] {
                            now += i64::from(self.position[a] > self.position[b]);
                            then += i64::from(self.position[a] < self.position[b]);
                        }
                    }
                    now - then
                };
                if saved(&self.above) + saved(&self.below) > 0 {
                    self.layers[layer].swap(i - 1, i);
                    self.position.swap(v, w);
                }
            }
        }
    }

    /// The number of pairs of edges that cross.
    fn crossings(&self) -> usize {
        let mut total = 0;
        for (i, layer) in self.layers.iter().enumerate() {
            let Some(lower) = self.layers.get(i + 1) else {
                break;
            };
            // A tree of counts: how many ends so far lie right of a place.
            let mut tree = vec![0usize; lower.len() + 1];
            let mut ends_so_far = 0;
            for &v in layer {
                let mut ends: Vec<usize> =
                    self.below[v].iter().map(|&w| self.position[w]).collect();
                ends.sort_unstable();
                for &end in &ends {
                    let (mut left, mut k) = (0, end + 1);
                    while k > 0 {
                        left += tree[k];
                        k &= k - 1;
                    }
                    total += ends_so_far - left;
                }
                for end in ends {
                    let mut k = end + 1;
                    while k < tree.len() {
                        tree[k] += 1;
                        k += k & k.wrapping_neg();
                    }
                    ends_so_far += 1;
                }
            }
        }
        total
    }

    fn is_bend(&self, v: usize) -> bool {
        v >= self.vertices
    }

    /// How far the centres of neighbours in a layer are apart, at least.
    fn distance(&self, left: usize, right: usize) -> f64 {
        let gap = match (self.is_bend(left), self.is_bend(right)) {
            (false, false) => GAP,
            _ => GAP_BESIDE_EDGES,
        };
        (self.boxes[left].width + self.boxes[right].width) / 2.0 + gap
    }

    /// Horizontal places after Brandes and Köpf: four layouts, each leaning to a side, and of their
    /// four places for a vertex the mean of the middle two.
    fn coordinates(&self) -> Vec<f64> {
        let conflicts = self.conflicts();
        let mut layouts: Vec<Vec<f64>> = Vec::with_capacity(4);
        for from_above in [true, false] {
            for to_left in [true, false] {
                let root = self.align(from_above, to_left, &conflicts);
                layouts.push(self.compact(&root, to_left));
            }
        }
        // Side by side: those that lean left share their left end, the others their right end.
        let extent = |xs: &[f64]| {
            let low = xs.iter().copied().fold(f64::INFINITY, f64::min);
            let high = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (low, high)
        };
        let narrowest = layouts.iter().map(|xs| extent(xs));
        let narrowest = narrowest.min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
        let (low, high) = narrowest.expect("four layouts");
        for (i, xs) in layouts.iter_mut().enumerate() {
            let (own_low, own_high) = extent(xs);
            let shift = if i % 2 == 0 {
                low - own_low
            } else {
                high - own_high
            };
            xs.iter_mut().for_each(|x| *x += shift);
        }
        let middle = |v: usize| {
            let mut places = [layouts[0][v], layouts[1][v], layouts[2][v], layouts[3][v]];
            places.sort_by(f64::total_cmp);
            (places[1] + places[2]) / 2.0
        };
        (0..self.boxes.len()).map(middle).collect()
    }

    /// Edges, as (upper, lower), that cross a straight run of bends and give way to it.
    fn conflicts(&self) -> std::collections::HashSet<(usize, usize)> {
        let mut found = std::collections::HashSet::new();
        for (i, upper) in self.layers.iter().enumerate() {
            let Some(lower) = self.layers.get(i + 1) else {
                break;
            };
            let (mut start, mut left) = (0, 0);
            for (j, &v) in lower.iter().enumerate() {
                let run = match self.above[v].first() {
                    Some(&u) if self.is_bend(v) && self.is_bend(u) => Some(self.position[u]),
                    _ => None,
                };
                if run.is_none() && j + 1 < lower.len() {
                    continue;
                }
                let right = run.unwrap_or(upper.len());
                for &w in &lower[start..=j] {
                    for &u in &self.above[w] {
                        let place = self.position[u];
                        let is_run = self.is_bend(u) && self.is_bend(w);
                        if !is_run && (place < left || place > right) {
                            found.insert((u, w));
                        }
                    }
                }
                start = j + 1;
                left = right;
            }
        }
        found
    }

    /// Whether `upper` is a leaf beside what flows into `lower`: the flow runs straight, and weights
    /// stand beside it.
    fn is_aside(&self, upper: usize, lower: usize) -> bool {
        let is_leaf = |v: usize| self.above[v].is_empty();
        is_leaf(upper) && !self.above[lower].iter().all(|&u| is_leaf(u))
    }

    /// Blocks of vertices that stand exactly below each other: the first of each vertex's block.
    fn align(
        &self,
        from_above: bool,
        to_left: bool,
        conflicts: &std::collections::HashSet<(usize, usize)>,
    ) -> Vec<usize> {
        let count = self.boxes.len();
        let mut root: Vec<usize> = (0..count).collect();
        let mut is_taken = vec![false; count];
        let neighbours = if from_above { &self.above } else { &self.below };
        let mut layers: Vec<usize> = (0..self.layers.len()).collect();
        if !from_above {
            layers.reverse();
        }
        for layer in layers {
            let mut row = self.layers[layer].clone();
            if !to_left {
                row.reverse();
            }
            // The place of the last neighbour that was aligned with: lines must not cross.
            let mut last: Option<usize> = None;
            for v in row {
                let mut near = neighbours[v].clone();
                near.retain(|&u| {
                    !if from_above {
                        self.is_aside(u, v)
                    } else {
                        self.is_aside(v, u)
                    }
                });
                near.sort_by_key(|&u| self.position[u]);
                near.dedup();
                if near.is_empty() {
                    continue;
                }
                let (low, high) = ((near.len() - 1) / 2, near.len() / 2);
                let medians = if to_left { [low, high] } else { [high, low] };
                for median in medians {
                    let u = near[median];
                    let edge = if from_above { (u, v) } else { (v, u) };
                    let place = self.position[u];
                    let is_free =
                        last.is_none_or(|last| if to_left { last < place } else { last > place });
                    if root[v] == v && !is_taken[u] && is_free && !conflicts.contains(&edge) {
                        is_taken[u] = true;
                        root[v] = root[u];
                        last = Some(place);
                    }
                }
            }
        }
        root
    }

    /// Places blocks beside each other: each as far to the side as it goes, then as far back as it may
    /// without moving others, so that what belongs together comes together.
    fn compact(&self, root: &[usize], to_left: bool) -> Vec<f64> {
        let count = self.boxes.len();
        let mut before: Vec<Vec<(usize, f64)>> = vec![Vec::new(); count];
        let mut after: Vec<Vec<(usize, f64)>> = vec![Vec::new(); count];
        for layer in &self.layers {
            for pair in layer.windows(2) {
                let distance = self.distance(pair[0], pair[1]);
                let (left, right) = (root[pair[0]], root[pair[1]]);
                let (first, second) = if to_left {
                    (left, right)
                } else {
                    (right, left)
                };
                after[first].push((second, distance));
                before[second].push((first, distance));
            }
        }
        // One block after the other: there is no cycle, since lines of a layout do not cross.
        let mut missing: Vec<usize> = before.iter().map(Vec::len).collect();
        let starts = |&v: &usize| root[v] == v && missing[v] == 0;
        let mut order: Vec<usize> = (0..count).filter(starts).collect();
        let mut next = 0;
        while next < order.len() {
            for &(second, _) in &after[order[next]] {
                missing[second] -= 1;
                if missing[second] == 0 {
                    order.push(second);
                }
            }
            next += 1;
        }
        let mut x = vec![0.0f64; count];
        for &v in &order {
            let places = before[v].iter().map(|&(u, distance)| x[u] + distance);
            x[v] = places.fold(0.0, f64::max);
        }
        for &v in order.iter().rev() {
            let places = after[v].iter().map(|&(w, distance)| x[w] - distance);
            let limit = places.fold(f64::INFINITY, f64::min);
            if limit.is_finite() {
                x[v] = x[v].max(limit);
            }
        }
        let sign = if to_left { 1.0 } else { -1.0 };
        (0..count).map(|v| sign * x[root[v]]).collect()
    }

    fn placed(mut self, drawing: &Drawing, xs: Vec<f64>) -> Placed {
        let mut y = MARGIN;
        for layer in &self.layers {
            let heights = layer.iter().map(|&v| self.boxes[v].height);
            let height = heights.fold(0.0, f64::max);
            let mut reach = 0.0f64;
            for &v in layer {
                self.boxes[v].x = xs[v];
                self.boxes[v].y = y + height / 2.0;
                let reaches = self.below[v].iter().map(|&w| (xs[w] - xs[v]).abs());
                reach = reaches.fold(reach, f64::max);
            }
            // Edges that go far to the side need room to turn.
            y += height + LAYER_GAP + (reach * 0.06).min(60.0);
        }
        y -= LAYER_GAP;
        let left = self.boxes.iter().map(|b| b.x - b.width / 2.0);
        let shift = MARGIN - left.fold(f64::INFINITY, f64::min);
        self.boxes.iter_mut().for_each(|b| b.x += shift);
        let right = self.boxes.iter().map(|b| b.x + b.width / 2.0);
        let paths = self.paths(drawing);
        Placed {
            width: right.fold(0.0, f64::max) + MARGIN,
            height: y + MARGIN,
            boxes: self.boxes[..self.vertices].to_vec(),
            paths,
        }
    }

    fn paths(&self, drawing: &Drawing) -> Vec<Vec<(f64, f64)>> {
        let mut paths: Vec<Vec<(f64, f64)>> = Vec::with_capacity(self.chains.len());
        for chain in &self.chains {
            paths.push(
                chain
                    .iter()
                    .map(|&v| (self.boxes[v].x, self.boxes[v].y))
                    .collect(),
            );
        }
        // Edges that end at the same vertex arrive side by side, in the order they come from.
        let mut arriving: Vec<Vec<usize>> = vec![Vec::new(); self.vertices];
        for (edge, &(_, to)) in drawing.edges.iter().enumerate() {
            arriving[to].push(edge);
        }
        for (to, edges) in arriving.iter_mut().enumerate() {
            edges.sort_by(|&a, &b| {
                let from = |edge: usize| paths[edge][paths[edge].len() - 2].0;
                from(a).total_cmp(&from(b))
            });
            let room = self.boxes[to].width * 0.6;
            let step = (room / edges.len().max(2) as f64).min(14.0);
            let first = -step * (edges.len() as f64 - 1.0) / 2.0;
            for (i, &edge) in edges.iter().enumerate() {
                let end = paths[edge].last_mut().expect("two ends");
                let offset = first + step * i as f64;
                *end = (end.0 + offset, self.rim(drawing, to, offset, -1.0));
            }
        }
        for (edge, &(from, _)) in drawing.edges.iter().enumerate() {
            paths[edge][0].1 = self.rim(drawing, from, 0.0, 1.0);
        }
        paths
    }

    /// Where the upper (`side` -1) or lower rim is, `offset` beside the centre.
    fn rim(&self, drawing: &Drawing, v: usize, offset: f64, side: f64) -> f64 {
        let b = self.boxes[v];
        let half = match drawing.vertices[v].kind {
            Kind::Function => b.height / 2.0,
            _ => b.height / 2.0 * (1.0 - (2.0 * offset / b.width).powi(2)).max(0.0).sqrt(),
        };
        b.y + side * half
    }
}

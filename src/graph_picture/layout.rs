//! Where the vertices of a [`Drawing`] stand: in layers from the inputs down to the result, after
//! Sugiyama, so that edges are short, cross little and run straight.
//!
//! Of the crates that do this, `layout-rs` takes over a minute where the eighth derivative of tanh takes
//! us a fraction of a second, and `rust-sugiyama` brings a graph library into the default build.

mod coordinates;
mod order;
mod ranks;

use ranks::Ranks;

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

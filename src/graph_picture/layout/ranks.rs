//! [`Ranks`]: the layer of each vertex.

use super::super::drawing::Drawing;

pub(super) struct Ranks {
    pub(super) of_vertex: Vec<usize>,
}

impl Ranks {
    /// A layer for each vertex, below those of all its inputs, such that edges are short.
    pub(super) fn of(drawing: &Drawing) -> Ranks {
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

//! Where in its layer each vertex stands.

use std::collections::HashSet;

use super::Net;

impl Net {
    /// Horizontal places after Brandes and Köpf: four layouts, each leaning to a side, and of their
    /// four places for a vertex the mean of the middle two.
    pub(super) fn coordinates(&self) -> Vec<f64> {
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
    fn conflicts(&self) -> HashSet<(usize, usize)> {
        let mut found = HashSet::new();
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
        conflicts: &HashSet<(usize, usize)>,
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
}

//! The order within the layers, in which few edges cross.

use super::Net;

impl Net {
    /// Finds an order within the layers that has few crossings.
    pub(super) fn order(&mut self) {
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
}

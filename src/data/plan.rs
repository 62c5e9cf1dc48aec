//! [`Plan`]: which samples make which batch of an epoch.

use super::sample_random::BatchSeed;
use super::{Dataset, Sample};

pub(super) type Batch<D> = <<D as Dataset>::Sample as Sample>::Batch;

/// Which samples make which batch of an epoch.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) order: Order,
    pub(super) batch_size: usize,
    pub(super) samples: usize,
    pub(super) batches: usize,
    pub(super) seed: BatchSeed,
}

#[derive(Debug)]
pub(super) enum Order {
    Straight,
    Permuted(Vec<i64>),
    /// `batch_size` readers at equal distances, each a step further with each batch.
    Sequences,
}

impl Plan {
    /// Batch number `batch` of the epoch.
    pub(super) fn load<D: Dataset>(&self, dataset: &D, batch: usize) -> Batch<D> {
        let start = batch * self.batch_size;
        let end = (start + self.batch_size).min(self.samples);
        let indices: Vec<usize> = match &self.order {
            Order::Straight => (start..end).collect(),
            Order::Permuted(order) => order[start..end].iter().map(|&i| i as usize).collect(),
            Order::Sequences => {
                let jump = self.samples / self.batch_size;
                let readers = 0..self.batch_size;
                readers.map(|i| (i * jump + batch) % self.samples).collect()
            }
        };
        self.seed.scope(batch, || dataset.batch(&indices))
    }
}

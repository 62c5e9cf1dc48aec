//! [`SeqDataLoader`]: batches in which each row is a continuous piece of a series.

use super::loader::{Batches, LoaderPosition};
use super::plan::{Batch, Order};
use super::{DataLoader, Dataset};

/// Batches for networks that remember: `batch_size` readers go through a series side by side.
///
/// With `n` samples and `jump = n / batch_size`, sample `i` of batch `k` is sample
/// `(i * jump + k) % n` of the dataset: each row of the batches, one after the other, is a
/// continuous piece of the series. An epoch has `n / batch_size` batches, rounded up. The book's
/// step 60.
///
/// ```
/// use dezero::data::SeqDataLoader;
///
/// let series: Vec<i64> = (0..7).collect();
/// let batches: Vec<_> = SeqDataLoader::new(series, 3).iter().map(|x| x.to_vec::<i64>()).collect();
/// assert_eq!(batches, [[0, 2, 4], [1, 3, 5], [2, 4, 6]]);
/// ```
#[derive(Debug)]
pub struct SeqDataLoader<D: Dataset>(DataLoader<D>);

impl<D: Dataset> SeqDataLoader<D> {
    /// `batch_size` readers over `dataset`.
    ///
    /// # Panics
    /// If `batch_size` is 0, or larger than a dataset that has samples.
    #[track_caller]
    pub fn new(dataset: D, batch_size: usize) -> SeqDataLoader<D> {
        let n = dataset.len();
        assert!(
            batch_size <= n || n == 0,
            "SeqDataLoader: {batch_size} readers do not find a place each in a series of {n}"
        );
        SeqDataLoader(DataLoader::new(dataset, batch_size))
    }

    /// The dataset.
    pub fn dataset(&self) -> &D {
        self.0.dataset()
    }

    /// Samples in a batch.
    pub fn batch_size(&self) -> usize {
        self.0.batch_size()
    }

    /// Batches in an epoch.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether an epoch has no batch.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins an epoch, or goes on with the one that a checkpoint was made in.
    pub fn iter(&self) -> Batches<'_, D> {
        self.0.begin(|_| Order::Sequences)
    }

    pub(crate) fn position(&self) -> LoaderPosition {
        self.0.position()
    }

    pub(crate) fn set_position(&mut self, position: LoaderPosition) -> Result<(), String> {
        self.0.set_position(position)
    }
}

impl<'a, D: Dataset> IntoIterator for &'a SeqDataLoader<D> {
    type Item = Batch<D>;
    type IntoIter = Batches<'a, D>;

    fn into_iter(self) -> Batches<'a, D> {
        self.iter()
    }
}

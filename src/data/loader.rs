//! [`DataLoader`]: batches of a dataset, epoch after epoch.

use std::iter::FusedIterator;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dezero_array::random::{self, RandomState, State};
use parking_lot::Mutex;

use super::Dataset;
use super::plan::{Batch, Order, Plan};
use super::prefetch::{Prefetch, prefetch};
use super::sample_random::BatchSeed;

/// Batches of a dataset. Each iteration over `&loader` is one epoch.
///
/// The last batch of an epoch has what is left, unless [`drop_last`](Self::drop_last).
///
/// ```
/// use dezero::data::{DataLoader, Split, spiral};
///
/// let loader = DataLoader::new(spiral(Split::Train), 40).shuffle(true).seed(0);
/// assert_eq!(loader.len(), 8); // 7 batches of 40 and one of 20
/// for epoch in 0..3 {
///     let mut samples = 0;
///     for (x, t) in &loader {
///         assert_eq!(x.shape(), &[t.len(), 2]);
///         samples += t.len();
///     }
///     assert_eq!(samples, 300);
/// }
/// ```
///
/// # Random numbers
///
/// Shuffling takes one [`permutation`](RandomState::permutation) when an epoch begins, from the
/// generator of the loader if it was given a [`seed`](Self::seed), otherwise from the generator of
/// the process, as `np.random.permutation` does. Random transforms draw from a generator of each
/// batch (see [`with_random_state`](super::with_random_state)), so that the batches are the same
/// on any number of [`workers`](Self::workers).
#[derive(Debug)]
pub struct DataLoader<D: Dataset> {
    dataset: Arc<D>,
    batch_size: usize,
    shuffle: bool,
    drop_last: bool,
    /// The loader's own generator; `None`: that of the process.
    random: Option<Mutex<RandomState>>,
    /// Epochs begun.
    epoch: AtomicU32,
    within: Mutex<Within>,
    workers: Option<(usize, StartWorkers<D>)>,
}

/// The place in the epoch that was begun last.
#[derive(Debug, Default)]
enum Within {
    /// Between epochs.
    #[default]
    Nowhere,
    /// The batch that comes next, and the generator from which the epoch's order was drawn.
    Epoch {
        number: u32,
        next: usize,
        random: State,
    },
    /// The same, of an epoch that another process began.
    Resumed { next: usize, random: State },
}

/// Where a loader is: what [`Resumable`](crate::training::Resumable) keeps of it.
#[derive(Debug)]
pub(crate) struct LoaderPosition {
    pub samples: usize,
    pub batch_size: usize,
    /// Epochs begun.
    pub epochs: u32,
    /// The loader's own generator.
    pub own_random: Option<State>,
    /// Within an epoch: the next batch, and the generator that its order was drawn from.
    pub within: Option<(usize, State)>,
}

/// `prefetch::<D>`, named where `D` is known to be fit for threads: a loader without workers takes
/// any dataset.
type StartWorkers<D> = fn(Arc<D>, Plan, usize, usize) -> Prefetch<Batch<D>>;

impl<D: Dataset> DataLoader<D> {
    /// Batches of `batch_size` samples in the order of the dataset.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    #[track_caller]
    pub fn new(dataset: D, batch_size: usize) -> DataLoader<D> {
        assert!(
            batch_size > 0,
            "DataLoader: batch_size must be positive, got 0"
        );
        DataLoader {
            dataset: Arc::new(dataset),
            batch_size,
            shuffle: false,
            drop_last: false,
            random: None,
            epoch: AtomicU32::new(0),
            within: Mutex::default(),
            workers: None,
        }
    }

    /// Whether each epoch goes through the samples in an order of its own. At first: no.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Gives the loader a generator of its own, `RandomState::new(seed)`.
    ///
    /// ```
    /// use dezero::data::{DataLoader, Split, spiral};
    ///
    /// let labels = || {
    ///     let loader = DataLoader::new(spiral(Split::Train), 300).shuffle(true).seed(42);
    ///     let (_, t) = loader.iter().next().unwrap();
    ///     t.to_vec::<i64>()
    /// };
    /// assert_eq!(labels(), labels());
    /// ```
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.random_state(RandomState::new(seed))
    }

    /// Gives the loader a generator of its own.
    #[must_use]
    pub fn random_state(mut self, random: RandomState) -> Self {
        self.random = Some(Mutex::new(random));
        self
    }

    /// Whether a last batch with fewer samples than the others is left out. At first: no.
    #[must_use]
    pub fn drop_last(mut self, drop_last: bool) -> Self {
        self.drop_last = drop_last;
        self
    }

    /// Loads ahead on `workers` threads, at most two batches each; with 0, as at first, a batch is
    /// loaded when it is asked for.
    ///
    /// The batches and their order do not depend on it. A panic on a worker goes on in the thread
    /// that asks for the batch.
    ///
    /// ```
    /// use dezero::data::{DataLoader, Split, spiral};
    /// let loader = DataLoader::new(spiral(Split::Train), 30).workers(2);
    /// assert_eq!(loader.iter().count(), 10);
    /// ```
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self
    where
        D: Send + Sync + 'static,
        Batch<D>: Send + 'static,
    {
        self.workers = (workers > 0).then_some((workers, prefetch::<D> as StartWorkers<D>));
        self
    }

    /// The dataset.
    pub fn dataset(&self) -> &D {
        &self.dataset
    }

    /// Samples in a full batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Batches in an epoch.
    pub fn len(&self) -> usize {
        let n = self.dataset.len();
        match self.drop_last {
            true => n / self.batch_size,
            false => n.div_ceil(self.batch_size),
        }
    }

    /// Whether an epoch has no batch.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins an epoch, or goes on with the one that a checkpoint was made in.
    pub fn iter(&self) -> Batches<'_, D> {
        self.begin(|random| {
            let order = self.shuffle.then(|| random.permutation(self.dataset.len()));
            order.map_or(Order::Straight, Order::Permuted)
        })
    }

    pub(super) fn begin(&self, draw: impl FnOnce(&mut RandomState) -> Order) -> Batches<'_, D> {
        let mut within = self.within.lock();
        let plan = |random: &mut RandomState, epoch| Plan {
            order: draw(random),
            batch_size: self.batch_size,
            samples: self.dataset.len(),
            batches: self.len(),
            seed: BatchSeed::new(random, epoch),
        };
        let (plan, number, next, random) = match std::mem::take(&mut *within) {
            Within::Resumed { next, random } => {
                // What the order was drawn from has moved on since, and was restored to where it was.
                let mut copy = RandomState::new(0);
                copy.set_state(&random);
                let number = self.epoch.load(Ordering::Relaxed) - 1;
                (plan(&mut copy, number), number, next, random)
            }
            _ => {
                let number = self.epoch.fetch_add(1, Ordering::Relaxed);
                let begin = |random: &mut RandomState| {
                    let before = random.get_state();
                    (plan(random, number), number, 0, before)
                };
                match &self.random {
                    Some(random) => begin(&mut random.lock()),
                    None => random::with_default(begin),
                }
            }
        };
        *within = Within::Epoch {
            number,
            next,
            random,
        };
        let batches = plan.batches;
        let source = match self.workers {
            Some((workers, start)) => {
                let workers = workers.min(batches - next);
                Source::Workers(start(self.dataset.clone(), plan, workers, next))
            }
            None => Source::Inline(&*self.dataset, plan),
        };
        Batches {
            source,
            next,
            batches,
            number,
            within: &self.within,
        }
    }

    pub(crate) fn position(&self) -> LoaderPosition {
        LoaderPosition {
            samples: self.dataset.len(),
            batch_size: self.batch_size,
            epochs: self.epoch.load(Ordering::Relaxed),
            own_random: self.random.as_ref().map(|random| random.lock().get_state()),
            within: match &*self.within.lock() {
                Within::Nowhere => None,
                Within::Epoch { next, random, .. } | Within::Resumed { next, random } => {
                    Some((*next, random.clone()))
                }
            },
        }
    }

    /// Goes to a place, or says why there is no such place.
    pub(crate) fn set_position(&mut self, position: LoaderPosition) -> Result<(), String> {
        let (samples, batch_size) = (self.dataset.len(), self.batch_size);
        if (position.samples, position.batch_size) != (samples, batch_size) {
            return Err(format!(
                "{} in batches of {}; here {samples} in batches of {batch_size}",
                position.samples, position.batch_size
            ));
        }
        if position.own_random.is_some() != self.random.is_some() {
            return Err("one loader has a seed of its own, the other has not".to_owned());
        }
        if let Some((next, _)) = position.within
            && (next > self.len() || position.epochs == 0)
        {
            return Err(format!("batch {next} of an epoch of {}", self.len()));
        }
        if let (Some(own), Some(state)) = (&self.random, &position.own_random) {
            own.lock().set_state(state);
        }
        self.epoch.store(position.epochs, Ordering::Relaxed);
        *self.within.lock() = match position.within {
            Some((next, random)) => Within::Resumed { next, random },
            None => Within::Nowhere,
        };
        Ok(())
    }
}

impl<'a, D: Dataset> IntoIterator for &'a DataLoader<D> {
    type Item = Batch<D>;
    type IntoIter = Batches<'a, D>;

    fn into_iter(self) -> Batches<'a, D> {
        self.iter()
    }
}

/// The batches of one epoch: see [`DataLoader::iter`].
#[derive(Debug)]
pub struct Batches<'a, D: Dataset> {
    source: Source<'a, D>,
    next: usize,
    batches: usize,
    /// Of the epoch.
    number: u32,
    within: &'a Mutex<Within>,
}

#[derive(Debug)]
enum Source<'a, D: Dataset> {
    Inline(&'a D, Plan),
    Workers(Prefetch<Batch<D>>),
}

impl<D: Dataset> Iterator for Batches<'_, D> {
    type Item = Batch<D>;

    fn next(&mut self) -> Option<Batch<D>> {
        // The loader knows how far the epoch is that was begun last.
        let mut within = self.within.lock();
        if let Within::Epoch { number, next, .. } = &mut *within
            && *number == self.number
        {
            match self.next == self.batches {
                true => *within = Within::Nowhere,
                false => *next = self.next + 1,
            }
        }
        drop(within);
        if self.next == self.batches {
            return None;
        }
        let batch = self.next;
        self.next += 1;
        Some(match &mut self.source {
            Source::Inline(dataset, plan) => plan.load(*dataset, batch),
            Source::Workers(prefetch) => prefetch.take(batch),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batches - self.next;
        (left, Some(left))
    }
}

impl<D: Dataset> ExactSizeIterator for Batches<'_, D> {}
impl<D: Dataset> FusedIterator for Batches<'_, D> {}

#[cfg(test)]
mod tests;

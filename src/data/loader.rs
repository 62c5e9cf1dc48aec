//! [`DataLoader`] and [`SeqDataLoader`]: batches of a dataset, epoch after epoch.

use std::iter::FusedIterator;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dezero_array::random::{self, RandomState, State};
use parking_lot::Mutex;

use super::prefetch::{Prefetch, prefetch};
use super::sample_random::BatchSeed;
use super::{Dataset, Sample};

type Batch<D> = <<D as Dataset>::Sample as Sample>::Batch;

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

    fn begin(&self, draw: impl FnOnce(&mut RandomState) -> Order) -> Batches<'_, D> {
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

/// Which samples make which batch of an epoch.
#[derive(Debug)]
pub(super) struct Plan {
    order: Order,
    batch_size: usize,
    samples: usize,
    pub(super) batches: usize,
    seed: BatchSeed,
}

#[derive(Debug)]
enum Order {
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;
    use crate::data::{ArrayDataset, Split, spiral, with_random_state};
    use crate::{Array, Error};

    fn numbers(batches: impl IntoIterator<Item = Array>) -> Vec<Vec<i64>> {
        batches.into_iter().map(|x| x.to_vec::<i64>()).collect()
    }

    fn range(n: i64) -> Vec<i64> {
        (0..n).collect()
    }

    #[test]
    fn the_last_batch_has_what_is_left() {
        let loader = DataLoader::new(range(7), 3);
        assert_eq!(numbers(&loader), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        assert_eq!((loader.len(), loader.iter().len()), (3, 3));
        let loader = loader.drop_last(true);
        assert_eq!(numbers(&loader), [vec![0, 1, 2], vec![3, 4, 5]]);
        assert_eq!(loader.len(), 2);
        assert_eq!(numbers(&DataLoader::new(range(6), 3)).len(), 2);
        assert_eq!(numbers(&DataLoader::new(range(2), 3)), [[0, 1]]);
    }

    #[test]
    fn an_empty_dataset_has_no_batch() {
        for workers in [0, 2] {
            let loader = DataLoader::new(range(0), 3).shuffle(true).workers(workers);
            assert!(loader.is_empty());
            assert_eq!(loader.iter().count(), 0);
            assert_eq!(SeqDataLoader::new(range(0), 3).iter().count(), 0);
        }
    }

    #[test]
    fn an_epoch_takes_one_permutation_of_the_generator() {
        let loader = DataLoader::new(range(10), 4).shuffle(true).seed(5);
        let mut random = RandomState::new(5);
        for _ in 0..3 {
            assert_eq!(numbers(&loader).concat(), random.permutation(10));
        }
        // And in the order of the dataset it takes nothing.
        let loader = DataLoader::new(range(10), 4).seed(5);
        assert_eq!(loader.iter().count(), 3);
        let loader = loader.shuffle(true);
        assert_eq!(
            numbers(&loader).concat(),
            RandomState::new(5).permutation(10)
        );
    }

    #[test]
    fn batches_do_not_depend_on_the_workers() {
        fn noisy(x: i64) -> (i64, f64) {
            // The first samples of a batch take longest.
            std::thread::sleep(Duration::from_micros(300 / (1 + x as u64 % 7)));
            (x, with_random_state(RandomState::standard_normal))
        }
        let epochs = |workers| {
            let data = range(50).map_sample(noisy);
            let loader = DataLoader::new(data, 3)
                .shuffle(true)
                .seed(1)
                .workers(workers);
            let batches = (0..2).flat_map(|_| loader.iter().collect::<Vec<_>>());
            batches
                .map(|(x, e)| (x.to_vec::<i64>(), e.to_vec::<f64>()))
                .collect::<Vec<_>>()
        };
        let inline = epochs(0);
        assert_eq!(inline.len(), 34);
        let noise: Vec<f64> = inline.iter().flat_map(|(_, e)| e.clone()).collect();
        for (i, e) in noise.iter().enumerate() {
            assert!(!noise[..i].contains(e), "noise {e} was drawn twice");
        }
        for workers in [1, 2, 5, 40] {
            assert_eq!(epochs(workers), inline, "{workers} workers");
        }
    }

    #[test]
    fn each_epoch_draws_other_numbers_for_its_transforms() {
        let data = range(3).map_sample(|_: i64| with_random_state(RandomState::random_sample));
        // In order: the loader's generator itself does not move.
        let loader = DataLoader::new(data, 3).seed(1);
        let epoch = || loader.iter().next().unwrap().to_vec::<f64>();
        assert_ne!(epoch(), epoch());
    }

    /// Counts what is loaded, and panics or fails at one index.
    struct Watched {
        loaded: Arc<AtomicUsize>,
        bad: usize,
    }

    impl Dataset for Watched {
        type Sample = Result<i64, Error>;
        fn len(&self) -> usize {
            1000
        }
        fn get(&self, index: usize) -> Result<i64, Error> {
            self.loaded.fetch_add(1, Ordering::SeqCst);
            match index {
                i if i == self.bad => Err(Error::format("sample.png", "no image")),
                666 => panic!("sample 666 is cursed"),
                i => Ok(i as i64),
            }
        }
    }

    #[test]
    fn workers_stay_a_bounded_number_of_batches_ahead_and_stop() {
        let loaded = Arc::new(AtomicUsize::new(0));
        let data = Watched {
            loaded: loaded.clone(),
            bad: usize::MAX,
        };
        let loader = DataLoader::new(data, 1).workers(3);
        let mut batches = loader.iter();
        batches.next().unwrap().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(loaded.load(Ordering::SeqCst), 1 + 6);
        drop(batches);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(loaded.load(Ordering::SeqCst), 1 + 6);
        assert_eq!(Arc::strong_count(&loader.dataset), 1, "no worker is left");
    }

    #[test]
    fn errors_and_panics_reach_the_reader_in_their_place() {
        for workers in [0, 1, 3] {
            let data = Watched {
                loaded: Arc::default(),
                bad: 25,
            };
            let loader = DataLoader::new(data, 10).workers(workers);
            let mut batches = loader.iter();
            assert!(batches.next().unwrap().is_ok());
            assert!(batches.next().unwrap().is_ok());
            let error = batches.next().unwrap().err().unwrap();
            assert_eq!(error.to_string(), "sample.png: no image");
            assert!(batches.next().unwrap().is_ok());
            let mut batches = batches.skip(62);
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| batches.next()));
            let panic = caught.err().unwrap();
            assert_eq!(
                *panic.downcast_ref::<&str>().unwrap(),
                "sample 666 is cursed"
            );
            assert_eq!(batches.next().unwrap().unwrap().to_vec::<i64>()[0], 670);
        }
    }

    #[test]
    fn sequences_go_on_from_batch_to_batch() {
        let loader = SeqDataLoader::new(range(10), 3);
        let batches = numbers(&loader);
        assert_eq!(batches, [[0, 3, 6], [1, 4, 7], [2, 5, 8], [3, 6, 9]]);
        assert_eq!(batches.len(), loader.len());
    }

    #[test]
    #[should_panic(expected = "batch_size must be positive, got 0")]
    fn batch_size_0() {
        let _ = DataLoader::new(range(3), 0);
    }

    #[test]
    #[should_panic(expected = "4 readers do not find a place each in a series of 3")]
    fn more_readers_than_samples() {
        let _ = SeqDataLoader::new(range(3), 4);
    }

    #[test]
    fn gathered_batches_equal_collated_samples() {
        /// Hides the quick batch.
        struct OneByOne(ArrayDataset);
        impl Dataset for OneByOne {
            type Sample = (Array, Array);
            fn len(&self) -> usize {
                self.0.len()
            }
            fn get(&self, index: usize) -> (Array, Array) {
                self.0.get(index)
            }
        }
        let indices = [299, 0, 7, 7, 150];
        let (x, t) = spiral(Split::Train).batch(&indices);
        let (x1, t1) = OneByOne(spiral(Split::Train)).batch(&indices);
        assert_eq!((x.shape(), t.shape()), (&[5, 2][..], &[5][..]));
        assert_eq!((x1.shape(), t1.shape()), (x.shape(), t.shape()));
        assert_eq!(x1.to_vec::<f32>(), x.to_vec::<f32>());
        assert_eq!(t1.to_vec::<i64>(), t.to_vec::<i64>());
    }

    #[test]
    #[should_panic(expected = "index 300 is out of bounds for a dataset of 300 samples")]
    fn index_past_the_end() {
        spiral(Split::Train).get(300);
    }

    #[test]
    #[should_panic(expected = "sample 0 is float64 [2] but sample 1 is float64 [3]")]
    fn samples_of_different_shapes() {
        let _ = DataLoader::new(vec![Array::new([1.0, 2.0]), Array::new([1.0, 2.0, 3.0])], 2)
            .iter()
            .next();
    }
}

//! Random numbers for transforms: the same whatever thread loads the sample.

use std::cell::RefCell;

use dezero_array::random::{self, RandomState};

/// Seeds a generator for each batch of an epoch without a draw from the loader's own, whose stream
/// is NumPy's.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchSeed {
    words: [u32; 2],
    epoch: u32,
}

enum Current {
    /// No batch is being loaded on this thread.
    None,
    /// Nobody has asked yet: most transforms are not random.
    Seed([u32; 4]),
    Started(Box<RandomState>),
}

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current::None) };
}

impl BatchSeed {
    pub(super) fn new(random: &RandomState, epoch: u32) -> BatchSeed {
        let mut copy = random.clone();
        let mut word = || copy.randint(0, 1 << 32) as u32;
        BatchSeed {
            words: [word(), word()],
            epoch,
        }
    }

    /// Runs `load` with the generator of batch number `batch`.
    pub(super) fn scope<R>(&self, batch: usize, load: impl FnOnce() -> R) -> R {
        /// Puts back what was there, also where `load` panics: a transform may itself use a loader.
        struct Restore(Current);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(std::mem::replace(&mut self.0, Current::None));
            }
        }
        let [w0, w1] = self.words;
        let seed = Current::Seed([w0, w1, self.epoch, batch as u32]);
        let _restore = Restore(CURRENT.replace(seed));
        load()
    }
}

/// Draws for a transform or a dataset: from the generator of the batch while a
/// [`DataLoader`](super::DataLoader) loads one, otherwise from that of the process.
///
/// An augmentation that draws here gives the same samples on any number of worker threads:
///
/// ```
/// use dezero::data::{DataLoader, Dataset, with_random_state};
///
/// let noisy = |workers| {
///     let data = vec![1.0, 2.0, 3.0, 4.0];
///     let data = data.map_sample(|x: f64| x + with_random_state(|rng| rng.normal(0.0, 0.1)));
///     let loader = DataLoader::new(data, 2).seed(7).workers(workers);
///     loader.iter().flat_map(|x| x.to_vec::<f64>()).collect::<Vec<_>>()
/// };
/// assert_eq!(noisy(0), noisy(3));
/// ```
///
/// # Panics
/// If called inside another `with_random_state`.
#[track_caller]
pub fn with_random_state<R>(draw: impl FnOnce(&mut RandomState) -> R) -> R {
    CURRENT.with(|current| {
        let Ok(mut current) = current.try_borrow_mut() else {
            panic!("with_random_state: called inside another; draw from the generator given there")
        };
        if let Current::Seed(words) = &*current {
            *current = Current::Started(Box::new(RandomState::from_words(words)));
        }
        match &mut *current {
            Current::Started(random) => draw(random),
            _ => random::with_default(draw),
        }
    })
}

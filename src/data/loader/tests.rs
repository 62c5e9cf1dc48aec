use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::*;
use crate::data::{ArrayDataset, SeqDataLoader, Split, spiral, with_random_state};
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

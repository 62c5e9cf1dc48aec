//! Checkpoints that do not fit, are broken or cannot be written: an error that says so, and nothing lost.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use dezero::data::{DataLoader, SeqDataLoader};
use dezero::layers::{Linear, Lstm};
use dezero::optimizers::{Adam, Momentum, Sgd};
use dezero::training::{Checkpoint, Checkpoints, ProcessRandom, Resumable};
use dezero::weights::Mismatch;
use dezero::{Array, DType, Error, Layer, Parameter, random};
use proptest::prelude::*;

/// Held by tests that draw from the generator of the process.
static RANDOM: Mutex<()> = Mutex::new(());

fn step(folder: &Checkpoints, step: u64, value: f64) {
    let model = Parameter::new([value, 2.0]);
    let checkpoint = Checkpoint::new(step)
        .with("model", &model)
        .with("random", &ProcessRandom)
        .with("epoch", &(step / 10));
    folder.save(&checkpoint).unwrap();
}

fn value(checkpoint: &Checkpoint) -> f64 {
    let mut model = Parameter::new([0.0, 0.0]);
    checkpoint.restore("model", &mut model).unwrap();
    model.data().to_vec::<f64>()[0]
}

#[test]
fn the_last_few_are_kept_and_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::open(folder.path()).unwrap().keep_last(2);
    assert!(checkpoints.latest().unwrap().is_none());
    assert!(checkpoints.best().unwrap().is_none());
    for n in 1..=5 {
        step(&checkpoints, n, n as f64);
        if n == 2 {
            let best = checkpoints.latest().unwrap().unwrap();
            checkpoints.save_best(&best).unwrap();
        }
    }
    assert_eq!(checkpoints.steps().unwrap(), [4, 5]);
    assert_eq!(value(&checkpoints.latest().unwrap().unwrap()), 5.0);
    assert_eq!(value(&checkpoints.best().unwrap().unwrap()), 2.0);
    // From an earlier one: the later ones belong to a past that is no more, once there is something newer.
    step(&checkpoints, 3, 33.0);
    assert_eq!(checkpoints.steps().unwrap(), [3]);
}

#[test]
fn a_broken_checkpoint_is_passed_over_and_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::open(folder.path()).unwrap().keep_last(5);
    for n in 1..=3 {
        step(&checkpoints, n, n as f64);
    }
    let path = |n: u64| folder.path().join(format!("checkpoint-{n:08}.npz"));
    let bytes = fs::read(path(3)).unwrap();
    fs::write(path(3), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(path(2), b"").unwrap();
    let checkpoint = checkpoints.latest().unwrap().unwrap();
    assert_eq!((checkpoint.step(), value(&checkpoint)), (1, 1.0));
    let told: Vec<String> = checkpoint
        .passed_over()
        .iter()
        .map(Error::to_string)
        .collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].contains("checkpoint-00000003.npz"), "{told:?}");
    fs::write(path(1), b"PK").unwrap();
    let error = checkpoints.latest().unwrap_err();
    assert!(matches!(&error, Error::NoSoundCheckpoint { broken, .. } if broken.len() == 3));
    assert!(
        error.to_string().contains("checkpoint-00000001.npz"),
        "{error}"
    );
}

#[test]
fn a_version_from_the_future_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::open(folder.path()).unwrap();
    step(&checkpoints, 1, 1.0);
    let path = folder.path().join("checkpoint-00000002.npz");
    let entries = [
        ("checkpoint/version".to_owned(), Array::scalar(2_i64)),
        ("checkpoint/future".to_owned(), Array::new([1.0])),
    ];
    dezero::weights::write(&path, &entries).unwrap();
    let error = checkpoints.latest().unwrap_err();
    assert!(
        matches!(
            error,
            Error::Version {
                found: 2,
                expected: 1,
                ..
            }
        ),
        "{error}"
    );
    // Weights are no checkpoint.
    dezero::weights::write(&path, &[("W".to_owned(), Array::new([1.0]))]).unwrap();
    let error = Checkpoint::load(&path).unwrap_err().to_string();
    assert!(error.contains("not a checkpoint of a training"), "{error}");
}

#[test]
fn another_model_optimizer_or_loader_is_refused_and_nothing_changes() {
    let _alone = RANDOM.lock();
    #[derive(Layer)]
    struct Two {
        l1: Linear,
        l2: Linear,
    }
    let x = Array::ones([1, 4], DType::F32);
    let model = Linear::new(3);
    model.forward(&x);
    let mut optimizer = Adam::new(0.1).setup(&model);
    model.forward(&x).sum().backward();
    optimizer.update();
    let loader = DataLoader::new((0..10).collect::<Vec<i64>>(), 2);
    let saved = Checkpoint::new(1)
        .with("model", &model)
        .with("optimizer", &optimizer)
        .with("loader", &loader);

    let mut other = Linear::new(5);
    other.forward(&x);
    let before = other.weights();
    let error = saved.restore("model", &mut other).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("model/W: expected shape [4, 5], found [4, 3]"),
        "{text}"
    );
    assert_eq!(other.weights(), before);
    // A model that has no values yet is another one too.
    let mut two = Two {
        l1: Linear::new(3),
        l2: Linear::new(3),
    };
    assert!(matches!(
        saved.restore("model", &mut two).unwrap_err(),
        Error::Weights { mismatch: Mismatch::Names { missing, .. }, .. }
            if missing == ["model/l1/W", "model/l1/b", "model/l2/W", "model/l2/b"]
    ));
    // float64 would not go on bit for bit.
    let mut wider = Linear::new(3).dtype(DType::F64);
    let error = saved.restore("model", &mut wider).unwrap_err().to_string();
    assert!(error.contains("expected float64, found float32"), "{error}");

    saved
        .restore("optimizer", &mut Momentum::new(0.1).setup(&model))
        .unwrap_err();
    saved
        .restore("optimizer", &mut Sgd::new(0.1).setup(&other))
        .unwrap_err();
    for mut other in [
        DataLoader::new((0..11).collect::<Vec<i64>>(), 2),
        DataLoader::new((0..10).collect::<Vec<i64>>(), 5),
        DataLoader::new((0..10).collect::<Vec<i64>>(), 2).seed(1),
    ] {
        saved.restore("loader", &mut other).unwrap_err();
    }
    let error = saved
        .restore("scheduler", &mut 0_u64)
        .unwrap_err()
        .to_string();
    assert!(error.contains("missing scheduler"), "{error}");
}

#[test]
fn what_has_no_value_yet_is_drawn_as_it_would_have_been() {
    let _alone = RANDOM.lock();
    let x = Array::ones([2, 4], DType::F32);
    random::seed(1);
    let (model, mut again) = (Linear::new(3), Linear::new(3));
    let (state, random) = (model.state(), ProcessRandom.state());
    let y = model.forward(&x);
    again.set_state(state.clone()).unwrap();
    ProcessRandom.set_state(random).unwrap();
    assert_eq!(again.forward(&x).data(), y.data());
    // But not into a model that has values.
    again.set_state(state).unwrap_err();
}

#[test]
fn a_recurrent_state_goes_on() {
    let _alone = RANDOM.lock();
    let x = Array::ones([2, 4], DType::F32);
    let model = Lstm::new(3);
    model.forward(&x);
    model.forward(&x);
    let state = model.state();
    let mut resumed = Lstm::new(3);
    resumed.set_state(state).unwrap();
    let y = model.forward(&x).data();
    assert_eq!(resumed.forward(&x).data(), y);
    resumed.reset_state();
    assert_ne!(resumed.forward(&x).data(), y);
}

#[test]
fn loaders_go_on_in_the_middle_of_an_epoch() {
    let _alone = RANDOM.lock();
    fn noisy(x: i64) -> (i64, f64) {
        let noise = dezero::data::with_random_state(|random| random.standard_normal());
        (x, noise)
    }
    type Batches = Vec<(Vec<i64>, Vec<f64>)>;
    use dezero::data::Dataset;
    for (own_seed, workers) in [(false, 0), (true, 0), (true, 3)] {
        let make = || {
            let data = (0..23).collect::<Vec<i64>>().map_sample(noisy);
            let loader = DataLoader::new(data, 4).shuffle(true).workers(workers);
            if own_seed { loader.seed(9) } else { loader }
        };
        let two_epochs = |loader: &DataLoader<_>| -> Batches {
            let batches = (0..2).flat_map(|_| loader.iter().collect::<Vec<_>>());
            batches
                .map(|(x, e): (Array, Array)| (x.to_vec(), e.to_vec()))
                .collect()
        };
        for taken in 0..=6 {
            random::seed(4);
            let loader = make();
            loader.iter().count(); // an epoch before
            let mut epoch = loader.iter();
            epoch.by_ref().take(taken).for_each(drop);
            let (state, random) = (loader.state(), ProcessRandom.state());
            let rest: Batches = epoch.map(|(x, e)| (x.to_vec(), e.to_vec())).collect();
            let expected: Batches = rest.into_iter().chain(two_epochs(&loader)).collect();

            random::seed(1234);
            let mut resumed = make();
            resumed.set_state(state).unwrap();
            ProcessRandom.set_state(random).unwrap();
            let rest = resumed.iter().map(|(x, e)| (x.to_vec(), e.to_vec()));
            let found: Batches = rest.collect::<Vec<_>>();
            assert_eq!(found.len(), 6 - taken);
            let found: Batches = found.into_iter().chain(two_epochs(&resumed)).collect();
            assert_eq!(
                found, expected,
                "{taken} batches taken, own seed {own_seed}"
            );
        }
    }
    let series = || SeqDataLoader::new((0..7).collect::<Vec<i64>>(), 2);
    let loader = series();
    let mut epoch = loader.iter();
    epoch.next();
    let mut resumed = series();
    resumed.set_state(loader.state()).unwrap();
    let rest: Vec<Array> = epoch.collect();
    assert_eq!(resumed.iter().collect::<Vec<_>>(), rest);
    assert_eq!(resumed.iter().count(), 4, "and then a whole epoch");
}

#[test]
fn one_process_at_a_time_and_leftovers_are_cleared() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join(".checkpoint-00000007.npz.123-0.tmp"),
        b"PK",
    )
    .unwrap();
    fs::write(folder.path().join(".mine.tmp"), b"mine").unwrap();
    let first = Checkpoints::open(folder.path()).unwrap();
    assert!(
        !folder
            .path()
            .join(".checkpoint-00000007.npz.123-0.tmp")
            .exists()
    );
    assert!(folder.path().join(".mine.tmp").exists());
    let error = Checkpoints::open(folder.path()).unwrap_err();
    assert!(matches!(error, Error::FolderInUse { .. }), "{error}");
    drop(first);
    Checkpoints::open(folder.path()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = Checkpoints::open(file.join("checkpoints")).unwrap_err();
    assert!(
        matches!(&error, Error::Io { path, .. } if path.starts_with(&file)),
        "{error}"
    );
}

/// A limit on the size of files stands for a full disk: the write fails half-way.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_earlier_checkpoint() {
    const CHILD: &str = "DEZERO_FULL_DISK_IN";
    if let Ok(folder) = std::env::var(CHILD) {
        let checkpoints = Checkpoints::open(&folder).unwrap().keep_last(1);
        let large = Parameter::new(Array::zeros([100_000], DType::F64) + 1.0);
        let error = checkpoints
            .save(&Checkpoint::new(2).with("model", &large))
            .unwrap_err();
        assert!(
            error.to_string().contains("checkpoint-00000002.npz"),
            "{error}"
        );
        let system = match &error {
            Error::Array(error) => match error.kind() {
                dezero_array::ErrorKind::Io(error) => error.raw_os_error(),
                _ => None,
            },
            _ => None,
        };
        assert!(system.is_some(), "what the system said: {error}");
        assert_eq!(value(&checkpoints.latest().unwrap().unwrap()), 1.0);
        let names: Vec<_> = fs::read_dir(&folder).unwrap().collect();
        assert_eq!(names.len(), 2, "the checkpoint and the lock: {names:?}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    step(&Checkpoints::open(folder.path()).unwrap(), 1, 1.0);
    let program = std::env::current_exe().unwrap();
    // SIGXFSZ is ignored, so that the write fails as it does on a full disk.
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" a_full_disk_leaves_the_earlier_checkpoint --exact --nocapture";
    // Through pipes: the limit would hold for a file that takes this test's output, too.
    let child = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(program)
        .env(CHILD, folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{printed}");
}

fn sound_bytes(path: &Path) -> Vec<u8> {
    let model = Parameter::new([1.5, 2.5]);
    Checkpoint::new(7)
        .with("model", &model)
        .with("epoch", &3_u64)
        .save(path)
        .unwrap();
    fs::read(path).unwrap()
}

/// What a checkpoint says: a changed byte must not change it.
fn contents(path: &Path) -> Option<(u64, f64, u64)> {
    let checkpoint = Checkpoint::load(path).ok()?;
    let (mut model, mut epoch) = (Parameter::new([0.0, 0.0]), 0_u64);
    checkpoint.restore("model", &mut model).ok()?;
    checkpoint.restore("epoch", &mut epoch).ok()?;
    Some((checkpoint.step(), model.sum().item(), epoch))
}

#[test]
fn cut_off_anywhere_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.npz");
    let bytes = sound_bytes(&path);
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(Checkpoint::load(&path).is_err(), "cut to {length} bytes");
    }
}

proptest! {
    #[test]
    fn changed_bytes_are_seen_or_mean_nothing(changes in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..=255), 1..4)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.npz");
        let mut bytes = sound_bytes(&path);
        let sound = contents(&path).unwrap();
        for (index, change) in changes {
            let i = index.index(bytes.len());
            bytes[i] ^= change;
        }
        fs::write(&path, &bytes).unwrap();
        if let Some(found) = contents(&path) {
            prop_assert_eq!(found, sound);
        }
    }
}

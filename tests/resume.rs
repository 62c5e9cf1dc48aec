//! A training is killed again and again and ends, bit for bit, as one that was left alone.
//!
//! The killed process is this test program itself: the parent starts it with `DEZERO_TRAIN_IN` set.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use dezero::data::{DataLoader, Dataset, Split, digits, with_random_state};
use dezero::layers::{BatchNorm, Dropout, Linear, Lstm};
use dezero::optimizers::{Adam, CosineSchedule, Schedule};
use dezero::random::RandomState;
use dezero::training::metrics::{Accuracy, Mean, Metric};
use dezero::training::{
    Checkpoint, Checkpoints, EarlyStopping, GradientAccumulation, ProcessRandom, Resumable,
};
use dezero::{Array, Layer, Progress, Result, Variable, functions, random};

/// Everything that remembers: running statistics, dropout, a recurrent state.
#[derive(Layer)]
struct Network {
    l1: Linear,
    bn: BatchNorm,
    dropout: Dropout,
    lstm: Lstm,
    l2: Linear,
}

impl Network {
    fn new() -> Network {
        Network {
            l1: Linear::new(12),
            bn: BatchNorm::new(),
            dropout: Dropout::new(0.3),
            lstm: Lstm::new(8),
            l2: Linear::new(10),
        }
    }

    fn forward(&self, x: &Array) -> Variable {
        let x = self.bn.forward(self.l1.forward(x)).relu();
        self.l2.forward(self.lstm.forward(self.dropout.forward(x)))
    }
}

fn noisy(image: Array) -> Array {
    let noise = with_random_state(|random| random.standard_normal());
    image.reshape([64]) + (0.1 * noise) as f32
}

/// Trains in `folder` from wherever it was, and writes `final.npz`.
fn train(folder: &Path, pause: Duration) -> Result<()> {
    random::seed(5);
    let (epochs, batch_size) = (3, 48);
    let data = digits(Split::Train).subset(0..480).map_x(noisy);
    let mut loader = DataLoader::new(data, batch_size).shuffle(true).workers(2);
    let mut model = Network::new();
    let mut optimizer = Adam::new(0.01).setup(&model);
    let schedule = CosineSchedule::new(0.01, epochs * loader.len());
    let mut accumulation = GradientAccumulation::new(3, &model);
    let (mut loss_mean, mut accuracy) = (Mean::new(), Accuracy::new());
    let mut stopping = EarlyStopping::minimize().patience(10);
    let mut progress = Progress::to_writer(epochs, 480, std::io::sink());
    let (mut epoch, mut step, mut history) = (0_usize, 0_usize, History::default());

    let checkpoints = Checkpoints::open(folder.join("checkpoints"))?.keep_last(2);
    if let Some(checkpoint) = checkpoints.latest()? {
        assert!(checkpoint.passed_over().is_empty(), "a save was not atomic");
        checkpoint.restore("model", &mut model)?;
        checkpoint.restore("optimizer", &mut optimizer)?;
        checkpoint.restore("loader", &mut loader)?;
        checkpoint.restore("random", &mut ProcessRandom)?;
        checkpoint.restore("accumulation", &mut accumulation)?;
        checkpoint.restore("loss", &mut loss_mean)?;
        checkpoint.restore("accuracy", &mut accuracy)?;
        checkpoint.restore("stopping", &mut stopping)?;
        checkpoint.restore("progress", &mut progress)?;
        checkpoint.restore("epoch", &mut epoch)?;
        checkpoint.restore("step", &mut step)?;
        checkpoint.restore("history", &mut history)?;
    }
    macro_rules! save {
        () => {
            checkpoints.save(
                &Checkpoint::new(step as u64)
                    .with("model", &model)
                    .with("optimizer", &optimizer)
                    .with("loader", &loader)
                    .with("random", &ProcessRandom)
                    .with("accumulation", &accumulation)
                    .with("loss", &loss_mean)
                    .with("accuracy", &accuracy)
                    .with("stopping", &stopping)
                    .with("progress", &progress)
                    .with("epoch", &epoch)
                    .with("step", &step)
                    .with("history", &history),
            )?
        };
    }
    while epoch < epochs {
        for (x, t) in &loader {
            optimizer.set_lr(schedule.lr(step));
            let y = model.forward(&x);
            let loss = functions::softmax_cross_entropy(&y, &t);
            accumulation.backward(&loss, t.len());
            model.detach_state();
            if accumulation.is_due() {
                accumulation.update(&mut optimizer);
            }
            step += 1;
            loss_mean.add(loss.item(), t.len());
            accuracy.update(&y.data(), &t);
            progress.step(t.len(), &[("loss", loss.item())]);
            thread::sleep(pause);
            if step % 3 != 2 {
                save!();
            }
        }
        stopping.observe(loss_mean.value());
        assert_eq!(progress.mean("loss"), loss_mean.value());
        progress.finish_epoch(&[]);
        history
            .0
            .extend([loss_mean.value(), accuracy.value(), stopping.best()]);
        loss_mean.reset();
        accuracy.reset();
        epoch += 1;
        save!();
    }
    let mut weights = model.weights();
    weights.push(("history".to_owned(), Array::new(history.0)));
    dezero::weights::write(folder.join("final.npz"), &weights)
}

/// A part of the user's own.
#[derive(Default)]
struct History(Vec<f64>);

impl Resumable for History {
    fn state(&self) -> Vec<(String, Array)> {
        vec![("values".to_owned(), Array::new(self.0.clone()))]
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), dezero::weights::Mismatch> {
        let mut state = dezero::training::StateReader::new(state);
        self.0 = state.floats("values")?;
        state.finish()
    }
}

/// What the child does; nothing where there is no parent.
#[test]
fn child() {
    if let Ok(folder) = env::var("DEZERO_TRAIN_IN") {
        train(Path::new(&folder), Duration::from_millis(8)).unwrap();
    }
}

fn spawn(folder: &Path) -> std::process::Child {
    Command::new(env::current_exe().unwrap())
        .args(["child", "--exact"])
        .env("DEZERO_TRAIN_IN", folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_at_any_moment_it_ends_as_if_left_alone() {
    if env::var("DEZERO_TRAIN_IN").is_ok() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (alone, killed) = (folder.path().join("alone"), folder.path().join("killed"));
    let start = Instant::now();
    assert!(spawn(&alone).wait().unwrap().success());
    let whole = start.elapsed();

    let mut random = RandomState::from_entropy();
    let (mut kills, mut progressed) = (0, 0);
    loop {
        let mut child = spawn(&killed);
        // A third of the way on the mean; loading and resuming takes a part of it.
        let wait = whole.mul_f64(0.1 + 0.5 * random.random_sample());
        let start = Instant::now();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if start.elapsed() >= wait && kills < 8 => break None,
                None => thread::sleep(Duration::from_millis(1)),
            }
        };
        match ended {
            Some(status) => {
                assert!(status.success());
                break;
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                progressed += usize::from(names(&killed.join("checkpoints")).len() > 1);
            }
        }
    }
    assert!(
        progressed > 0,
        "no kill came after a checkpoint: {kills} kills"
    );
    let read = |folder: &PathBuf| fs::read(folder.join("final.npz")).unwrap();
    assert!(
        read(&alone) == read(&killed),
        "the weights differ after {kills} kills"
    );
    let left = names(&killed.join("checkpoints"));
    assert_eq!(left.len(), 3, "two checkpoints and the lock: {left:?}");
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

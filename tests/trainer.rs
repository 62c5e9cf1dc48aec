//! The trainer: killed and resumed, interrupted, stopped by NaN, stopped early; and the learning-rate finder.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use std::{env, fs, thread};

use dezero::data::{ArrayDataset, DataLoader, Dataset, Split, digits, spiral};
use dezero::functions::softmax_cross_entropy;
use dezero::layers::{BatchNorm, Dropout, Linear};
use dezero::models::Mlp;
use dezero::optimizers::{Adam, CosineSchedule, Sgd};
use dezero::training::metrics::{Accuracy, F1};
use dezero::training::{
    Checkpoint, EarlyStopping, Json, LearningRateFinder, Outcome, ProcessRandom, Resumable,
    RunFolder, Trainer,
};
use dezero::{Array, DType, Error, Layer, Variable, random};

/// Held by tests that draw from the generator of the process.
static RANDOM: Mutex<()> = Mutex::new(());

#[derive(Layer)]
struct Network {
    l1: Linear,
    bn: BatchNorm,
    dropout: Dropout,
    l2: Linear,
}

impl Network {
    fn forward(&self, x: &Array) -> Variable {
        let x = self.bn.forward(self.l1.forward(x)).relu();
        self.l2.forward(self.dropout.forward(x))
    }
}

/// Trains in `folder`, from its last checkpoint if it has one, and writes `final.npz` when done.
fn train(folder: &Path, pause: Duration) -> dezero::Result<Outcome> {
    random::seed(11);
    let mut train =
        DataLoader::new(digits(Split::Train).flatten().subset(0..320), 32).shuffle(true);
    let mut test = DataLoader::new(digits(Split::Test).flatten(), 90);
    let model = Network {
        l1: Linear::new(16),
        bn: BatchNorm::new(),
        dropout: Dropout::new(0.2),
        l2: Linear::new(10),
    };
    let run = match folder.join("metrics.jsonl").exists() {
        true => RunFolder::resume(folder)?,
        false => RunFolder::create(folder)?,
    };
    let optimizer = Adam::new(0.01).setup(&model);
    let mut trainer = Trainer::new(&model, optimizer, |x, t| {
        thread::sleep(pause);
        let y = model.forward(x);
        (softmax_cross_entropy(&y, t), y)
    })
    .schedule_by_step(CosineSchedule::new(0.01, 40))
    .metric(Accuracy::new())
    .metric(F1::new(10))
    .accumulate(4)
    .watch("test loss", EarlyStopping::minimize().patience(5))
    .run_folder(run)
    .checkpoint_every(3)
    .quiet();
    let outcome = trainer.fit(&mut train, Some(&mut test), 4)?;
    if outcome == Outcome::Finished {
        model.save_weights(folder.join("final.npz"))?;
    }
    Ok(outcome)
}

const CHILD: &str = "DEZERO_TRAIN_IN";

/// What the child does; nothing where there is no parent.
#[test]
fn child() {
    if let Ok(folder) = env::var(CHILD) {
        let outcome = train(Path::new(&folder), Duration::from_millis(5)).unwrap();
        fs::write(Path::new(&folder).join("outcome"), format!("{outcome:?}")).unwrap();
    }
}

fn spawn(folder: &Path) -> std::process::Child {
    Command::new(env::current_exe().unwrap())
        .args(["child", "--exact"])
        .env(CHILD, folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// All that must not depend on how often the training was stopped.
fn results(folder: &Path) -> (Vec<u8>, Vec<Json>, Vec<u8>) {
    let lines = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let lines = lines.lines().map(|line| {
        let mut line: Json = line.parse().unwrap();
        line.as_object_mut().unwrap().remove("seconds");
        line
    });
    let best = Checkpoint::load(folder.join("checkpoints/best.npz")).unwrap();
    let weights = fs::read(folder.join("final.npz")).unwrap();
    (weights, lines.collect(), best.step().to_le_bytes().to_vec())
}

#[test]
fn a_killed_or_interrupted_training_ends_as_if_left_alone() {
    if env::var(CHILD).is_ok() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("alone");
    assert!(spawn(&alone).wait().unwrap().success());
    let expected = results(&alone);
    assert_eq!(expected.1.len(), 4 * 10 + 4);
    for how in ["kill", "interrupt"] {
        let stopped = folder.path().join(how);
        let mut stops = 0;
        loop {
            let mut child = spawn(&stopped);
            for _ in 0..(70 + 41 * stops) {
                thread::sleep(Duration::from_millis(1));
                if child.try_wait().unwrap().is_some() {
                    break;
                }
            }
            if stops < 6 && child.try_wait().unwrap().is_none() {
                stops += 1;
                if how == "kill" {
                    child.kill().unwrap();
                    child.wait().unwrap();
                } else if cfg!(unix) {
                    let id = child.id().to_string();
                    let interrupt = Command::new("kill").args(["-INT", &id]).status();
                    assert!(interrupt.unwrap().success());
                    child.wait().unwrap();
                }
                continue;
            }
            assert!(child.wait().unwrap().success());
            let outcome = fs::read_to_string(stopped.join("outcome")).unwrap();
            if outcome == "Finished" {
                break;
            }
        }
        assert!(stops > 0);
        let found = results(&stopped);
        assert!(found.0 == expected.0, "{how}: weights differ after {stops}");
        assert_eq!(found.1, expected.1, "{how}: metrics.jsonl after {stops}");
        assert_eq!(found.2, expected.2, "{how}: the best after {stops}");
    }
}

/// Trains with this loss until it fails.
fn failure(loss: impl Fn(Variable, usize) -> Variable) -> Error {
    let model = Mlp::new([8, 3]).dtype(DType::F64);
    let mut loader = DataLoader::new(spiral(Split::Train), 30)
        .shuffle(true)
        .seed(0);
    let batches = std::cell::Cell::new(0);
    let mut trainer = Trainer::new(&model, Sgd::new(0.1).setup(&model), |x, t| {
        batches.set(batches.get() + 1);
        let y = model.forward(x);
        (loss(softmax_cross_entropy(&y, t), batches.get()), y)
    })
    .quiet();
    let none = None::<&mut DataLoader<ArrayDataset>>;
    let error = trainer.fit(&mut loader, none, 1).unwrap_err();
    assert!(
        model.params().iter().all(|x| x.data().all_finite()),
        "no update was made"
    );
    error
}

#[test]
fn nan_ends_the_training_with_the_operation_and_its_line() {
    let _alone = RANDOM.lock();
    let line = line!() + 3;
    let error = failure(|loss, batch| {
        let sign = if batch < 4 { 1.0 } else { -1.0 };
        (loss * sign).log()
    });
    let text = error.to_string();
    assert!(matches!(error, Error::NotFinite { step: 4, .. }), "{text}");
    assert!(text.contains("the loss is not finite"), "{text}");
    assert!(text.contains("the forward of log"), "{text}");
    assert!(text.contains(&format!("trainer.rs:{line}:")), "{text}");

    // A loss that is finite, with a derivative that is not.
    let line = line!() + 1;
    let error = failure(|loss, batch| if batch < 4 { loss } else { (loss * 0.0).sqrt() });
    let text = error.to_string();
    assert!(
        text.contains("the gradient of l0/W is not finite"),
        "{text}"
    );
    assert!(text.contains("the backward of sqrt"), "{text}");
    assert!(text.contains(&format!("trainer.rs:{line}:")), "{text}");
}

#[test]
fn the_norm_that_is_logged_is_that_of_the_mean_gradient() {
    let _alone = RANDOM.lock();
    let first_norm = |batches: usize| {
        random::seed(6);
        let folder = tempfile::tempdir().unwrap();
        let mut loader = DataLoader::new(spiral(Split::Train), 100);
        let model = Mlp::new([8, 3]);
        let mut trainer = Trainer::new(&model, Sgd::new(0.1).setup(&model), |x, t| {
            let y = model.forward(x);
            (softmax_cross_entropy(&y, t), y)
        })
        .accumulate(batches)
        .run_folder(RunFolder::create(folder.path()).unwrap())
        .quiet();
        let none = None::<&mut DataLoader<ArrayDataset>>;
        trainer.fit(&mut loader, none, 1).unwrap();
        let lines = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        let first: Json = lines.lines().next().unwrap().parse().unwrap();
        first["gradient norm"].as_f64().unwrap()
    };
    let (one, two) = (first_norm(1), first_norm(2));
    assert!(one > 1e-3 && (one - two).abs() < 1e-5 * one, "{one}, {two}");
}

#[test]
fn early_stopping_ends_a_training_that_gets_no_better() {
    let _alone = RANDOM.lock();
    let folder = tempfile::tempdir().unwrap();
    let mut loader = DataLoader::new(spiral(Split::Train), 100);
    let model = Mlp::new([8, 3]);
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let run = match folder.path().join("metrics.jsonl").exists() {
            true => RunFolder::resume(folder.path()).unwrap(),
            false => RunFolder::create(folder.path()).unwrap(),
        };
        // A learning rate of 0: the first epoch is the best, and two more are no better.
        let mut trainer = Trainer::new(&model, Sgd::new(0.0).setup(&model), |x, t| {
            let y = model.forward(x);
            (softmax_cross_entropy(&y, t), y)
        })
        .watch("loss", EarlyStopping::minimize().patience(2))
        .run_folder(run)
        .quiet();
        let outcome = trainer.fit(&mut loader, None::<&mut DataLoader<ArrayDataset>>, 10);
        outcomes.push((outcome.unwrap(), trainer.epochs(), trainer.steps()));
    }
    // Resumed, it stays stopped.
    assert_eq!(outcomes, [(Outcome::StoppedEarly, 3, 9); 2]);
    let best = Checkpoint::load(folder.path().join("checkpoints/best.npz")).unwrap();
    assert_eq!(best.step(), 3);
}

#[test]
#[should_panic(expected = "watches \"accuracy\", but the epochs have [\"loss\"]")]
fn a_figure_that_there_is_not() {
    let mut loader = DataLoader::new(spiral(Split::Train), 300);
    let model = Mlp::new([3]);
    let mut trainer = Trainer::new(&model, Sgd::new(0.1).setup(&model), |x, t| {
        let y = model.forward(x);
        (softmax_cross_entropy(&y, t), y)
    })
    .watch("accuracy", EarlyStopping::maximize())
    .quiet();
    let _ = trainer.fit(&mut loader, None::<&mut DataLoader<ArrayDataset>>, 1);
}

#[test]
fn finding_a_learning_rate_changes_nothing() {
    let _alone = RANDOM.lock();
    random::seed(2);
    let folder = tempfile::tempdir().unwrap();
    let model = Mlp::new([64, 10]).activation(Variable::relu);
    let mut optimizer = Adam::new(0.5).setup(&model);
    let mut loader = DataLoader::new(digits(Split::Train).flatten(), 50).shuffle(true);
    let loss = |x: &Array, t: &Array| softmax_cross_entropy(model.forward(x), t);
    loss(&Array::zeros([1, 64], DType::F32), &Array::new([0])); // draws the weights
    let before = (
        model.weights(),
        optimizer.state(),
        loader.state(),
        ProcessRandom.state(),
    );
    let finder = LearningRateFinder::new(1e-6, 10.0).steps(80);
    let found = finder.run(&model, &mut optimizer, &mut loader, loss);
    let after = (
        model.weights(),
        optimizer.state(),
        loader.state(),
        ProcessRandom.state(),
    );
    assert_eq!(after, before);
    assert!(model.params().iter().all(|x| x.grad().is_none()));
    // This network learns digits best at about 0.01, and goes wild from about 1.
    assert!(
        (1e-4..0.1).contains(&found.suggestion()),
        "{}",
        found.suggestion()
    );
    assert!(found.suggestion() < found.lowest());
    assert!(found.rates().len() < 80, "it stops where the loss explodes");
    let path = folder.path().join("rates.html");
    found.write_html(&path).unwrap();
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .contains("falls fastest at")
    );
}

//! Optimizers against PyTorch's and DeZero's own trajectories (golden/optimizers.py), hooks,
//! schedules, and training that goes on after a stop.

use std::path::PathBuf;

use dezero::layers::{Linear, Sequential};
use dezero::optimizers::{
    AdaDelta, AdaGrad, Adam, AdamW, ClipGrad, CosineSchedule, ExponentialSchedule, FreezeParam,
    Momentum, MultiStepSchedule, RmsProp, Rule, Schedule, Sgd, StepSchedule, WarmUp, WeightDecay,
};
use dezero::weights::Mismatch;
use dezero::{Array, DType, Error, Layer, Optimizer, Parameter, Variable, random};

struct Golden(Vec<(String, Array)>);

impl Golden {
    fn load() -> Golden {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/optimizers.npz");
        Golden(dezero::weights::read(path).unwrap())
    }

    fn get(&self, name: &str) -> Array {
        let entry = self.0.iter().find(|(found, _)| found == name);
        entry.unwrap_or_else(|| panic!("no {name}")).1.clone()
    }

    fn number(&self, name: &str) -> f64 {
        self.get(name).item()
    }
}

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (x, y)) in found.iter().zip(expected).enumerate() {
        let error = (x - y).abs();
        assert!(
            error <= tolerance * (1.0 + y.abs()),
            "{what}[{i}]: {x}, expected {y}"
        );
    }
}

/// Five steps of the golden problem: sum(a (x - b)²) / 2 + sum(sin(x)).
fn trajectory<R: Rule>(golden: &Golden, x: &Parameter, mut optimizer: Optimizer<R>) -> Vec<f64> {
    let (a, b) = (golden.get("problem/a"), golden.get("problem/b"));
    let mut rows = Vec::new();
    for _ in 0..5 {
        optimizer.clear_grads();
        let loss = ((x - &b).square() * &a).sum() / 2.0 + x.sin().sum();
        loss.backward();
        optimizer.update();
        rows.extend(x.data().to_vec::<f64>());
    }
    rows
}

fn check<R: Rule>(name: &str, make: impl Fn(&Golden, &Parameter) -> Optimizer<R>) {
    let golden = Golden::load();
    let x = Parameter::new(golden.get("problem/x0"));
    let optimizer = make(&golden, &x);
    let expected = golden.get(&format!("{name}/torch")).to_vec::<f64>();
    assert_near(&trajectory(&golden, &x, optimizer), &expected, 1e-12, name);
}

#[test]
fn trajectories_are_those_of_pytorch() {
    let lr = 0.1;
    check("sgd", |_, x| Sgd::new(lr).setup(x));
    check("momentum", |_, x| Momentum::new(lr).setup(x));
    check("nesterov", |_, x| Momentum::new(lr).nesterov(true).setup(x));
    check("adagrad", |_, x| AdaGrad::new(lr).eps(1e-8).setup(x));
    check("adadelta", |_, x| AdaDelta::new(1.0).rho(0.95).setup(x));
    check("rmsprop", |_, x| RmsProp::new(0.05).setup(x));
    let rmsprop = RmsProp::new(0.05).alpha(0.9);
    check("rmsprop_momentum", |_, x| {
        rmsprop.clone().momentum(0.5).setup(x)
    });
    check("rmsprop_centered", |_, x| {
        rmsprop.clone().centered(true).setup(x)
    });
    check("adam", |_, x| Adam::new(lr).setup(x));
    check("adam_large_eps", |_, x| {
        Adam::new(lr).beta1(0.8).beta2(0.95).eps(0.1).setup(x)
    });
    check("adamw", |_, x| AdamW::new(lr).weight_decay(0.05).setup(x));
    check("sgd_weight_decay", |_, x| {
        Sgd::new(lr).setup(x).with_hook(WeightDecay::new(0.05))
    });
    check("sgd_clip_grad", |golden, x| {
        let max_norm = golden.number("sgd_clip_grad/max_norm");
        Sgd::new(lr).setup(x).with_hook(ClipGrad::new(max_norm))
    });
}

#[test]
fn trajectories_are_those_of_dezero_where_the_formula_is_the_same() {
    let golden = Golden::load();
    let run = |name: &str, rows: Vec<f64>| {
        let expected = golden.get(&format!("{name}/dezero")).to_vec::<f64>();
        // Adam's eps stands elsewhere, as its documentation says.
        let tolerance = if name == "adam" { 1e-5 } else { 1e-12 };
        assert_near(&rows, &expected, tolerance, name);
    };
    let x = || Parameter::new(golden.get("problem/x0"));
    let p = x();
    run(
        "momentum",
        trajectory(&golden, &p, Momentum::new(0.1).setup(&p)),
    );
    let p = x();
    run(
        "adagrad",
        trajectory(&golden, &p, AdaGrad::new(0.1).eps(1e-8).setup(&p)),
    );
    let p = x();
    run("adam", trajectory(&golden, &p, Adam::new(0.1).setup(&p)));
}

#[test]
fn schedules_are_those_of_pytorch() {
    let golden = Golden::load();
    let check = |name: &str, schedule: &dyn Schedule| {
        let found: Vec<f64> = (0..12).map(|epoch| schedule.lr(epoch)).collect();
        (
            found,
            golden.get(&format!("{name}/lr")).to_vec::<f64>(),
            name.to_owned(),
        )
    };
    for (found, expected, name) in [
        check("step_schedule", &StepSchedule::new(0.1, 4, 0.5)),
        check("step_schedule", &MultiStepSchedule::new(0.1, [4, 8], 0.5)),
        check("exponential_schedule", &ExponentialSchedule::new(0.1, 0.9)),
        check("warmup_schedule", &WarmUp::new(0.1, 5).start_factor(0.2)),
    ] {
        assert_near(&found, &expected, 1e-13, &name);
    }
    // PyTorch's goes up again after its length; ours stays.
    let cosine = CosineSchedule::new(0.1, 10).minimum(0.01);
    let found: Vec<f64> = (0..=10).map(|epoch| cosine.lr(epoch)).collect();
    let expected = &golden.get("cosine_schedule/lr").to_vec::<f64>()[..11];
    assert_near(&found, expected, 1e-13, "cosine_schedule");
    assert_eq!(cosine.lr(1000), 0.01);
}

#[test]
fn clipping_takes_all_parameters_together() {
    let model = (Parameter::new([3.0]), Parameter::new([4.0]));
    model.0.set_grad(Variable::constant(Array::new([3.0])));
    model.1.set_grad(Variable::constant(Array::new([4.0])));
    let mut optimizer = Sgd::new(1.0).setup(&model).with_hook(ClipGrad::new(1.0));
    optimizer.update();
    assert_near(
        &[model.0.item(), model.1.item()],
        &[2.4, 3.2],
        1e-6,
        "x - g / 5",
    );
}

#[test]
fn frozen_parameters_stay_and_are_not_decayed() {
    let model = (Parameter::new([3.0]), Parameter::new([4.0]));
    let mut optimizer = Sgd::new(0.1)
        .setup(&model)
        .with_hook(FreezeParam::new(&model.0))
        .with_hook(WeightDecay::new(0.5));
    (&model.0 * &model.1).sum().backward();
    optimizer.update();
    assert_eq!(model.0.item(), 3.0);
    assert_near(
        &[model.1.item()],
        &[4.0 - 0.1 * (3.0 + 0.5 * 4.0)],
        1e-15,
        "decayed",
    );
}

#[test]
fn parameters_that_come_later_and_shared_ones_are_updated_once() {
    let l = std::sync::Arc::new(Linear::new(2).bias(false));
    let model = (l.clone(), l.clone());
    let mut optimizer = Sgd::new(1.0).setup(&model);
    let x = Array::ones([1, 3], DType::F32);
    let before = {
        l.forward(&x);
        l.w().data()
    };
    l.forward(&x).sum().backward();
    optimizer.update();
    assert_eq!(l.w().data(), before - 1.0);
}

fn model() -> Sequential {
    Sequential::new()
        .add(Linear::new(5))
        .add(Variable::tanh)
        .add(Linear::new(1))
}

fn train<R: Rule>(model: &Sequential, optimizer: &mut Optimizer<R>, steps: usize) {
    let x = Array::new([[0.5f32, -1.0], [2.0, 0.25], [-0.75, 1.0]]);
    let t = Array::new([[1.0f32], [-1.0], [0.5]]);
    for _ in 0..steps {
        let loss = (model.forward(&x) - &t).square().sum();
        optimizer.clear_grads();
        loss.backward();
        optimizer.update();
    }
}

/// Training five steps, stopping, and five more from the files gives the bits of ten steps.
fn check_resume<R: Rule>(rule: impl Fn() -> R) {
    let folder = tempfile::tempdir().unwrap();
    for extension in ["npz", "safetensors"] {
        let weights = folder.path().join(format!("model.{extension}"));
        let state = folder.path().join(format!("optimizer.{extension}"));
        random::seed(3);
        let straight = model();
        train(&straight, &mut Optimizer::new(rule(), &straight), 10);

        random::seed(3);
        let first = model();
        let mut optimizer = Optimizer::new(rule(), &first);
        train(&first, &mut optimizer, 5);
        first.save_weights(&weights).unwrap();
        optimizer.save_state(&state).unwrap();

        let second = model();
        second.load_weights(&weights).unwrap();
        let mut optimizer = Optimizer::new(rule(), &second);
        optimizer.load_state(&state).unwrap();
        train(&second, &mut optimizer, 5);
        assert_eq!(straight.weights(), second.weights(), "{}", rule().name());
    }
}

#[test]
fn training_goes_on_after_a_stop_as_if_there_had_been_none() {
    check_resume(|| Sgd::new(0.05));
    check_resume(|| Momentum::new(0.01).nesterov(true));
    check_resume(|| AdaGrad::new(0.05));
    check_resume(|| AdaDelta::new(1.0));
    check_resume(|| RmsProp::new(0.01));
    check_resume(|| RmsProp::new(0.01).momentum(0.9));
    check_resume(|| RmsProp::new(0.01).centered(true).momentum(0.9));
    check_resume(|| Adam::new(0.01));
    check_resume(|| AdamW::new(0.01));
}

#[test]
fn centered_rmsprop_survives_equal_gradients() {
    let x = Parameter::new([1.0, 2.0]);
    let mut optimizer = RmsProp::new(0.01).alpha(0.3).centered(true).setup(&x);
    for _ in 0..200 {
        optimizer.clear_grads();
        (&*x * 1.1).sum().backward();
        optimizer.update();
    }
    assert!(x.data().to_vec::<f64>().iter().all(|x| x.is_finite()));
}

#[test]
fn a_state_of_another_rule_or_model_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.npz");
    let (x, y) = (Parameter::new([1.0, 2.0]), Parameter::new([1.0, 2.0, 3.0]));
    let mut adam = Adam::new(0.1).setup(&x);
    x.square().sum().backward();
    adam.update();
    adam.save_state(&path).unwrap();

    let mut sgd = Sgd::new(0.1).setup(&x);
    let Err(Error::Weights {
        mismatch,
        path: found,
    }) = sgd.load_state(&path)
    else {
        panic!("loaded")
    };
    assert_eq!(found, path);
    let Mismatch::Names { missing, .. } = &mismatch else {
        panic!("{mismatch}")
    };
    assert_eq!(missing, &["sgd/lr"]);

    let mut other = Adam::new(0.5).setup(&y);
    let error = other.load_state(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("state.npz: m: expected shape [3], found [2]"),
        "{error}"
    );
    assert_eq!((other.lr(), other.state().len()), (0.5, 1));
}

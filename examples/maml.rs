//! Model-agnostic meta-learning (Finn et al., 2017): weights from which one step of gradient descent
//! fits any sine wave.
//!
//! The outer loss is a function of weights that a gradient was subtracted from: its gradient goes
//! through the inner gradient, by double backprop.

use std::f64::consts::PI;

use dezero::optimizers::Adam;
use dezero::{Array, DType, Parameter, Progress, Variable, grad, random};

const TASKS: usize = 10;
const SHOTS: usize = 10;
const INNER_LR: f64 = 0.05;

/// Sine waves, one in each row: an amplitude and a phase.
struct Waves {
    amplitude: Array,
    phase: Array,
}

impl Waves {
    fn draw() -> Waves {
        let rand = || Array::rand([TASKS, 1, 1]);
        Waves {
            amplitude: 0.1 + 4.9 * rand(),
            phase: PI * rand(),
        }
    }

    /// Points of each wave, with x in [-5, 5].
    fn sample(&self) -> (Array, Array) {
        let x = 10.0 * Array::rand([TASKS, SHOTS, 1]) - 5.0;
        let y = &self.amplitude * (&x - &self.phase).sin();
        (x, y)
    }
}

/// Networks 1-40-40-1, one for each task: every weight has a first axis of tasks.
fn predict(weights: &[Variable], x: &Array) -> Variable {
    let [w1, b1, w2, b2, w3, b3] = weights else {
        unreachable!("three layers")
    };
    let y = (Variable::constant(x.clone()).matmul(w1) + b1).tanh();
    let y = (y.matmul(w2) + b2).tanh();
    y.matmul(w3) + b3
}

/// The squared error of each task, summed over the tasks.
fn loss(weights: &[Variable], (x, y): &(Array, Array)) -> Variable {
    (predict(weights, x) - y).square().sum() / SHOTS
}

/// One step of gradient descent for each task, on its own weights.
fn adapt(weights: &[Variable], points: &(Array, Array), create_graph: bool) -> Vec<Variable> {
    let xs: Vec<&Variable> = weights.iter().collect();
    let gradients = grad(&[&loss(weights, points)], &xs, create_graph);
    weights
        .iter()
        .zip(gradients)
        .map(|(w, gw)| w - INNER_LR * gw)
        .collect()
}

/// The shared weights, repeated for each task.
fn for_each_task(params: &[Parameter]) -> Vec<Variable> {
    let repeat = |w: &Parameter| {
        let shape = w.shape();
        w.broadcast_to([TASKS, shape[1], shape[2]])
    };
    params.iter().map(repeat).collect()
}

fn main() {
    random::seed(0);
    let weight =
        |n: usize, m: usize| Parameter::new(Array::randn([1, n, m]) * (1.0 / n as f64).sqrt());
    let bias = |m: usize| Parameter::new(Array::zeros([1, 1, m], DType::F64));
    let params = vec![
        weight(1, 40),
        bias(40),
        weight(40, 40),
        bias(40),
        weight(40, 1),
        bias(1),
    ];

    let (epochs, iters) = (5, 200);
    let mut optimizer = Adam::new(0.003).setup(&params);
    let mut progress = Progress::new(epochs, iters * TASKS);
    for _ in 0..epochs {
        for _ in 0..iters {
            let waves = Waves::draw();
            let adapted = adapt(&for_each_task(&params), &waves.sample(), true);
            let meta_loss = loss(&adapted, &waves.sample()) / TASKS;
            optimizer.clear_grads();
            meta_loss.backward();
            optimizer.update();
            progress.step(TASKS, &[("loss after one step", meta_loss.item())]);
        }
        progress.finish_epoch(&[]);
    }

    // New waves: the error on points that the step has not seen, before it and after it.
    let (rounds, mut before, mut after) = (50, 0.0, 0.0);
    for _ in 0..rounds {
        let waves = Waves::draw();
        let (seen, unseen) = (waves.sample(), waves.sample());
        let weights = for_each_task(&params);
        before += loss(&weights, &unseen).item();
        after += loss(&adapt(&weights, &seen, false), &unseen).item();
    }
    let waves = rounds * TASKS;
    println!(
        "squared error on {waves} new waves: {:.2}",
        before / waves as f64
    );
    println!(
        "after one step on {SHOTS} points of each: {:.2}",
        after / waves as f64
    );
}

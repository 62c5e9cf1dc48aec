//! A physics-informed network (Raissi et al., 2019) solves Burgers' equation
//! u_t + u u_x = ν u_xx, from nothing but the equation and its boundary values.
//!
//! The loss holds second derivatives of the network, and training differentiates it once more. With
//! ν = 0.1 a travelling wave is an exact solution: u = (1 - tanh((x - t / 2) / 4ν)) / 2.

use dezero::functions::concatenate;
use dezero::models::Mlp;
use dezero::optimizers::{Adam, CosineSchedule, Schedule};
use dezero::{Array, DType, Progress, Variable, grad, no_grad, random};

const NU: f64 = 0.1;

fn exact(x: &Array, t: &Array) -> Array {
    0.5 * (1.0 - ((x - t / 2.0) / (4.0 * NU)).tanh())
}

fn u(model: &Mlp, x: &Variable, t: &Variable) -> Variable {
    model.forward(concatenate(&[x, t], 1))
}

/// What is left of the equation: u_t + u u_x - ν u_xx, which should be 0.
fn residual(model: &Mlp, x: &Variable, t: &Variable) -> Variable {
    let u = u(model, x, t);
    let [ux, ut] = <[Variable; 2]>::try_from(grad(&[&u], &[x, t], true)).unwrap();
    let uxx = grad(&[&ux], &[x], true).remove(0);
    ut + u * ux - NU * uxx
}

fn main() {
    random::seed(0);
    let model = Mlp::new([20, 20, 1])
        .activation(Variable::tanh)
        .dtype(DType::F64);

    // x in [-1, 1], t in [0, 1]: points inside, and on the three sides where u is given.
    let n = 50;
    let x = 2.0 * Array::rand([n, 1]) - 1.0;
    let t = Array::rand([n, 1]);
    let (zeros, ones) = (t.zeros_like(), t.ones_like());
    let sides = [(&x, &zeros), (&-&ones, &t), (&ones, &t)];
    let given: Vec<(Variable, Variable, Array)> = sides
        .map(|(x, t)| {
            (
                Variable::constant(x.clone()),
                Variable::constant(t.clone()),
                exact(x, t),
            )
        })
        .into();

    let (epochs, iters) = (10, 150);
    let schedule = CosineSchedule::new(0.01, epochs * iters);
    let mut optimizer = Adam::new(0.01).setup(&model);
    let mut progress = Progress::new(epochs, iters);
    for epoch in 0..epochs {
        for i in 0..iters {
            let x = Variable::new(2.0 * Array::rand([200, 1]) - 1.0);
            let t = Variable::new(Array::rand([200, 1]));
            let equation = residual(&model, &x, &t).square().mean();
            let boundary = given
                .iter()
                .map(|(x, t, value)| (u(&model, x, t) - value).square().mean());
            let loss = boundary.fold(equation, |sum, side| sum + side);

            optimizer.set_lr(schedule.lr(epoch * iters + i));
            optimizer.clear_grads();
            loss.backward();
            optimizer.update();
            progress.step(1, &[("loss", loss.item())]);
        }
        progress.finish_epoch(&[]);
    }

    println!("largest error against the exact solution, over x in [-1, 1]:");
    let x = Array::linspace(-1.0, 1.0, 201).reshape([201, 1]);
    for t in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let t = x.full_like(t);
        let found = no_grad(|| u(&model, &x.clone().into(), &t.clone().into())).data();
        let error = (found - exact(&x, &t)).abs().max().item();
        println!("  t = {:.2}  {error:.1e}", t.max().item());
    }
}

//! A WGAN with gradient penalty (Gulrajani et al., 2017) learns eight clusters on a ring.
//!
//! The penalty is a function of the critic's gradient: training it takes double backprop.

use std::f64::consts::TAU;

use dezero::models::Mlp;
use dezero::optimizers::Adam;
use dezero::{Array, DType, Progress, Variable, grad, no_grad, random};

const BATCH: usize = 128;

/// Points around eight centres on the unit circle.
fn real_points(n: usize) -> Array {
    let angle = random::with_default(|random| random.randints(0, 8, n));
    let angle = Array::from_vec(angle, [n]) * (TAU / 8.0);
    let centre = Array::stack(&[&angle.cos(), &angle.sin()], 1);
    (centre + 0.05 * Array::randn([n, 2])).to_dtype(DType::F32)
}

fn noise(n: usize) -> Array {
    Array::randn([n, 2]).to_dtype(DType::F32)
}

/// (|∇ critic| - 1)² on the way from real to generated points: the critic should be as steep as a
/// distance.
fn gradient_penalty(critic: &Mlp, real: &Array, fake: &Array) -> Variable {
    let way = Array::rand([BATCH, 1]).to_dtype(DType::F32);
    let x = Variable::new(&way * real + (1.0 - &way) * fake);
    let gx = grad(&[&critic.forward(&x)], &[&x], true).remove(0);
    (gx.norm_axis(1, false) - 1.0).square().mean()
}

fn main() {
    random::seed(0);
    let generator = Mlp::new([64, 64, 2]).activation(Variable::relu);
    let critic = Mlp::new([64, 64, 1]).activation(|x| x.leaky_relu(0.2));
    let mut generator_optimizer = Adam::new(1e-3).beta1(0.0).beta2(0.9).setup(&generator);
    let mut critic_optimizer = Adam::new(1e-3).beta1(0.0).beta2(0.9).setup(&critic);

    let (epochs, iters) = (10, 100);
    let mut progress = Progress::new(epochs, iters);
    for epoch in 1..=epochs {
        for _ in 0..iters {
            let mut distance = 0.0;
            for _ in 0..5 {
                let real = real_points(BATCH);
                let fake = no_grad(|| generator.forward(noise(BATCH))).data();
                let estimate = critic.forward(&real).mean() - critic.forward(&fake).mean();
                let loss = gradient_penalty(&critic, &real, &fake) - &estimate;
                critic_optimizer.clear_grads();
                loss.backward();
                critic_optimizer.update();
                distance = estimate.item();
            }

            let loss = -critic.forward(generator.forward(noise(BATCH))).mean();
            generator_optimizer.clear_grads();
            loss.backward();
            generator_optimizer.update();
            progress.step(1, &[("distance", distance)]);
        }
        if epoch == 1 || epoch % 5 == 0 {
            println!(
                "epoch {epoch:2}: estimated distance {:.3}",
                progress.mean("distance")
            );
        }
        progress.finish_epoch(&[]);
    }

    // How far generated points lie from the nearest centre, and which centres they reach.
    let points = no_grad(|| generator.forward(noise(1000)))
        .data()
        .to_vec::<f32>();
    let mut counts = [0; 8];
    let mut near = 0;
    for p in points.chunks(2) {
        let (x, y) = (f64::from(p[0]), f64::from(p[1]));
        let centre = (y.atan2(x) / (TAU / 8.0)).round().rem_euclid(8.0);
        let (cx, cy) = ((centre * TAU / 8.0).cos(), (centre * TAU / 8.0).sin());
        counts[centre as usize] += 1;
        near += usize::from((x - cx).hypot(y - cy) < 0.2);
    }
    println!("1000 generated points: {near} within 0.2 of a centre; by centre {counts:?}");
}

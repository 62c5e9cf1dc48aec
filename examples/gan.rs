//! A generative adversarial network (Goodfellow et al., 2014) learns to draw handwritten digits: those that come with
//! the crate, or MNIST.
//!
//! `cargo run --release --features image --example gan -- --data-dir FOLDER --picture gan.png`; both options may be left
//! out.

mod command_line;
mod handwriting;

use std::process::ExitCode;

use command_line::exit_code;
use dezero::data::{DataLoader, Dataset, Split};
use dezero::models::Mlp;
use dezero::optimizers::Adam;
use dezero::{Array, DType, Progress, Result, Variable, functions, no_grad, random};

const LATENT: usize = 32;

fn noise(n: usize) -> Array {
    Array::randn([n, LATENT]).to_dtype(DType::F32)
}

/// How far the critic of `images` is from calling all of them real, or all of them fake.
fn loss(discriminator: &Mlp, images: &Variable, real: bool) -> Variable {
    let y = discriminator.forward(images);
    let t = Array::full_of(&y.shape()[..], if real { 0.9 } else { 0.0 }, DType::F32);
    functions::sigmoid_cross_entropy(y, t)
}

fn train() -> Result<()> {
    let data = handwriting::load(Split::Train)?;
    let [_, height, width] = data.image_shape();
    // The embedded digits are few and small.
    let (epochs, batch_size, size) = match data.len() {
        ..10_000 => (60, 32, 128),
        _ => (20, 100, 512),
    };

    random::seed(0);
    let loader = DataLoader::new(data.flatten(), batch_size).shuffle(true);
    let generator = Mlp::new([size, size, height * width]).activation(|x| x.leaky_relu(0.2));
    let discriminator = Mlp::new([size, size, 1]).activation(|x| x.leaky_relu(0.2).dropout(0.3));
    let mut generator_optimizer = Adam::new(5e-4).beta1(0.5).setup(&generator);
    let mut discriminator_optimizer = Adam::new(5e-4).beta1(0.5).setup(&discriminator);
    let generate = |n: usize| generator.forward(noise(n)).sigmoid();

    let mut progress = Progress::new(epochs, loader.dataset().len());
    for _ in 0..epochs {
        for (x, _) in &loader {
            // The discriminator learns to tell drawings from digits …
            let fake = no_grad(|| generate(x.len()));
            let loss_d =
                loss(&discriminator, &x.clone().into(), true) + loss(&discriminator, &fake, false);
            discriminator_optimizer.clear_grads();
            loss_d.backward();
            discriminator_optimizer.update();

            // … and the generator to make it take drawings for digits.
            let loss_g = loss(&discriminator, &generate(x.len()), true);
            generator_optimizer.clear_grads();
            loss_g.backward();
            generator_optimizer.update();

            let figures = [
                ("discriminator", loss_d.item()),
                ("generator", loss_g.item()),
            ];
            progress.step(x.len(), &figures);
        }
        progress.finish_epoch(&[]);
    }

    println!("Digits that nobody wrote:");
    let images = no_grad(|| generate(12)).data();
    handwriting::show(&images.reshape([12, height, width]))
}

fn main() -> ExitCode {
    exit_code(train())
}

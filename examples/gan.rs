//! A generative adversarial network (Goodfellow et al., 2014) learns to draw handwritten digits.

use dezero::data::{DataLoader, Dataset, Split, digits};
use dezero::models::Mlp;
use dezero::optimizers::Adam;
use dezero::{Array, DType, Progress, Variable, functions, no_grad, random};

const LATENT: usize = 16;

fn noise(n: usize) -> Array {
    Array::randn([n, LATENT]).to_dtype(DType::F32)
}

/// How far the critic of `images` is from calling all of them real, or all of them fake.
fn loss(discriminator: &Mlp, images: &Variable, real: bool) -> Variable {
    let y = discriminator.forward(images);
    let t = Array::full_of(&y.shape()[..], if real { 0.9 } else { 0.0 }, DType::F32);
    functions::sigmoid_cross_entropy(y, t)
}

fn main() {
    random::seed(0);
    let loader = DataLoader::new(digits(Split::Train).flatten(), 32).shuffle(true);
    let generator = Mlp::new([128, 128, 64]).activation(Variable::relu);
    let discriminator = Mlp::new([128, 128, 1]).activation(|x| x.leaky_relu(0.2).dropout(0.3));
    let mut generator_optimizer = Adam::new(5e-4).beta1(0.5).setup(&generator);
    let mut discriminator_optimizer = Adam::new(5e-4).beta1(0.5).setup(&discriminator);
    let generate = |n: usize| generator.forward(noise(n)).sigmoid();

    let epochs = 60;
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
    let images = no_grad(|| generate(7)).data().to_vec::<f32>();
    for row in 0..8 {
        for image in images.chunks(64) {
            for p in &image[8 * row..][..8] {
                let ink = b" .:-=+*#@"[(p * 8.99) as usize] as char;
                print!("{ink}{ink}");
            }
            print!("  ");
        }
        println!();
    }
}

//! A variational autoencoder (Kingma and Welling, 2013) learns handwritten digits and draws new ones: those that come
//! with the crate, or MNIST.
//!
//! `cargo run --release --features image --example vae -- --data-dir FOLDER --picture vae.png`; both options may be left
//! out.

mod command_line;
mod handwriting;

use std::process::ExitCode;

use command_line::exit_code;
use dezero::data::{DataLoader, Dataset, Split};
use dezero::layers::Linear;
use dezero::optimizers::Adam;
use dezero::{Array, DType, Layer, Progress, Result, Variable, functions, no_grad, random};

const LATENT: usize = 8;

#[derive(Layer)]
struct Encoder {
    hidden: Linear,
    mean: Linear,
    log_variance: Linear,
}

impl Encoder {
    fn forward(&self, x: &Array) -> (Variable, Variable) {
        let h = self.hidden.forward(x).relu();
        (self.mean.forward(&h), self.log_variance.forward(&h))
    }
}

#[derive(Layer)]
struct Decoder {
    hidden: Linear,
    out: Linear,
}

impl Decoder {
    /// Scores of ink; their sigmoids are grey values.
    fn forward(&self, z: &Variable) -> Variable {
        self.out.forward(self.hidden.forward(z).relu())
    }
}

#[derive(Layer)]
struct Vae {
    encoder: Encoder,
    decoder: Decoder,
}

impl Vae {
    fn new(pixels: usize, hidden_size: usize) -> Vae {
        Vae {
            encoder: Encoder {
                hidden: Linear::new(hidden_size),
                mean: Linear::new(LATENT),
                log_variance: Linear::new(LATENT),
            },
            decoder: Decoder {
                hidden: Linear::new(hidden_size),
                out: Linear::new(pixels),
            },
        }
    }

    /// How badly the images are drawn again, and how far their codes are from a standard normal
    /// distribution, both for one image on average.
    fn losses(&self, x: &Array) -> (Variable, Variable) {
        let (mean, log_variance) = self.encoder.forward(x);
        // The noise is a constant, so that the gradient passes through mean and variance.
        let noise = Array::randn([x.len(), LATENT]).to_dtype(DType::F32);
        let z = &mean + (&log_variance * 0.5).exp() * noise;
        let drawing = functions::sigmoid_cross_entropy(self.decoder.forward(&z), x);
        let divergence = (mean.square() + log_variance.exp() - log_variance - 1.0).sum() * 0.5;
        (drawing, divergence / x.len())
    }
}

fn train() -> Result<()> {
    let data = handwriting::load(Split::Train)?;
    let [_, height, width] = data.image_shape();
    // The embedded digits are few and small.
    let (epochs, batch_size, hidden_size) = match data.len() {
        ..10_000 => (40, 32, 256),
        _ => (15, 100, 512),
    };

    random::seed(0);
    let loader = DataLoader::new(data.flatten(), batch_size).shuffle(true);
    let vae = Vae::new(height * width, hidden_size);
    let mut optimizer = Adam::new(0.001).setup(&vae);

    let mut progress = Progress::new(epochs, loader.dataset().len());
    for _ in 0..epochs {
        for (x, _) in &loader {
            let (drawing, divergence) = vae.losses(&x);
            optimizer.clear_grads();
            (&drawing + &divergence).backward();
            optimizer.update();
            let figures = [
                ("drawing", drawing.item()),
                ("divergence", divergence.item()),
            ];
            progress.step(x.len(), &figures);
        }
        progress.finish_epoch(&[]);
    }

    let test = handwriting::load(Split::Test)?.flatten();
    let (drawing, divergence) = no_grad(|| vae.losses(&test.x()));
    println!(
        "held-out images: drawing {:.2}, divergence {:.2} nats",
        drawing.item(),
        divergence.item()
    );

    println!("Digits that nobody wrote:");
    let z = Variable::constant(Array::randn([12, LATENT]).to_dtype(DType::F32));
    let images = no_grad(|| vae.decoder.forward(&z).sigmoid()).data();
    handwriting::show(&images.reshape([12, height, width]))
}

fn main() -> ExitCode {
    exit_code(train())
}

//! A variational autoencoder learns handwritten digits and draws new ones.

use dezero::data::{DataLoader, Dataset, Split, digits};
use dezero::layers::Linear;
use dezero::optimizers::Adam;
use dezero::{Array, DType, Layer, Progress, Variable, functions, no_grad, random};

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

fn main() {
    random::seed(0);
    let loader = DataLoader::new(digits(Split::Train).flatten(), 32).shuffle(true);
    let vae = Vae::new(64, 256);
    let mut optimizer = Adam::new(0.002).setup(&vae);

    let epochs = 40;
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

    let (x, _) = digits(Split::Test)
        .flatten()
        .batch(&(0..360).collect::<Vec<_>>());
    let (drawing, divergence) = no_grad(|| vae.losses(&x));
    println!(
        "held-out images: drawing {:.2}, divergence {:.2} nats",
        drawing.item(),
        divergence.item()
    );

    println!("Digits that nobody wrote:");
    let z = Variable::constant(Array::randn([6, LATENT]).to_dtype(DType::F32));
    let images = no_grad(|| vae.decoder.forward(&z).sigmoid())
        .data()
        .to_vec::<f32>();
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

//! Grad-CAM (Selvaraju et al., 2017): which pixels speak for the digit that a network reads.
//!
//! The gradient of the class's score with respect to the last feature maps, averaged over each map,
//! says how much the map matters; the weighted sum of the maps is a picture of the evidence.
//!
//! `cargo run --release --features image --example grad_cam -- --data-dir FOLDER --picture grad_cam.png`; both options may
//! be left out. Of a photograph: `grad_cam_photograph`.

mod command_line;
mod evidence;
mod handwriting;

use std::process::ExitCode;

use command_line::exit_code;
use dezero::data::{DataLoader, Dataset, Split};
use dezero::functions::Pool2dParams;
use dezero::layers::{Conv2d, Linear};
use dezero::optimizers::Adam;
use dezero::{Array, Layer, Progress, Result, Variable, functions, random};
use evidence::evidence;

#[derive(Layer)]
struct Reader {
    conv1: Conv2d,
    conv2: Conv2d,
    conv3: Conv2d,
    fc: Linear,
}

impl Reader {
    fn new() -> Reader {
        Reader {
            conv1: Conv2d::new(16, 3).padding(1),
            conv2: Conv2d::new(32, 3).padding(1),
            conv3: Conv2d::new(64, 3).padding(1),
            fc: Linear::new(10),
        }
    }

    /// Images (n, 1, h, w) to 64 feature maps; those of MNIST are halved on the way.
    fn features(&self, x: &Array) -> Variable {
        let mut y = self.conv1.forward(x).relu();
        if x.shape()[3] > 8 {
            y = y.max_pool2d(Pool2dParams::new((2, 2)));
        }
        let y = self.conv2.forward(&y).relu();
        self.conv3.forward(&y).relu()
    }

    /// Feature maps to the scores of the ten digits.
    fn scores(&self, features: &Variable) -> Variable {
        self.fc.forward(features.global_avg_pool())
    }
}

fn train() -> Result<()> {
    let data = handwriting::load(Split::Train)?;
    // The embedded digits are few.
    let epochs = if data.len() < 10_000 { 12 } else { 1 };

    random::seed(0);
    let loader = DataLoader::new(data, 32).shuffle(true);
    let model = Reader::new();
    let mut optimizer = Adam::new(0.002).setup(&model);

    let mut progress = Progress::new(epochs, loader.dataset().len());
    for _ in 0..epochs {
        for (x, t) in &loader {
            let y = model.scores(&model.features(&x));
            let loss = functions::softmax_cross_entropy(&y, &t);
            let accuracy = functions::accuracy(&y, &t);
            optimizer.clear_grads();
            loss.backward();
            optimizer.update();
            let figures = [("loss", loss.item()), ("accuracy", accuracy.item())];
            progress.step(t.len(), &figures);
        }
        progress.finish_epoch(&[]);
    }

    let mut pictures = Vec::new();
    for i in [1, 2, 7, 9] {
        let (x, _) = handwriting::load(Split::Test)?.batch(&[i]);
        let features = model.features(&x);
        let scores = model.scores(&features);
        let size = (x.shape()[2], x.shape()[3]);
        let (class, evidence) = evidence(&features, &scores, size);

        println!("read as a {class}");
        pictures.extend([x, evidence].map(|x| x.reshape([size.0, size.1])));
    }
    println!("\nEach image, and beside it where the evidence is:");
    handwriting::show(&Array::stack(&pictures, 0))
}

fn main() -> ExitCode {
    exit_code(train())
}

//! Grad-CAM (Selvaraju et al., 2017): which pixels speak for the digit that a network reads.
//!
//! The gradient of the class's score with respect to the last feature maps, averaged over each map,
//! says how much the map matters; the weighted sum of the maps is a picture of the evidence.

use dezero::data::{DataLoader, Dataset, Split, digits};
use dezero::layers::{Conv2d, Linear};
use dezero::optimizers::Adam;
use dezero::{Array, Layer, Progress, Variable, functions, grad, random};

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

    /// Images (n, 1, 8, 8) to 64 feature maps of the same size.
    fn features(&self, x: &Array) -> Variable {
        let y = self.conv1.forward(x).relu();
        let y = self.conv2.forward(&y).relu();
        self.conv3.forward(&y).relu()
    }

    /// Feature maps to the scores of the ten digits.
    fn scores(&self, features: &Variable) -> Variable {
        self.fc.forward(features.global_avg_pool())
    }
}

/// Grey values from 0 to 1 as characters, two for each pixel.
fn draw(row: &[f32]) -> String {
    let ink = row.iter().map(|p| b" .:-=+*#@"[(p * 8.0) as usize] as char);
    ink.flat_map(|c| [c, c]).collect()
}

fn main() {
    random::seed(0);
    let loader = DataLoader::new(digits(Split::Train), 32).shuffle(true);
    let model = Reader::new();
    let mut optimizer = Adam::new(0.002).setup(&model);

    let epochs = 12;
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

    for i in [1, 2, 9] {
        let (x, _) = digits(Split::Test).batch(&[i]);
        let features = model.features(&x);
        let scores = model.scores(&features);
        let class = scores.data().argmax().item() as usize;

        let gradient = grad(&[&scores.get((0, class))], &[&features], false).remove(0);
        let weights = gradient.data().mean_axis([2, 3], true);
        let evidence = (features.data() * weights).sum_axis(1, false);
        let evidence = evidence.clip(0.0, f64::INFINITY);
        let evidence = (&evidence / evidence.max()).to_vec::<f32>();

        println!("image, and the evidence for a {class}:");
        for (image, evidence) in x.to_vec::<f32>().chunks(8).zip(evidence.chunks(8)) {
            println!("  {}   {}", draw(image), draw(evidence));
        }
    }
}

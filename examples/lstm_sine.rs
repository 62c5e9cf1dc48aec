//! Step 60: an LSTM learns to continue a noisy sine, thirty pieces of it at a time.

use std::f64::consts::PI;

use dezero::data::{SeqDataLoader, Split, sine_curve};
use dezero::layers::{Linear, Lstm};
use dezero::optimizers::Adam;
use dezero::{Array, DType, Layer, Variable, functions, no_grad, random};

#[derive(Layer)]
struct BetterRnn {
    rnn: Lstm,
    fc: Linear,
}

impl BetterRnn {
    fn new(hidden_size: usize, out_size: usize) -> BetterRnn {
        BetterRnn {
            rnn: Lstm::new(hidden_size).dtype(DType::F64),
            fc: Linear::new(out_size).dtype(DType::F64),
        }
    }

    fn forward(&self, x: &Array) -> Variable {
        self.fc.forward(self.rnn.forward(x))
    }
}

fn main() {
    let max_epoch = 100;
    let batch_size = 30;
    let hidden_size = 100;
    let bptt_length = 30;

    random::seed(0);
    let loader = SeqDataLoader::new(sine_curve(Split::Train), batch_size);
    let seqlen = loader.len();
    let model = BetterRnn::new(hidden_size, 1);
    let mut optimizer = Adam::new(0.001).setup(&model);

    for epoch in 1..=max_epoch {
        model.reset_state();
        let mut loss = Variable::constant(0.0);
        for (i, (x, t)) in loader.iter().enumerate() {
            let y = model.forward(&x);
            loss = loss + functions::mean_squared_error(y, t);

            let count = i + 1;
            if count % bptt_length == 0 || count == seqlen {
                optimizer.clear_grads();
                loss.backward();
                loss.unchain_backward();
                optimizer.update();
            }
        }
        if epoch == 1 || epoch % 10 == 0 {
            println!("| epoch {epoch} | loss {:.6}", loss.item() / seqlen as f64);
        }
    }

    let xs: Vec<f64> = (0..1000)
        .map(|i| (4.0 * PI * f64::from(i) / 999.0).cos())
        .collect();
    model.reset_state();
    let predictions: Vec<f64> = no_grad(|| {
        xs.iter()
            .map(|&x| model.forward(&Array::new([[x]])).item())
            .collect()
    });
    let errors = predictions
        .iter()
        .zip(&xs[1..])
        .map(|(y, x)| (y - x).powi(2));
    println!(
        "prediction of a cosine, mean squared error {:.6}",
        errors.sum::<f64>() / 999.0
    );
    for i in (0..1000).step_by(100) {
        println!(
            "  cos {:7.4}  predicted {:7.4}",
            xs[(i + 1).min(999)],
            predictions[i]
        );
    }
}

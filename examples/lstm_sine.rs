//! Step 60: an LSTM learns to continue a noisy sine, thirty pieces of it at a time.
//!
//! `cargo run --release --features plot --example lstm_sine -- --picture cosine.svg` draws its predictions.

mod command_line;
mod continued_cosine;
mod picture;

use std::process::ExitCode;

use command_line::exit_code;
use dezero::data::{SeqDataLoader, Split, sine_curve};
use dezero::layers::{Linear, Lstm};
use dezero::optimizers::Adam;
use dezero::{Array, DType, Layer, Variable, functions, random};

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

fn main() -> ExitCode {
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
        println!("| epoch {epoch} | loss {:.6}", loss.item() / seqlen as f64);
    }

    model.reset_state();
    exit_code(continued_cosine::show(|x| model.forward(x)))
}

//! Step 59: a recurrent network learns to continue a noisy sine, and goes on with a cosine.
//!
//! `cargo run --release --features plot --example rnn_sine -- --picture cosine.svg` draws its predictions.

mod command_line;
mod continued_cosine;
mod picture;

use std::process::ExitCode;

use command_line::exit_code;
use dezero::data::{Dataset, Split, sine_curve};
use dezero::layers::{Linear, Rnn};
use dezero::optimizers::Adam;
use dezero::{Array, DType, Layer, Variable, functions, random};

#[derive(Layer)]
struct SimpleRnn {
    rnn: Rnn,
    fc: Linear,
}

impl SimpleRnn {
    fn new(hidden_size: usize, out_size: usize) -> SimpleRnn {
        SimpleRnn {
            rnn: Rnn::new(hidden_size).dtype(DType::F64),
            fc: Linear::new(out_size).dtype(DType::F64),
        }
    }

    fn forward(&self, x: &Array) -> Variable {
        self.fc.forward(self.rnn.forward(x))
    }
}

fn main() -> ExitCode {
    let max_epoch = 100;
    let hidden_size = 100;
    let bptt_length = 30;

    random::seed(0);
    let train_set = sine_curve(Split::Train);
    let seqlen = train_set.len();
    let model = SimpleRnn::new(hidden_size, 1);
    let mut optimizer = Adam::new(0.001).setup(&model);

    for epoch in 1..=max_epoch {
        model.reset_state();
        let mut loss = Variable::constant(0.0);
        for count in 1..=seqlen {
            let (x, t) = train_set.get(count - 1);
            let y = model.forward(&x.reshape([1, 1]));
            loss = loss + functions::mean_squared_error(y, t.reshape([1, 1]));

            if count % bptt_length == 0 || count == seqlen {
                optimizer.clear_grads();
                loss.backward();
                // Nothing before this point is differentiated again: the graph stays short.
                loss.unchain_backward();
                optimizer.update();
            }
        }
        println!("| epoch {epoch} | loss {:.6}", loss.item() / seqlen as f64);
    }

    model.reset_state();
    exit_code(continued_cosine::show(|x| model.forward(x)))
}

//! A character LSTM reads Shakespeare and then writes: step 60's truncated backpropagation on text.
//!
//! `cargo run --release --example shakespeare -- --data-dir FOLDER`

mod command_line;

use std::process::ExitCode;

use command_line::{exit_code, option};
use dezero::data::{CharCorpus, SeqDataLoader, shakespeare_in};
use dezero::layers::{Embedding, Linear, Lstm};
use dezero::optimizers::{Adam, ClipGrad, CosineSchedule, Schedule};
use dezero::{Array, Layer, Progress, Result, Variable, functions, no_grad, random};

#[derive(Layer)]
struct CharLstm {
    embedding: Embedding,
    lstm: Lstm,
    fc: Linear,
}

impl CharLstm {
    fn new(characters: usize, hidden_size: usize) -> CharLstm {
        CharLstm {
            embedding: Embedding::new(characters, 64),
            lstm: Lstm::new(hidden_size),
            fc: Linear::new(characters),
        }
    }

    /// Numbers of characters (n) to scores of the next ones (n, characters).
    fn forward(&self, x: &Array) -> Variable {
        self.fc
            .forward(self.lstm.forward(self.embedding.forward(x)))
    }
}

/// Goes on from `start`, drawing each character with the probability that the model gives it.
fn write(model: &CharLstm, corpus: &CharCorpus, start: &str, length: usize) -> String {
    model.reset_state();
    let mut ids = corpus.encode(start).expect("characters of the corpus");
    let mut y = None;
    no_grad(|| {
        for &id in &ids {
            y = Some(model.forward(&Array::new([id])));
        }
        while ids.len() < length {
            let p = (y.take().expect("a character before") / 0.8)
                .softmax(1)
                .data();
            let mut left = random::with_default(|random| random.random_sample());
            let next = p.to_vec::<f32>().into_iter().position(|p| {
                left -= f64::from(p);
                left < 0.0
            });
            // Rounding may leave a little after the last one.
            let next = next.unwrap_or(0) as i64;
            ids.push(next);
            y = Some(model.forward(&Array::new([next])));
        }
    });
    corpus.decode(&ids)
}

fn train() -> Result<()> {
    let corpus = shakespeare_in(option("--data-dir").unwrap_or_default())?;
    let (max_epoch, batch_size, bptt_length, hidden_size) = (4, 64, 50, 256);

    random::seed(0);
    let model = CharLstm::new(corpus.vocabulary().len(), hidden_size);
    let mut optimizer = Adam::new(0.003).setup(&model).with_hook(ClipGrad::new(5.0));
    let loader = SeqDataLoader::new(corpus.clone(), batch_size);
    let updates = loader.len() / bptt_length;
    let schedule = CosineSchedule::new(0.003, max_epoch * updates);
    let mut progress = Progress::new(max_epoch, updates * bptt_length * batch_size);

    for epoch in 0..max_epoch {
        model.reset_state();
        let mut loss = Variable::constant(0.0f32);
        for (i, (x, t)) in loader.iter().enumerate() {
            loss = loss + functions::softmax_cross_entropy(model.forward(&x), &t);
            let count = i + 1;
            if count % bptt_length == 0 {
                optimizer.set_lr(schedule.lr(epoch * updates + i / bptt_length));
                optimizer.clear_grads();
                loss.backward();
                loss.unchain_backward();
                optimizer.update();
                let mean = loss.item() / bptt_length as f64;
                progress.step(bptt_length * batch_size, &[("loss", mean)]);
                loss = Variable::constant(0.0f32);
            }
        }
        progress.finish_epoch(&[]);
        println!("{}\n", write(&model, &corpus, "ROMEO:\n", 200));
    }
    println!("A scene:\n\n{}", write(&model, &corpus, "ROMEO:\n", 1200));
    Ok(())
}

fn main() -> ExitCode {
    exit_code(train())
}

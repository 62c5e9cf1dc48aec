//! Step 51: a network with one hidden layer learns to read the digits of MNIST.
//!
//! `cargo run --release --example mnist -- --data-dir FOLDER`

mod command_line;

use std::process::ExitCode;

use command_line::{exit_code, option};
use dezero::data::{DataLoader, Dataset, Split, mnist_in};
use dezero::models::Mlp;
use dezero::optimizers::Adam;
use dezero::{Progress, Result, Variable, functions, no_grad, random};

fn train() -> Result<()> {
    // Without the option: the usual places.
    let data_dir = option("--data-dir").unwrap_or_default();
    let train = mnist_in(&data_dir, Split::Train)?.flatten();
    let test = mnist_in(&data_dir, Split::Test)?.flatten();
    let (max_epoch, batch_size, hidden_size) = (5, 100, 1000);

    random::seed(0);
    let train_loader = DataLoader::new(train, batch_size).shuffle(true);
    let test_loader = DataLoader::new(test, batch_size);

    let model = Mlp::new([hidden_size, 10]).activation(Variable::relu);
    let mut optimizer = Adam::new(0.001).setup(&model);

    let mut progress = Progress::new(max_epoch, train_loader.dataset().len());
    for _ in 0..max_epoch {
        for (x, t) in &train_loader {
            let y = model.forward(&x);
            let loss = functions::softmax_cross_entropy(&y, &t);
            let accuracy = functions::accuracy(&y, &t);
            optimizer.clear_grads();
            loss.backward();
            optimizer.update();
            progress.step(
                t.len(),
                &[("loss", loss.item()), ("accuracy", accuracy.item())],
            );
        }

        let mut hits = 0.0;
        for (x, t) in &test_loader {
            let accuracy = no_grad(|| functions::accuracy(model.forward(&x), &t));
            hits += accuracy.item() * t.len() as f64;
        }
        progress.finish_epoch(&[("test accuracy", hits / test_loader.dataset().len() as f64)]);
    }
    Ok(())
}

fn main() -> ExitCode {
    exit_code(train())
}

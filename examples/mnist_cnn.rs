//! A convolutional network on MNIST: above 99 % after three epochs.
//!
//! `cargo run --release --example mnist_cnn -- --data-dir FOLDER`

mod command_line;

use std::process::ExitCode;

use command_line::{exit_code, option};
use dezero::data::{DataLoader, Dataset, Split, mnist_in};
use dezero::models::LeNet;
use dezero::optimizers::{Adam, CosineSchedule, Schedule};
use dezero::{Progress, Result, functions, no_grad, random, test_mode};

fn train() -> Result<()> {
    // Without the option: the usual places.
    let data_dir = option("--data-dir").unwrap_or_default();
    let train = DataLoader::new(mnist_in(&data_dir, Split::Train)?, 100).shuffle(true);
    let test = DataLoader::new(mnist_in(&data_dir, Split::Test)?, 100);

    random::seed(0);
    let model = LeNet::new(10);
    let (epochs, lr) = (3, 0.002);
    let mut optimizer = Adam::new(lr).setup(&model);
    // Down to nothing along a cosine: three epochs are soon over.
    let schedule = CosineSchedule::new(lr, epochs * train.len());
    let mut step = 0;

    let mut progress = Progress::new(epochs, train.dataset().len());
    let mut accuracy = 0.0;
    for _ in 0..epochs {
        for (x, t) in &train {
            optimizer.set_lr(schedule.lr(step));
            step += 1;
            let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
            optimizer.clear_grads();
            loss.backward();
            optimizer.update();
            progress.step(t.len(), &[("loss", loss.item())]);
        }
        let mut hits = 0.0;
        for (x, t) in &test {
            let y = no_grad(|| test_mode(|| model.forward(&x)));
            hits += functions::accuracy(&y, &t).item() * t.len() as f64;
        }
        accuracy = hits / test.dataset().len() as f64;
        progress.finish_epoch(&[("test accuracy", accuracy)]);
    }
    println!("test accuracy {:.2} %", 100.0 * accuracy);
    Ok(())
}

fn main() -> ExitCode {
    exit_code(train())
}

//! A convolutional network learns to read handwritten digits that come with the crate.
//!
//! `cargo run --release --example digits_cnn`

use dezero::data::{DataLoader, Split, digits};
use dezero::models::LeNet;
use dezero::optimizers::Adam;
use dezero::{Progress, functions, no_grad, random, test_mode};

fn main() {
    random::seed(0);
    let train = DataLoader::new(digits(Split::Train), 32).shuffle(true);
    let test = DataLoader::new(digits(Split::Test), 360);

    let model = LeNet::new(10);
    let mut optimizer = Adam::new(0.001).setup(&model);

    let epochs = 20;
    let mut progress = Progress::new(epochs, 1437);
    let mut accuracy = 0.0;
    for _ in 0..epochs {
        for (x, t) in &train {
            let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
            optimizer.clear_grads();
            loss.backward();
            optimizer.update();
            progress.step(t.len(), &[("loss", loss.item())]);
        }
        let (x, t) = test.iter().next().expect("a batch");
        let y = no_grad(|| test_mode(|| model.forward(&x)));
        accuracy = functions::accuracy(&y, &t).item();
        progress.finish_epoch(&[("held out", accuracy)]);
    }
    println!(
        "{:.1} % of 360 digits that it had not seen",
        100.0 * accuracy
    );
}

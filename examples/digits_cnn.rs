//! A convolutional network learns to read handwritten digits that come with the crate.
//!
//! `cargo run --release --features plot --example digits_cnn -- --picture filters.svg` draws the filters of its first layer.

mod command_line;
mod picture;

use std::process::ExitCode;

use command_line::exit_code;
use dezero::data::{DataLoader, Split, digits};
use dezero::models::LeNet;
use dezero::optimizers::Adam;
use dezero::{Progress, Result, functions, no_grad, random, test_mode};

fn train() -> Result<()> {
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

    #[cfg(feature = "plot")]
    {
        use dezero::Layer;
        let (_, filters) = model.named_params().remove(0);
        let grid = dezero::plots::ImageGrid::new("Filters of the first layer", &filters.data());
        picture::save(&grid.columns(8).each(true))
    }
    #[cfg(not(feature = "plot"))]
    {
        picture::tell_how();
        Ok(())
    }
}

fn main() -> ExitCode {
    exit_code(train())
}

//! Steps 48 to 50: three arms of a spiral, told apart by a network with one hidden layer.
//!
//! `cargo run --release --features plot --example spiral -- --picture spiral.svg` draws where it divides the plane.

mod command_line;
mod picture;

use std::process::ExitCode;

use command_line::exit_code;
use dezero::data::{DataLoader, Split, draw_spiral, spiral};
use dezero::models::Mlp;
use dezero::optimizers::Sgd;
use dezero::{Array, Result, functions, no_grad, random};

fn train() -> Result<()> {
    let max_epoch = 300;
    let batch_size = 30;
    let hidden_size = 10;
    let lr = 1.0;

    // One generator for the points, the weights and the order of the samples, as in the book.
    random::seed(1984);
    let train_set = random::with_default(draw_spiral);
    let train_loader = DataLoader::new(train_set, batch_size).shuffle(true);
    let test_loader = DataLoader::new(spiral(Split::Test), 300);

    let model = Mlp::new([hidden_size, 3]);
    let mut optimizer = Sgd::new(lr).setup(&model);

    for epoch in 1..=max_epoch {
        let mut sum_loss = 0.0;
        for (x, t) in &train_loader {
            let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
            optimizer.clear_grads();
            loss.backward();
            optimizer.update();
            sum_loss += loss.item() * t.len() as f64;
        }
        if epoch <= 3 || epoch % 30 == 0 {
            println!("epoch {epoch}, loss {:.2}", sum_loss / 300.0);
        }
    }

    let (x, t) = test_loader.iter().next().unwrap();
    let accuracy = no_grad(|| functions::accuracy(model.forward(x), t));
    println!(
        "accuracy on other points of the spiral: {:.3}",
        accuracy.item()
    );

    // The plane as the network sees it.
    for row in 0..21 {
        let y = 1.0 - row as f32 / 10.0;
        let points = (0..41).flat_map(|column| [column as f32 / 20.0 - 1.0, y]);
        let x = Array::from_vec(points.collect(), [41, 2]);
        let arms = no_grad(|| model.forward(x)).data().argmax_axis(1, false);
        let arms = arms.to_vec::<i64>().into_iter();
        println!(
            "{}",
            arms.map(|arm| ['.', 'o', '#'][arm as usize])
                .collect::<String>()
        );
    }

    #[cfg(feature = "plot")]
    {
        let points = train_loader.dataset();
        let arms = |x: &Array| no_grad(|| model.forward(x)).data();
        let boundary = dezero::plots::DecisionBoundary::new(
            "Three arms of a spiral",
            points.x(),
            points.t(),
            arms,
        );
        picture::save(&boundary)
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

//! Step 51 with data that needs no download: a network learns to read digits that people wrote,
//! and is tested on writing that it has not seen.
//!
//! `cargo run --release --example digits`

use dezero::data::{DataLoader, Dataset, Split, digits, with_random_state};
use dezero::models::Mlp;
use dezero::optimizers::{Adam, CosineSchedule, Schedule};
use dezero::{Array, Progress, Variable, functions, no_grad, random};

/// The image a little moved, turned and stretched, as another hand might have written it.
fn distort(image: Array) -> Array {
    let [a, b, c, d, dx, dy] =
        with_random_state(|random| [(); 6].map(|()| random.standard_normal()));
    let pixels = image.to_vec::<f32>();
    let at = |row: i32, column: i32| match (row, column) {
        (0..8, 0..8) => f64::from(pixels[(row * 8 + column) as usize]),
        _ => 0.0,
    };
    let distorted = (0..64).map(|i| {
        let (x, y) = (f64::from(i % 8) - 3.5, f64::from(i / 8) - 3.5);
        let row = 3.5 + y + 0.1 * (a * y + b * x) + 0.4 * dy;
        let column = 3.5 + x + 0.1 * (c * y + d * x) + 0.4 * dx;
        // Between four pixels, each weighs as much as it is near.
        let (left, top) = (column.floor(), row.floor());
        let (right, bottom) = (column - left, row - top);
        let (i, j) = (top as i32, left as i32);
        let upper = at(i, j) * (1.0 - right) + at(i, j + 1) * right;
        let lower = at(i + 1, j) * (1.0 - right) + at(i + 1, j + 1) * right;
        (upper * (1.0 - bottom) + lower * bottom) as f32
    });
    Array::from_vec(distorted.collect(), [64])
}

fn main() {
    let (epochs, batch_size, lr) = (120, 32, 0.003);
    random::seed(0);
    let train = DataLoader::new(digits(Split::Train).map_x(distort), batch_size).shuffle(true);
    let test = digits(Split::Test).flatten();
    let (test_x, test_t) = test.batch(&(0..test.len()).collect::<Vec<_>>());

    let model = Mlp::new([128, 128, 10]).activation(Variable::relu);
    let mut optimizer = Adam::new(lr).setup(&model);
    let schedule = CosineSchedule::new(lr, epochs);

    let mut progress = Progress::new(epochs, train.dataset().len());
    for epoch in 0..epochs {
        optimizer.set_lr(schedule.lr(epoch));
        for (x, t) in &train {
            let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
            optimizer.clear_grads();
            loss.backward();
            optimizer.update();
            progress.step(t.len(), &[("loss", loss.item())]);
        }
        let y = no_grad(|| model.forward(&test_x));
        let accuracy = functions::accuracy(y, &test_t).item();
        progress.finish_epoch(&[("held-out accuracy", accuracy)]);
    }

    let found = no_grad(|| model.forward(&test_x))
        .data()
        .argmax_axis(1, false)
        .to_vec::<i64>();
    let written = test_t.to_vec::<i64>();
    let wrong = (0..written.len())
        .filter(|&i| found[i] != written[i])
        .count();
    println!(
        "{} held-out images, {wrong} misread; the first three:",
        written.len()
    );
    let pixels = test_x.to_vec::<f32>();
    for i in 0..3 {
        println!("read {}, written {}", found[i], written[i]);
        for row in pixels[64 * i..][..64].chunks(8) {
            let ink = row.iter().map(|p| b" .:-=+*#@"[(p * 8.0) as usize] as char);
            println!("  {}", ink.flat_map(|c| [c, c]).collect::<String>());
        }
    }
}

//! Step 51 with data that needs no download: a network learns to read digits that people wrote,
//! and is tested on writing that it has not seen.
//!
//! `cargo run --release --example digits -- --run-dir FOLDER` writes curves, checkpoints and `report.html` to a folder; stopped
//! at any moment, it goes on with `--resume`.

mod command_line;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use command_line::{exit_code, option};
use dezero::data::{DataLoader, Dataset, Image, Split, digits, with_random_state};
use dezero::models::Mlp;
use dezero::optimizers::{Adam, CosineSchedule};
use dezero::training::metrics::Accuracy;
use dezero::training::{EarlyStopping, Outcome, Report, RunFolder, Trainer, json};
use dezero::{
    Array, GraphOptions, Result, Variable, functions, graph_svg, no_grad, random, s, summary,
};

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

fn train() -> Result<()> {
    let (epochs, batch_size, lr) = (120, 32, 0.003);
    random::seed(0);
    let mut train = DataLoader::new(digits(Split::Train).map_x(distort), batch_size).shuffle(true);
    let mut test = DataLoader::new(digits(Split::Test).flatten(), 360);
    let model = Mlp::new([128, 128, 10]).activation(Variable::relu);

    let optimizer = Adam::new(lr).setup(&model);
    let mut trainer = Trainer::new(&model, optimizer, |x, t| {
        let y = model.forward(x);
        (functions::softmax_cross_entropy(&y, t), y)
    })
    .metric(Accuracy::new())
    .schedule(CosineSchedule::new(lr, epochs))
    .watch("test accuracy", EarlyStopping::maximize());
    let run_dir = option("--run-dir");
    if let Some(folder) = &run_dir {
        let run = match env::args().any(|arg| arg == "--resume") {
            true => RunFolder::resume(folder)?,
            false => RunFolder::create(folder)?,
        };
        run.write_config(&json!({"epochs": epochs, "batch_size": batch_size, "lr": lr}))?;
        trainer = trainer.run_folder(run);
    }
    if trainer.fit(&mut train, Some(&mut test), epochs)? == Outcome::Interrupted {
        return Ok(());
    }

    let (x, t) = test.iter().next().expect("a batch");
    let y = no_grad(|| model.forward(&x));
    let image = |i: usize| Image::from_array(&(x.get(s![i as isize]).reshape([8, 8]) * 255.0));
    if let Some(folder) = &run_dir {
        let mut report = Report::new("Handwritten digits");
        report.run(folder)?;
        report.classification(&y.data(), &t, ('0'..='9').map(String::from), image);
        let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
        let options = GraphOptions::new().params_of(&model);
        report.text("The model", &summary(&model, [1, 64]).to_string());
        report.svg("The graph of the loss", &graph_svg(&loss, &options)?);
        let path = Path::new(folder).join("report.html");
        report.write(&path)?;
        println!("see {}", path.display());
    }

    let found = y.data().argmax_axis(1, false).to_vec::<i64>();
    let written = t.to_vec::<i64>();
    let wrong = (0..written.len())
        .filter(|&i| found[i] != written[i])
        .count();
    println!(
        "{} held-out images, {wrong} misread; the first three:",
        written.len()
    );
    for i in 0..3 {
        println!("read {}, written {}", found[i], written[i]);
        for row in image(i).pixels().chunks(8) {
            let ink = row
                .iter()
                .map(|&p| b" .:-=+*#@"[usize::from(p) * 8 / 255] as char);
            println!("  {}", ink.flat_map(|c| [c, c]).collect::<String>());
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    exit_code(train())
}

//! Step 51: a network with one hidden layer learns to read the digits of MNIST.
//!
//! `cargo run --release --example mnist -- --data-dir FOLDER`; with `--run-dir FOLDER` it leaves curves, checkpoints and
//! `report.html` there, and goes on with `--resume`.

mod command_line;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use command_line::{exit_code, option};
use dezero::data::{DataLoader, Image, Split, mnist_in};
use dezero::models::Mlp;
use dezero::optimizers::Adam;
use dezero::training::metrics::Accuracy;
use dezero::training::{EarlyStopping, Outcome, Report, RunFolder, Trainer, json};
use dezero::{Array, Result, Variable, functions, no_grad, random, s, summary};

fn train() -> Result<()> {
    // Without the option: the usual places.
    let data_dir = option("--data-dir").unwrap_or_default();
    let train = mnist_in(&data_dir, Split::Train)?.flatten();
    let test = mnist_in(&data_dir, Split::Test)?.flatten();
    let (max_epoch, batch_size, hidden_size) = (5, 100, 1000);

    random::seed(0);
    let mut train_loader = DataLoader::new(train, batch_size).shuffle(true);
    let mut test_loader = DataLoader::new(test, batch_size);

    let model = Mlp::new([hidden_size, 10]).activation(Variable::relu);
    let optimizer = Adam::new(0.001).setup(&model);
    let mut trainer = Trainer::new(&model, optimizer, |x, t| {
        let y = model.forward(x);
        (functions::softmax_cross_entropy(&y, t), y)
    })
    .metric(Accuracy::new())
    .watch("test accuracy", EarlyStopping::maximize())
    .checkpoint_every(200);
    let run_dir = option("--run-dir");
    if let Some(folder) = &run_dir {
        let run = match env::args().any(|arg| arg == "--resume") {
            true => RunFolder::resume(folder)?,
            false => RunFolder::create(folder)?,
        };
        run.write_config(&json!({"batch_size": batch_size, "hidden_size": hidden_size}))?;
        trainer = trainer.run_folder(run);
    }
    let outcome = trainer.fit(&mut train_loader, Some(&mut test_loader), max_epoch)?;

    if let (Some(folder), Outcome::Finished) = (&run_dir, outcome) {
        let (x, t): (Vec<Array>, Vec<Array>) = test_loader.iter().unzip();
        let (x, t) = (Array::concatenate(&x, 0), Array::concatenate(&t, 0));
        let y = no_grad(|| model.forward(&x)).data();
        let image = |i| Image::from_array(&(x.get(s![i as isize]).reshape([28, 28]) * 255.0));
        let mut report = Report::new("MNIST");
        report.run(folder)?;
        report.classification(&y, &t, ('0'..='9').map(String::from), image);
        report.text("The model", &summary(&model, [1, 784]).to_string());
        let path = Path::new(folder).join("report.html");
        report.write(&path)?;
        println!("see {}", path.display());
    }
    Ok(())
}

fn main() -> ExitCode {
    exit_code(train())
}

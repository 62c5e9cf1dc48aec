//! What is on a photograph? SqueezeNet, trained on ImageNet, says (step 58 of the book does it with
//! VGG16).
//!
//! `cargo run --release --features image --example classify -- WEIGHTS.npz CLASSES.txt PHOTOGRAPH.jpg`
//!
//! The weights are those of the authors (<https://github.com/forresti/SqueezeNet>) with names as in
//! `conv1/W`, `fire2/conv1x1_1/W`; the classes are lines such as `n02391049 zebra`.

use std::env;
use std::process::ExitCode;

use dezero::data::{Image, read_class_names};
use dezero::models::SqueezeNet;
use dezero::{Layer, Result, no_grad, test_mode};

fn classify(weights: &str, classes: &str, photograph: &str) -> Result<()> {
    let names = read_class_names(classes)?;
    let model = SqueezeNet::new(names.len());
    model.load_weights(weights)?;

    let x = SqueezeNet::preprocess(&Image::open(photograph)?).expand_dims(0);
    let y = no_grad(|| test_mode(|| model.forward(x).softmax(1)));

    let mut ranking: Vec<(usize, f32)> = y.data().to_vec::<f32>().into_iter().enumerate().collect();
    ranking.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (class, probability) in &ranking[..ranking.len().min(5)] {
        println!("{:5.1} %  {}", 100.0 * probability, names[*class]);
    }
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [weights, classes, photograph] = &args[..] else {
        eprintln!("usage: classify WEIGHTS.npz CLASSES.txt PHOTOGRAPH.jpg");
        return ExitCode::from(2);
    };
    match classify(weights, classes, photograph) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

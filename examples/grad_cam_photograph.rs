//! Grad-CAM (Selvaraju et al., 2017) on a photograph: where SqueezeNet, trained on ImageNet, sees what it sees.
//!
//! `cargo run --release --features image --example grad_cam_photograph -- WEIGHTS.npz CLASSES.txt PHOTOGRAPH.jpg OUT.png`
//!
//! The files are those of `classify`.

mod command_line;
mod evidence;

use std::env;
use std::process::ExitCode;

use command_line::exit_code;
use dezero::data::{
    CenterCrop, Convert, Image, ImageMode, Resize, ToArray, Transform, read_class_names,
};
use dezero::models::SqueezeNet;
use dezero::{Layer, Result, test_mode};
use evidence::evidence;

fn explain([weights, classes, photograph, out]: [&str; 4]) -> Result<()> {
    let names = read_class_names(classes)?;
    let model = SqueezeNet::new(names.len());
    model.load_weights(weights)?;

    let photograph = Image::open(photograph)?;
    let x = SqueezeNet::preprocess(&photograph).expand_dims(0);
    let features = test_mode(|| model.features(&x));
    let scores = test_mode(|| model.classify(&features));
    let (class, evidence) = evidence(&features, &scores, (227, 227));

    // What speaks for the class keeps its colours; the rest is dark.
    let side = photograph.height().min(photograph.width());
    let square = CenterCrop(side, side).apply(photograph.convert(ImageMode::Rgb));
    let pixels = (Resize::to(227, 227), Convert(ImageMode::Rgb), ToArray).apply(square);
    let light = evidence.reshape([1, 227, 227]) * 0.85 + 0.15;
    Image::from_array(&(pixels * light)).save(out)?;
    println!("{}; the evidence for it is light in {out}", names[class]);
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [weights, classes, photograph, out] = &args[..] else {
        eprintln!("usage: grad_cam_photograph WEIGHTS.npz CLASSES.txt PHOTOGRAPH.jpg OUT.png");
        return ExitCode::from(2);
    };
    exit_code(explain([weights, classes, photograph, out]))
}

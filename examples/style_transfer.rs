//! Paints what is on one picture in the manner of another (Gatys, Ecker and Bethge, 2015).
//!
//! `cargo run --release --features image --example style_transfer -- CONTENT.jpg STYLE.jpg OUT.png --weights vgg16.npz`
//!
//! The weights are those of VGG16 trained on ImageNet with the names of the book's file (`conv1_1/W`, ...). They do not
//! come with the crate. Without them the network is random: the loss falls, and colours and textures are taken over, but
//! nothing knows what belongs together. `--size N` (224) is the shorter side of what is painted, `--steps N` (200) how
//! often it is improved.

mod command_line;

use std::env;
use std::process::ExitCode;

use command_line::{exit_code, option};
use dezero::data::{Convert, Image, ImageMode, Resize, ToArray, Transform};
use dezero::models::Vgg16;
use dezero::optimizers::Adam;
use dezero::{Array, Layer, Parameter, Progress, Result, Variable, grad, no_grad, random};

/// Places in `Vgg16::features`: conv4_2 tells what is there, the first of each block how it looks.
const CONTENT: usize = 8;
const STYLE: [usize; 5] = [0, 2, 4, 7, 10];
const STYLE_WEIGHT: f64 = 10.0;

/// Which features appear together, wherever they are: (1, C, H, W) to (C, C).
fn gram(features: &Variable) -> Variable {
    let [_, channels, height, width] = features.shape()[..] else {
        panic!("features have four axes");
    };
    let rows = features.reshape([channels, height * width]);
    rows.matmul(rows.transpose()) / (height * width)
}

/// The mean squared error, relative to what is aimed at: layers weigh the same, however large their numbers are.
fn distance(x: &Variable, target: &Variable) -> Variable {
    (x - target).square().mean() / target.square().mean()
}

/// The picture that is painted.
#[derive(Layer)]
struct Canvas {
    pixels: Parameter,
}

const MEAN: [f32; 3] = [103.939, 116.779, 123.68];

/// Blue before green before red, less the mean colour, as VGG16 wants it: (1, 3, H, W).
fn open(path: &str, size: usize) -> Result<Array> {
    let image = Image::open(path)?.convert(ImageMode::Rgb);
    let pixels = (Resize::shorter_side(size), Convert(ImageMode::Bgr), ToArray).apply(image);
    Ok((pixels - Array::new(MEAN).reshape([3, 1, 1])).expand_dims(0))
}

fn save(pixels: &Array, path: &str) -> Result<()> {
    let bgr = pixels.squeeze_axis(0) + Array::new(MEAN).reshape([3, 1, 1]);
    Image::from_array(&bgr.flip(0)).save(path)
}

fn number(name: &str, default: usize) -> usize {
    match option(name).map(|value| value.parse()) {
        None => default,
        Some(Ok(value)) if value > 0 => value,
        Some(_) => panic!("{name} takes a positive number"),
    }
}

fn paint([content, style, out]: [&str; 3]) -> Result<()> {
    random::seed(0);
    let model = Vgg16::new(1000);
    match option("--weights") {
        Some(path) => model.load_weights(path)?,
        None => {
            println!("No --weights of a trained VGG16: the network is random, and paints like one.")
        }
    }
    let (size, steps) = (number("--size", 224), number("--steps", 200));

    let start = open(content, size)?;
    let content = no_grad(|| model.features(&start)).swap_remove(CONTENT);
    let style = open(style, size)?;
    let features = no_grad(|| model.features(&style));
    let styles: Vec<Variable> = STYLE.iter().map(|&i| gram(&features[i])).collect();

    let canvas = Canvas {
        pixels: Parameter::new(start),
    };
    let mut optimizer = Adam::new(4.0).setup(&canvas);
    let mut progress = Progress::new(steps.min(10), (steps / 10).max(1));
    for step in 1..=steps {
        let features = model.features(&canvas.pixels);
        let content_loss = distance(&features[CONTENT], &content);
        let mut style_loss = Variable::constant(0.0f32);
        for (&i, target) in STYLE.iter().zip(&styles) {
            style_loss = style_loss + distance(&gram(&features[i]), target);
        }
        let loss = &content_loss + &style_loss * STYLE_WEIGHT;
        // Of the pixels alone: the network stays as it is.
        let gradient = grad(&[&loss], &[&canvas.pixels], false).remove(0);
        canvas.pixels.set_grad(gradient);
        optimizer.update();

        progress.step(
            1,
            &[
                ("content", content_loss.item()),
                ("style", style_loss.item()),
            ],
        );
        if step % (steps / 10).max(1) == 0 {
            progress.finish_epoch(&[]);
        }
    }
    save(&canvas.pixels.data(), out)?;
    println!("{out} is painted");
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args()
        .skip(1)
        .take_while(|a| !a.starts_with("--"))
        .collect();
    let [content, style, out] = &args[..] else {
        eprintln!(
            "usage: style_transfer CONTENT.jpg STYLE.jpg OUT.png [--weights VGG16.npz] [--size N] [--steps N]"
        );
        return ExitCode::from(2);
    };
    exit_code(paint([content, style, out]))
}

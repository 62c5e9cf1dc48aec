//! ResNet-20, trained on CIFAR-10, names what is on small photographs.
//!
//! `cargo run --release --example cifar_resnet -- WEIGHTS.npz IMAGES.npz`
//!
//! The weights are PyTorch's (<https://github.com/akamaster/pytorch_resnet_cifar10>) as arrays such as
//! `layer1/0/conv1/weight`. The images are `x` (N, 3, 32, 32), normalised as in training, beside
//! `labels` (N).

use std::env;
use std::process::ExitCode;

use dezero::data::CIFAR10_CLASSES;
use dezero::models::ResNetCifar;
use dezero::{Array, DType, Error, Result, no_grad, test_mode, weights};

fn classify(weights_file: &str, images_file: &str) -> Result<()> {
    let model = ResNetCifar::new(20, 10);
    model.load_pytorch_weights(weights_file)?;

    let arrays = weights::read(images_file)?;
    let named = |wanted: &str| -> Result<Array> {
        let found = arrays.iter().find(|(name, _)| name == wanted);
        let missing = || Error::format(images_file, format!("no array {wanted}"));
        found.map(|(_, array)| array.clone()).ok_or_else(missing)
    };
    let (x, labels) = (
        named("x")?,
        named("labels")?.to_dtype(DType::I64).to_vec::<i64>(),
    );

    let y = no_grad(|| test_mode(|| model.forward(x)));
    let classes = y.data().argmax_axis(1, false).to_vec::<i64>();
    let mut hits = 0;
    for (&class, &label) in classes.iter().zip(&labels) {
        let (found, expected) = (CIFAR10_CLASSES[class as usize], label.clamp(0, 9) as usize);
        let right = class == label;
        hits += usize::from(right);
        println!(
            "{found}{}",
            if right {
                String::new()
            } else {
                format!(" ({})", CIFAR10_CLASSES[expected])
            }
        );
    }
    println!("{hits} of {} right", labels.len());
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [weights, images] = &args[..] else {
        eprintln!("usage: cifar_resnet WEIGHTS.npz IMAGES.npz");
        return ExitCode::from(2);
    };
    match classify(weights, images) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

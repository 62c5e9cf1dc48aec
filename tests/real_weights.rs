//! Trained networks against the logits that PyTorch computed with the same weights.
//!
//! The files are no part of the repository: they are looked for in the folder that `DEZERO_DATA` names
//! and in ../shared/data; where they are missing, the tests say so and pass.

mod golden;

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};

use dezero::models::{ResNetCifar, SqueezeNet};
use dezero::{Array, Layer, no_grad, test_mode};
use dezero_array::npz;
use golden::expect_logits;

/// A file of trained weights or what goes with them, or `None`, said aloud.
fn given(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let named = env::var_os("DEZERO_DATA").map(PathBuf::from);
    let folders = named.into_iter().chain([beside]);
    let found = folders
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED: no {name} in $DEZERO_DATA or ../shared/data");
    }
    found
}

fn reference(name: &str) -> Option<HashMap<String, Array>> {
    Some(npz::load(given(name)?).unwrap().into_iter().collect())
}

fn squeezenet() -> Option<SqueezeNet> {
    let model = SqueezeNet::new(1000);
    model
        .load_weights(given("squeezenet/squeezenet_v1.0_dc.npz")?)
        .unwrap();
    Some(model)
}

#[test]
fn squeezenet_has_the_logits_of_three_photographs() {
    let (Some(model), Some(reference)) =
        (squeezenet(), reference("squeezenet/reference_outputs.npz"))
    else {
        return;
    };
    for photograph in ["zebra", "chelsea", "coffee"] {
        let x = reference[&format!("{photograph}/input")].expand_dims(0);
        let y = no_grad(|| test_mode(|| model.forward(x)));
        let expected = reference[&format!("{photograph}/logits")].reshape([1, 1000]);
        expect_logits(photograph, &y.data(), &expected, 1e-3);
    }
}

/// From the file on: reading the photograph, cropping and resizing are part of it.
#[test]
#[cfg(feature = "image")]
fn squeezenet_sees_the_zebra() {
    use dezero::data::{Image, read_class_names};
    let (Some(model), Some(photograph)) = (squeezenet(), given("squeezenet/zebra.jpg")) else {
        return;
    };
    let x = SqueezeNet::preprocess(&Image::open(photograph).unwrap());
    let y = no_grad(|| test_mode(|| model.forward(x.expand_dims(0))));
    let class = y.data().argmax().item() as usize;
    assert_eq!(class, 340);
    let names = read_class_names(given("squeezenet/synset_words.txt").unwrap()).unwrap();
    assert_eq!(names[class], "zebra");
}

#[test]
fn resnet20_has_the_logits_of_cifar_images() {
    let (Some(weights), Some(reference)) = (
        given("resnet20-cifar10/resnet20_cifar10.npz"),
        reference("resnet20-cifar10/reference_outputs.npz"),
    ) else {
        return;
    };
    let model = ResNetCifar::new(20, 10);
    model.load_pytorch_weights(weights).unwrap();
    let y = no_grad(|| test_mode(|| model.forward(&reference["x"])));
    expect_logits("resnet20", &y.data(), &reference["logits"], 1e-3);
}

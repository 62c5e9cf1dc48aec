//! Whole files that the original DeZero's `save_weights` wrote for VGG16 and ResNet-50, in the form of its published ones.
//!
//! They are large: `tests/golden/dezero_models.py --files FOLDER` makes them, and `DEZERO_FILES=FOLDER` names them to
//! this test, which leaves what we save in FOLDER/ours for the script's `--check`. Without them the test says so and
//! passes; `golden_models.rs` holds names, shapes and logits always.

mod golden;

use std::env;
use std::path::PathBuf;

use dezero::layers::Module;
use dezero::models::{ResNet, Vgg16};
use dezero::{Variable, no_grad, test_mode};
use golden::expect_logits;

fn check(name: &str, model: &impl Module) {
    let Some(folder) = env::var_os("DEZERO_FILES").map(PathBuf::from) else {
        eprintln!("SKIPPED: DEZERO_FILES names no folder; see tests/golden/dezero_models.py");
        return;
    };
    model
        .load_weights(folder.join(format!("{name}.npz")))
        .unwrap();
    let reference = dezero_array::npz::load(folder.join(format!("{name}_logits.npz"))).unwrap();
    let array = |key: &str| {
        reference
            .iter()
            .find(|(name, _)| name == key)
            .unwrap()
            .1
            .clone()
    };
    let x = Variable::constant(array("x"));
    let y = no_grad(|| test_mode(|| model.forward(&x)));
    expect_logits(name, &y.data(), &array("logits"), 1e-4);

    let ours = folder.join("ours");
    std::fs::create_dir_all(&ours).unwrap();
    model
        .save_weights(ours.join(format!("{name}.npz")))
        .unwrap();
}

#[test]
fn vgg16() {
    check("vgg16", &Vgg16::new(1000));
}

#[test]
fn resnet50() {
    check("resnet50", &ResNet::new(50, 1000));
}

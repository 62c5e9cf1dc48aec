//! VGG16 and ResNets against the same networks in PyTorch and in the original DeZero, with weights that a formula draws
//! under the names of DeZero's published files; see tests/golden/models.py and dezero_models.py. Trained weights of these
//! networks are not at hand and were not loaded.

mod golden;

use std::path::Path;

use dezero::functions::softmax_cross_entropy;
use dezero::layers::Module;
use dezero::models::{ResNet, ResNetCifar, Vgg16};
use dezero::random::RandomState;
use dezero::{Array, DType, Layer, Variable, grad_with, no_grad, test_mode, weights};
use golden::{Golden, expect_logits};

/// A parameter by the formula of models.py.
fn draw(name: &str, shape: &[usize], random: &mut RandomState) -> Array {
    let z = Array::randn_by(random, shape);
    let drawn = match name.rsplit('/').next().unwrap() {
        "W" => {
            let inputs = match *shape {
                [inputs, _] => inputs,
                _ => shape[1..].iter().product(),
            };
            z * (2.0 / inputs as f64).sqrt()
        }
        "gamma" => z * 0.1 + 1.0,
        "avg_var" => (z * 0.1 + 1.0).abs(),
        _ => z * 0.1,
    };
    drawn.to_dtype(DType::F32)
}

/// Gives the model its weights, and makes the input; also says the weights' names in their order.
fn prepare(golden: &Golden, case: &str, model: &dyn Layer) -> (Vec<String>, Array) {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{case}.keys.txt"));
    let seed = golden.number(case, "seed") as u64;
    let mut random = RandomState::new(seed);
    let sums = golden.array(case, "param_sums").to_vec::<f64>();
    let mut drawn = Vec::new();
    for (line, sum) in std::fs::read_to_string(&keys).unwrap().lines().zip(sums) {
        let (name, sizes) = line.split_once(' ').unwrap();
        let shape: Vec<usize> = sizes.split(' ').map(|n| n.parse().unwrap()).collect();
        let array = draw(name, &shape, &mut random);
        let found = array.to_dtype(DType::F64).sum().item();
        assert!(
            (found - sum).abs() < 1e-6 * (1.0 + sum.abs()),
            "{case}: {name} sums to {found}, not {sum}"
        );
        drawn.push((name.to_owned(), array));
    }
    let shape: Vec<usize> = golden
        .array(case, "x_shape")
        .to_vec::<i64>()
        .iter()
        .map(|&n| n as usize)
        .collect();
    let x = Array::randn_by(&mut random, shape).to_dtype(DType::F32);
    let names = drawn.iter().map(|(name, _)| name.clone()).collect();
    weights::assign(model, drawn, &keys).unwrap();
    (names, x)
}

/// Holds the logits of one case, in test mode, to 1e-4 each of those in `systems`.
fn check(case: &str, model: &impl Module, systems: &[&'static str]) {
    let (_, x) = prepare(&Golden::load("models"), case, model);
    let y = no_grad(|| test_mode(|| model.forward(&x.into())));
    for system in systems {
        let expected = Golden::load(system).array(case, "logits");
        expect_logits(&format!("{system}/{case}"), &y.data(), &expected, 1e-4);
    }
}

const PYTORCH: &[&str] = &["models"];
const PYTORCH_AND_DEZERO: &[&str] = &["models", "dezero_models"];

#[test]
fn vgg16() {
    check("vgg16", &Vgg16::new(1000), PYTORCH_AND_DEZERO);
}

#[test]
fn resnet34() {
    check("resnet34", &ResNet::new(34, 1000), PYTORCH);
}

#[test]
fn resnet50() {
    check("resnet50", &ResNet::new(50, 1000), PYTORCH_AND_DEZERO);
}

#[test]
fn resnet101() {
    check("resnet101", &ResNet::new(101, 1000), PYTORCH);
}

#[test]
fn resnet152() {
    check("resnet152", &ResNet::new(152, 1000), PYTORCH);
}

#[test]
fn resnet56_for_cifar() {
    check("resnet_cifar56", &ResNetCifar::new(56, 10), PYTORCH);
}

/// In training: loss and the gradients of everything.
#[test]
fn resnet18() {
    let (golden, case) = (Golden::load("models"), "resnet18");
    let model = ResNet::new(18, 1000);
    let (names, x) = prepare(&golden, case, &model);
    let x = Variable::new(x);
    let loss = softmax_cross_entropy(model.forward(&x), golden.array(case, "labels"));
    let expected = golden.number(case, "loss");
    assert!(
        (loss.item() - expected).abs() <= 1e-4 * expected,
        "loss {} for {expected}",
        loss.item()
    );

    let params = model.named_params();
    let mut leaves = vec![&x];
    leaves.extend(params.iter().map(|(_, parameter)| &**parameter));
    let grads = grad_with(&[&loss], &leaves, None, false);
    let norm = |i: usize| {
        grads[i]
            .as_ref()
            .unwrap()
            .data()
            .to_dtype(DType::F64)
            .sum_of_squares()
            .item()
            .sqrt()
    };
    let expected = golden.number(case, "gx_norm");
    assert!(
        (norm(0) - expected).abs() <= 1e-3 * expected,
        "gx: norm {} for {expected}",
        norm(0)
    );
    let norms = golden.array(case, "grad_norms").to_vec::<f64>();
    for (i, (name, _)) in params.iter().enumerate() {
        let expected = norms[names.iter().position(|key| key == name).unwrap()];
        let found = norm(i + 1);
        assert!(
            (found - expected).abs() <= 1e-3 * expected,
            "{name}: norm {found} for {expected}"
        );
    }
}

//! `#[derive(Layer)]`: which names parameters get; and weights in files.

use std::path::Path;
use std::sync::Arc;

use dezero::layers::{Activation, Linear};
use dezero::models::Mlp;
use dezero::{Array, Buffer, DType, Error, Layer, Module, Parameter, State, Variable};

#[derive(Layer)]
struct Block {
    #[layer(name = "W")]
    w: Parameter,
    b: Option<Parameter>,
    mean: Buffer,
    h: State,
    ratio: f64,
    sizes: Vec<usize>,
    kernel: (usize, usize),
    name: String,
    activation: fn(&Variable) -> Variable,
    #[layer(skip)]
    _cache: std::collections::HashMap<String, usize>,
}

fn block(w: f64) -> Block {
    Block {
        w: Parameter::new([w]),
        b: None,
        mean: Buffer::new([0.0]),
        h: State::new(),
        ratio: 0.5,
        sizes: vec![1, 2],
        kernel: (3, 3),
        name: "block".to_owned(),
        activation: Variable::relu,
        _cache: Default::default(),
    }
}

impl Module for Block {
    fn forward(&self, x: &Variable) -> Variable {
        self.h.set(x);
        assert!(self.ratio > 0.0 && self.sizes.len() == self.kernel.0 - 1 && !self.name.is_empty());
        (self.activation)(&(x * &self.w))
    }
}

#[derive(Layer)]
struct Wrapper<M>(M);

#[derive(Layer)]
enum Head<M> {
    None,
    Plain(Parameter),
    Named { inner: Wrapper<M>, bias: Parameter },
}

#[derive(Layer)]
struct Model<M> {
    blocks: Vec<Block>,
    pair: (Parameter, Arc<Block>),
    r#type: [Parameter; 2],
    #[layer(flatten)]
    flat: Block,
    heads: Vec<Head<M>>,
    dynamic: Box<dyn Module>,
    activation: Activation,
}

fn names(layer: &dyn Layer) -> Vec<String> {
    layer
        .named_params()
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn names_are_paths_in_order_of_declaration() {
    let parameter = || Parameter::new([1.0]);
    let with_bias = Block {
        b: Some(parameter()),
        ..block(1.0)
    };
    let model = Model {
        blocks: vec![block(1.0), with_bias],
        pair: (parameter(), Arc::new(block(2.0))),
        r#type: [parameter(), parameter()],
        flat: block(3.0),
        heads: vec![
            Head::None,
            Head::Plain(parameter()),
            Head::Named {
                inner: Wrapper(block(4.0)),
                bias: parameter(),
            },
        ],
        dynamic: Box::new(block(5.0)),
        activation: Activation::new(Variable::tanh),
    };
    assert_eq!(
        names(&model),
        [
            "blocks/0/W",
            "blocks/1/W",
            "blocks/1/b",
            "pair/0",
            "pair/1/W",
            "type/0",
            "type/1",
            "W",
            "heads/1",
            "heads/2/inner/W",
            "heads/2/bias",
            "dynamic/W",
        ]
    );
    let buffers: Vec<_> = model
        .named_buffers()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(buffers[..2], ["blocks/0/mean", "blocks/1/mean"]);
    assert_eq!(model.num_params(), 12);

    model.dynamic.forward(&Variable::new([2.0])).backward();
    model.activation.forward(&model.pair.0).backward();
    assert_eq!(
        model.params().iter().filter(|x| x.grad().is_some()).count(),
        2
    );
    model.clear_grads();
    assert_eq!(
        model.params().iter().filter(|x| x.grad().is_some()).count(),
        0
    );
}

#[test]
fn states_are_reset_and_neither_saved_nor_trained() {
    let model = vec![block(1.0), block(2.0)];
    model[0].forward(&Variable::new([2.0]));
    assert!(model[0].h.get().is_some());
    assert_eq!(model.weights().len(), 4);
    model.reset_state();
    assert!(model[0].h.get().is_none());
}

#[test]
fn types_are_converted_also_of_parameters_that_come_later() {
    let model = (Linear::new(2), block(1.0));
    model.to_dtype(DType::F32);
    assert_eq!(model.1.w.dtype(), DType::F32);
    assert_eq!(model.1.mean.data().dtype(), DType::F32);
    model.to_dtype(DType::F64);
    model.0.forward(Array::ones([1, 3], DType::F64));
    assert!(model.params().iter().all(|x| x.dtype() == DType::F64));
}

#[test]
#[should_panic(expected = "no value yet (shape [_, 2])")]
fn a_parameter_without_value_says_so() {
    Linear::new(2).w().sum();
}

fn saved(folder: &Path, extension: &str) -> (std::path::PathBuf, Mlp) {
    let model = Mlp::new([3, 2]);
    model.forward(Array::ones([1, 4], DType::F32));
    let path = folder.join(format!("weights.{extension}"));
    model.save_weights(&path).unwrap();
    (path, model)
}

#[test]
fn weights_come_back_also_into_a_model_that_was_never_called() {
    let folder = tempfile::tempdir().unwrap();
    for extension in ["npz", "safetensors"] {
        let (path, model) = saved(folder.path(), extension);
        let names: Vec<_> = dezero::weights::read(&path)
            .unwrap()
            .into_iter()
            .map(|(n, _)| n)
            .collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(sorted, ["l0/W", "l0/b", "l1/W", "l1/b"]);
        let other = Mlp::new([3, 2]);
        other.load_weights(&path).unwrap();
        assert_eq!(other.weights(), model.weights());
        let wide = Mlp::new([3, 2]).dtype(DType::F64);
        wide.load_weights(&path).unwrap();
        assert!(wide.params().iter().all(|x| x.dtype() == DType::F64));
        let y = |model: &Mlp| {
            model
                .forward(Array::ones([1, 4], DType::F32))
                .data()
                .to_vec::<f32>()
        };
        assert_eq!(y(&other), y(&model));
    }
}

#[test]
fn buffers_are_saved_and_shared_parameters_saved_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.npz");
    let shared = Arc::new(block(7.0));
    shared.mean.set_data([3.5]);
    vec![shared.clone(), shared].save_weights(&path).unwrap();
    let shared = Arc::new(block(0.0));
    vec![shared.clone(), shared.clone()]
        .load_weights(&path)
        .unwrap();
    assert_eq!((shared.w.item(), shared.mean.data().item()), (7.0, 3.5));
}

/// What loading `weights` says, with the model unchanged.
fn refusal(weights: Vec<(&str, Array)>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.npz");
    let weights: Vec<_> = weights
        .into_iter()
        .map(|(name, x)| (name.to_owned(), x))
        .collect();
    dezero::weights::write(&path, &weights).unwrap();
    let model = Mlp::new([3, 2]);
    model.layers()[0].forward(Array::ones([1, 4], DType::F32));
    let before = model.layers()[0].weights();
    let error = model.load_weights(&path).unwrap_err();
    assert_eq!(model.layers()[0].weights(), before);
    assert!(model.layers()[1].w().get().is_none());
    let Error::Weights {
        path: named,
        mismatch,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(named, &path);
    assert_eq!(error.to_string(), format!("{}: {mismatch}", path.display()));
    mismatch.to_string()
}

#[test]
fn weights_that_do_not_fit_are_refused_as_a_whole() {
    let zeros = |shape: &[usize]| Array::zeros(shape, DType::F32).copy();
    let good = || {
        vec![
            ("l0/W", zeros(&[4, 3])),
            ("l0/b", zeros(&[3])),
            ("l1/W", zeros(&[3, 2])),
            ("l1/b", zeros(&[2])),
        ]
    };
    let mut weights = good();
    weights[2].1 = zeros(&[3, 5]);
    assert_eq!(
        refusal(weights),
        "l1/W: expected shape [_, 2], found [3, 5]"
    );
    let mut weights = good();
    weights[0].1 = zeros(&[12]);
    assert_eq!(refusal(weights), "l0/W: expected shape [4, 3], found [12]");
    let mut weights = good();
    weights[3].1 = Array::new([1, 2]);
    assert_eq!(refusal(weights), "l1/b: expected float32, found int64");
    let mut weights = good();
    weights[3].0 = "l1/bias";
    weights.push(("l2/W", zeros(&[1])));
    assert_eq!(
        refusal(weights),
        "the names are not those of the model: missing l1/b; unexpected l1/bias, l2/W"
    );
    let mut weights = good();
    weights.remove(1);
    assert_eq!(
        refusal(weights),
        "the names are not those of the model: missing l0/b"
    );
    assert!(matches!(
        Mlp::new([3]).load_weights("weights.txt").unwrap_err(),
        Error::Format { .. }
    ));
}

#[test]
fn broken_files_are_errors_that_name_them_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for extension in ["npz", "safetensors"] {
        let (path, _) = saved(folder.path(), extension);
        let bytes = std::fs::read(&path).unwrap();
        let model = Mlp::new([3, 2]);
        model.forward(Array::ones([1, 4], DType::F32));
        let before = model.weights();
        for length in (0..bytes.len()).step_by(7) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let error = model.load_weights(&path).unwrap_err().to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
        for place in (0..bytes.len()).step_by(5) {
            let mut bytes = bytes.clone();
            bytes[place] ^= 0x55;
            std::fs::write(&path, &bytes).unwrap();
            if let Err(error) = model.load_weights(&path) {
                let error = error.to_string();
                assert!(error.starts_with(&path.display().to_string()), "{error}");
                assert_eq!(model.weights(), before, "{extension}: byte {place}");
            } else {
                // Safetensors has no checksum: other numbers are numbers.
                model.load_weights(saved_copy(&path, &before)).unwrap();
            }
        }
    }
    assert!(
        Mlp::new([3])
            .load_weights(folder.path().join("none.npz"))
            .is_err()
    );
}

fn saved_copy(beside: &Path, weights: &[(String, Array)]) -> std::path::PathBuf {
    let path = beside.with_file_name("copy.npz");
    dezero::weights::write(&path, weights).unwrap();
    path
}

#[test]
fn a_save_that_fails_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = saved(folder.path(), "npz");
    let before = std::fs::read(&path).unwrap();
    let twice = [
        ("a".to_owned(), Array::new([1.0])),
        ("a".to_owned(), Array::new([1.0])),
    ];
    assert!(dezero::weights::write(&path, &twice).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn copies_weights_between_models() {
    let (a, b) = (Mlp::new([3]).dtype(DType::F64), Mlp::new([3]));
    a.forward(Array::ones([1, 2], DType::F64));
    b.copy_weights(&a);
    assert_eq!(
        b.layers()[0].w().data(),
        a.layers()[0].w().data().to_dtype(DType::F32)
    );
}

#[test]
#[should_panic(expected = "copy_weights: l0/W: expected shape [2, 3], found [2, 4]")]
fn refuses_to_copy_other_shapes() {
    let (a, b) = (Mlp::new([4]), Mlp::new([3]));
    a.layers()[0].forward(Array::ones([1, 2], DType::F64));
    b.layers()[0].forward(Array::ones([1, 2], DType::F64));
    b.copy_weights(&a);
}

#[test]
fn a_killed_save_leaves_a_whole_file() {
    // Each child saves over the same file until it is killed.
    const CHILD: &str = "DEZERO_TEST_SAVES_TO";
    if let Some(path) = std::env::var_os(CHILD) {
        let model = Mlp::new([400, 300]);
        model.forward(Array::ones([1, 200], DType::F32));
        loop {
            model.save_weights(Path::new(&path)).unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.npz");
    let model = Mlp::new([400, 300]);
    model.forward(Array::ones([1, 200], DType::F32));
    model.save_weights(&path).unwrap();
    for round in 0..8u64 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_save_leaves_a_whole_file"])
            .env(CHILD, &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(40 + 7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        Mlp::new([400, 300]).load_weights(&path).unwrap();
    }
}

//! The table of a model's layers.

use dezero::layers::{BatchNorm, Conv2d, Linear, Lstm, Rnn, Sequential};
use dezero::models::{Mlp, ResNet, Vgg16};
use dezero::{
    Array, DType, Layer, Module, Summary, SummaryRow, Variable, functions, random, summary,
    summary_with,
};

/// (depth, path, functions, output, parameters) of each row.
fn rows(summary: &Summary) -> Vec<(usize, String, String, Vec<usize>, usize)> {
    let row = |row: &SummaryRow| {
        (
            row.depth(),
            row.path().to_owned(),
            row.functions().join(" "),
            row.output_shape().unwrap_or_default().to_vec(),
            row.num_params(),
        )
    };
    summary.rows().iter().map(row).collect()
}

fn expect(summary: &Summary, expected: &[(usize, &str, &str, &[usize], usize)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(depth, path, functions, shape, params)| {
            (
                *depth,
                path.to_string(),
                functions.to_string(),
                shape.to_vec(),
                *params,
            )
        })
        .collect();
    assert_eq!(rows(summary), expected, "\n{summary}");
}

#[test]
fn layers_stand_in_order_with_the_functions_between_them() {
    let summary = summary(&Mlp::new([100, 10]), [32, 784]);
    expect(
        &summary,
        &[
            (0, "l0", "linear", &[32, 100], 78_500),
            (0, "", "sigmoid", &[32, 100], 0),
            (0, "l1", "linear", &[32, 10], 1_010),
        ],
    );
    assert_eq!(summary.num_params(), 79_510);
    assert_eq!(summary.multiply_adds(), 32 * (784 * 100 + 100 * 10));
    assert_eq!(summary.output_bytes(), 4 * 32 * (100 + 100 + 10));
    assert_eq!(summary.param_bytes(), 4 * 79_510);
    let text = summary.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "layer  functions  output     parameters  multiply-adds   memory",
            "───────────────────────────────────────────────────────────────",
            "l0     linear     (32, 100)      78,500      2,508,800  12.8 kB",
            "       sigmoid    (32, 100)           -              -  12.8 kB",
            "l1     linear     (32, 10)        1,010         32,000   1.3 kB",
            "───────────────────────────────────────────────────────────────",
            "total                            79,510      2,540,800  26.9 kB",
            "input (32, 784) float32, 100 kB; parameters 318 kB",
        ]
    );
}

/// A residual block with a switch, as a user writes it.
#[derive(Layer)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
}

#[derive(Layer)]
struct Net {
    blocks: Vec<Block>,
    head: Linear,
    never: Linear,
    steps: usize,
}

impl Net {
    fn forward(&self, x: &Variable) -> Variable {
        let mut x = x.clone();
        for block in &self.blocks {
            let y = block.bn1.forward(block.conv1.forward(&x)).relu();
            let y = block.conv2.forward(y);
            x = match &block.shortcut {
                Some(shortcut) => y + shortcut.forward(&x),
                None => y + x,
            };
        }
        let mut x = x.mean_axis([2, 3], false);
        for _ in 0..self.steps {
            x = self.head.forward(x).tanh();
        }
        x
    }
}

#[test]
fn a_model_with_control_flow_is_a_tree() {
    let conv = |channels| Conv2d::new(channels, 3).padding(1);
    let block = |channels, shortcut: bool| Block {
        conv1: conv(channels),
        bn1: BatchNorm::new(),
        conv2: conv(channels),
        shortcut: shortcut.then(|| Conv2d::new(channels, 1)),
    };
    let net = Net {
        blocks: vec![block(4, true), block(4, false)],
        head: Linear::new(4),
        never: Linear::new(7).in_size(3),
        steps: 3,
    };
    let x = Array::ones([2, 3, 8, 8], DType::F32);
    let summary = summary_with(&net, x, |x| net.forward(x));
    let image: &[usize] = &[2, 4, 8, 8];
    let parts = rows(&summary);
    let find = |path: &str| parts.iter().find(|row| row.1 == path).unwrap().clone();
    assert_eq!(find("blocks/0/conv1").4, 4 * 3 * 9 + 4);
    assert_eq!(find("blocks/0/conv1").3, image);
    assert_eq!(find("blocks/0/bn1").4, 8);
    assert_eq!(find("blocks/0/bn1").3, image, "\n{summary}");
    assert_eq!(find("blocks/0/shortcut").0, 2);
    // Groups are sums of what is inside.
    assert_eq!(find("blocks/0").4, 112 + 8 + 148 + 16);
    assert_eq!(find("blocks").4, 112 + 8 + 148 + 16 + 148 + 8 + 148);
    assert_eq!(find("blocks").3, image);
    // Between conv1 and conv2, inside of the block.
    let relu = parts.iter().position(|row| row.2 == "relu").unwrap();
    assert_eq!(parts[relu].0, 2, "\n{summary}");
    // The same layer three times.
    let head = summary
        .rows()
        .iter()
        .find(|row| row.path() == "head")
        .unwrap();
    assert_eq!((head.calls(), head.num_params()), (3, 20));
    assert_eq!(head.multiply_adds(), 3 * 2 * 4 * 4);
    let tanh = summary
        .rows()
        .iter()
        .find(|row| row.functions() == ["tanh"])
        .unwrap();
    assert_eq!(tanh.calls(), 3);
    // A layer that is not used is there, and says so.
    let never = summary.rows().last().unwrap();
    assert_eq!(
        (never.path(), never.num_params(), never.calls()),
        ("never", 28, 0)
    );
    assert!(never.output_shape().is_none());
    assert!(summary.to_string().contains("not used"));
    assert_eq!(summary.num_params(), net.num_params());
    // Folded to the outermost layers.
    let folded = summary.depth(1).to_string();
    assert!(
        folded.contains("blocks") && !folded.contains("conv1"),
        "{folded}"
    );
}

#[test]
fn looking_at_a_model_leaves_it_as_it_was() {
    let model = Sequential::new()
        .add(Conv2d::new(4, 3).in_channels(1))
        .add(BatchNorm::new())
        .add(Lstm::new(3).in_size(36));
    let Some(lstm) = model.modules().last() else {
        unreachable!()
    };
    // A state of another batch, and running statistics.
    lstm.forward(&Variable::constant(Array::ones([5, 36], DType::F32)));
    let state = || {
        let mut found = Vec::new();
        model.visit(&mut dezero::layers::Visitor::new(&mut |_, leaf| {
            if let dezero::layers::Leaf::State(state) = leaf {
                found.push(state.get().map(|x| x.data().to_vec::<f32>()));
            }
        }));
        found
    };
    let before = (
        state(),
        random::with_default(|generator| generator.get_state()),
    );
    assert!(before.0.iter().all(Option::is_some));
    summary_with(&model, Array::ones([2, 1, 8, 8], DType::F32), |x| {
        let y = model.modules()[1].forward(&model.modules()[0].forward(x));
        model.modules()[2].forward(&y.reshape([2 * 4, 36]))
    });
    assert_eq!(before.0, state());
    assert_eq!(
        before.1,
        random::with_default(|generator| generator.get_state())
    );
}

#[test]
fn the_work_of_well_known_networks() {
    // Published: 11.7 M parameters and 1.81 G multiply-adds at 224 x 224.
    let summary_of_resnet = summary(&ResNet::new(18, 1000), [1, 3, 224, 224]);
    assert_eq!(summary_of_resnet.num_params(), 11_689_512);
    assert_eq!(summary_of_resnet.multiply_adds(), 1_814_073_344);
    // Convolutions of VGG16 at 32 x 32: 1/49 of the 15,346,630,656 at 224 x 224.
    let vgg = summary(&Vgg16::new(10), [1, 3, 32, 32]);
    let fully_connected = 512 * 4096 + 4096 * 4096 + 4096 * 10;
    assert_eq!(vgg.multiply_adds(), 15_346_630_656 / 49 + fully_connected);
}

#[test]
fn recurrent_layers_count_every_step() {
    #[derive(Layer)]
    struct Net {
        rnn: Rnn,
        fc: Linear,
    }
    let net = Net {
        rnn: Rnn::new(5),
        fc: Linear::new(1),
    };
    // x at once, h at each of the steps.
    let expected = 7 * 2 * (3 * 5) + 7 * 2 * (5 * 5) + 7 * 2 * 5;
    let x = || Array::ones([7, 2, 3], DType::F32);
    let row = |summary: &Summary, path: &str, function: &str| {
        let mut rows = summary.rows().iter();
        let row = rows.find(|row| row.path() == path && row.functions() == [function]);
        (row.unwrap_or_else(|| panic!("no {function} at {path}:\n{summary}"))).calls()
    };

    let sequence = summary_with(&net, x(), |x| net.fc.forward(net.rnn.forward_sequence(x)));
    assert_eq!(sequence.num_params(), 3 * 5 + 5 + 5 * 5 + 5 + 1);
    assert_eq!(sequence.multiply_adds(), expected, "\n{sequence}");
    assert_eq!(row(&sequence, "rnn/h2h", "rnn_sequence"), 1);

    net.reset_state();
    let steps = summary_with(&net, x(), |x| {
        let hs: Vec<_> = (0..7).map(|t| net.rnn.forward(x.get(t))).collect();
        net.fc
            .forward(functions::stack(&hs.iter().collect::<Vec<_>>(), 0))
    });
    assert_eq!(steps.multiply_adds(), expected, "\n{steps}");
    assert_eq!(row(&steps, "rnn/h2h", "linear"), 7);
}

#[test]
fn weights_may_be_changed_before_they_are_used() {
    #[derive(Layer)]
    struct Tied {
        w: dezero::Parameter,
    }
    let tied = Tied {
        w: dezero::Parameter::new(Array::ones([3, 4], DType::F64)),
    };
    let summary = summary_with(&tied, Array::ones([2, 3], DType::F64), |x| {
        let hidden = x.matmul(&*tied.w);
        functions::linear(hidden, tied.w.transpose(), None)
    });
    // Parameters of the model itself have no path.
    expect(&summary, &[(0, "", "matmul transpose linear", &[2, 3], 12)]);
    assert_eq!(summary.multiply_adds(), 2 * 12 * 2);
}

#[test]
#[should_panic = "linear: inner dimensions differ: [1, 5] x [3, 2]"]
fn an_input_that_does_not_fit_is_refused() {
    summary(&Linear::new(2).in_size(3), [1, 5]);
}

//! The workloads; `bench/README.md` defines them, `bench/peers/` has the same for the peers.

use dezero::functions::{Conv2dParams, Pool2dParams};
use dezero::layers::{Conv2d, Linear, Lstm};
use dezero::models::{ResNet, Vgg16};
use dezero::optimizers::{Adam, Sgd};
use dezero::{Array, DType, Layer, Variable, functions, grad, grad_with, no_grad, test_mode};
use dezero_bench_harness::{Number, UNIT, Work, Workload, fill, record, resident_bytes};

/// A result, with its graph if it has one: dropping it is part of the work.
pub struct Outcome(Variable);

impl Number for Outcome {
    fn norm(&self) -> f64 {
        let x = self.0.data().to_dtype(DType::F64);
        if x.size() == 1 {
            x.item()
        } else {
            x.sum_of_squares().item().sqrt()
        }
    }
}

fn outcomes<const N: usize>(variables: [Variable; N]) -> Vec<Outcome> {
    variables.into_iter().map(Outcome).collect()
}

pub const WORKLOADS: &[Workload<Outcome>] = &[
    Workload::new("goldstein_price", goldstein_price),
    Workload::new("rosenbrock", rosenbrock),
    Workload::new("tanh_sixth_derivative", tanh_sixth_derivative),
    Workload::new("spiral_step", spiral_step),
    Workload::new("wgan_gp_penalty", wgan_gp_penalty),
    Workload::new("lstm_update", lstm_update),
    Workload::new("lstm_sequence", lstm_sequence),
    Workload::sized("add_chain", 1_000_000, add_chain),
    Workload::sized("mlp_step", 100, mlp_step),
    Workload::sized("matmul_f32", 1024, |size| matmul(size, DType::F32)),
    Workload::sized("matmul_f64", 1024, |size| matmul(size, DType::F64)),
    Workload::new("tanh_chain", tanh_chain),
    Workload::sized("elementwise_chain", 1_000_000, elementwise_chain),
    Workload::new("softmax_cross_entropy", softmax_cross_entropy),
    Workload::new("conv2d", conv2d),
    Workload::new("vgg16_forward", vgg16_forward),
    Workload::new("resnet50_forward", resnet50_forward),
    Workload::new("resnet50_step", || resnet50_step(DType::F32)),
    Workload::new("resnet50_step_f64", || resnet50_step(DType::F64)),
    Workload::new("mnist_cnn_step", mnist_cnn_step),
];

fn array(k: u32, shape: &[usize], dtype: DType) -> Array {
    let numbers = fill(k, shape.iter().product(), UNIT);
    match dtype {
        DType::F64 => Array::from_vec(numbers.collect::<Vec<f64>>(), shape),
        _ => Array::from_vec(numbers.map(|x| x as f32).collect::<Vec<f32>>(), shape),
    }
}

/// Data: `k` is 100 for inputs, 101 for targets.
fn data(k: u32, shape: &[usize]) -> Array {
    array(k, shape, DType::F32)
}

fn weight(k: u32, shape: &[usize]) -> Array {
    Array::from_vec(dezero_bench_harness::weight(k, shape), shape)
}

fn weights(k: u32, n: usize, m: usize) -> Variable {
    Variable::new(weight(k, &[n, m]))
}

fn zeros(n: usize) -> Variable {
    Variable::new(Array::zeros([n], DType::F32))
}

fn labels(n: usize, classes: usize) -> Array {
    Array::from_vec(dezero_bench_harness::labels(n, classes), [n])
}

/// Gives a model, whose parameters come by name and shape, the weights that everybody starts from.
fn draw(model: &dyn Layer, shapes: &[(String, Vec<usize>)]) {
    let mut k = 0;
    let drawn = shapes.iter().map(|(name, shape)| {
        let array = match name.rsplit('/').next() {
            Some("W") => {
                k += 1;
                weight(k, shape)
            }
            Some("gamma" | "avg_var") => Array::ones(&shape[..], DType::F32),
            _ => Array::zeros(&shape[..], DType::F32),
        };
        (name.clone(), array)
    });
    dezero::weights::assign(model, drawn.collect(), "weights".as_ref())
        .expect("the names are the model's");
}

/// Names and shapes of a golden file, `name sizes` a line.
fn shapes(keys: &str) -> Vec<(String, Vec<usize>)> {
    let parse = |line: &str| {
        let (name, sizes) = line.split_once(' ').expect("a name and sizes");
        (
            name.to_owned(),
            sizes
                .split(' ')
                .map(|size| size.parse().expect("a size"))
                .collect(),
        )
    };
    keys.lines().map(parse).collect()
}

/// VGG16 for images of 224 x 224 pixels.
fn vgg16() -> Vgg16 {
    let model = Vgg16::new(1000);
    let mut shapes = shapes(include_str!("../../tests/golden/vgg16.keys.txt"));
    for (name, shape) in &mut shapes {
        if name == "fc6/W" {
            shape[0] = 512 * 7 * 7;
        }
    }
    draw(&model, &shapes);
    model
}

fn resnet50(dtype: DType) -> ResNet {
    let model = ResNet::new(50, 1000);
    draw(
        &model,
        &shapes(include_str!("../../tests/golden/resnet50.keys.txt")),
    );
    model.to_dtype(dtype);
    model
}

fn sgd(params: &[&Variable], lr: f64) {
    for param in params {
        let grad = param.grad().expect("backward ran").data();
        param.update_data(|data| data.sgd_step(&grad, lr));
    }
}

fn clear_grads(params: &[&Variable]) {
    for param in params {
        param.clear_grad();
    }
}

fn goldstein_price() -> Work<Outcome> {
    let (x, y) = (Variable::new(1.0), Variable::new(1.0));
    Box::new(move || {
        x.clear_grad();
        y.clear_grad();
        let (x, y) = (&x, &y);
        let z = (1.0
            + (x + y + 1.0).pow(2)
                * (19.0 - 14.0 * x + 3.0 * x.pow(2) - 14.0 * y + 6.0 * x * y + 3.0 * y.pow(2)))
            * (30.0
                + (2.0 * x - 3.0 * y).pow(2)
                    * (18.0 - 32.0 * x + 12.0 * x.pow(2) + 48.0 * y - 36.0 * x * y
                        + 27.0 * y.pow(2)));
        z.backward();
        outcomes([x, y].map(|x| x.grad().expect("backward ran")))
    })
}

fn rosenbrock() -> Work<Outcome> {
    let (x0, x1) = (Variable::new(0.0), Variable::new(2.0));
    Box::new(move || {
        clear_grads(&[&x0, &x1]);
        let y = 100.0 * (&x1 - x0.pow(2)).pow(2) + (&x0 - 1.0).pow(2);
        y.backward();
        sgd(&[&x0, &x1], 0.001);
        outcomes([x0.clone(), x1.clone()])
    })
}

fn tanh_sixth_derivative() -> Work<Outcome> {
    let x = Variable::new(Array::linspace(-7.0, 7.0, 200));
    Box::new(move || {
        let mut y = x.tanh();
        for order in 1..=6 {
            y = grad(&[&y], &[&x], order < 6).remove(0);
        }
        outcomes([y])
    })
}

fn spiral_step() -> Work<Outcome> {
    let x = data(100, &[30, 2]);
    let t = labels(30, 3);
    let (w1, b1, w2, b2) = (weights(1, 2, 10), zeros(10), weights(2, 10, 3), zeros(3));
    Box::new(move || {
        let params = [&w1, &b1, &w2, &b2];
        clear_grads(&params);
        let h = functions::linear(&x, &w1, Some(&b1)).sigmoid();
        let loss = functions::softmax_cross_entropy(functions::linear(&h, &w2, Some(&b2)), &t);
        loss.backward();
        sgd(&params, 1.0);
        outcomes([loss])
    })
}

fn wgan_gp_penalty() -> Work<Outcome> {
    let x = Variable::new(data(100, &[64, 64]));
    let (w1, b1) = (weights(1, 64, 256), zeros(256));
    let (w2, b2) = (weights(2, 256, 256), zeros(256));
    let (w3, b3) = (weights(3, 256, 1), zeros(1));
    Box::new(move || {
        let h = functions::linear(&x, &w1, Some(&b1)).tanh();
        let h = functions::linear(&h, &w2, Some(&b2)).tanh();
        let y = functions::linear(&h, &w3, Some(&b3));
        let gx = grad(&[&y], &[&x], true).remove(0);
        let penalty = (gx.norm_axis(1, false) - 1.0).pow(2).mean();
        let grads = grad(&[&penalty], &[&w1, &b1, &w2, &b2, &w3], false);
        outcomes([penalty, grads[0].clone(), grads[2].clone()])
    })
}

/// Inputs and targets (time, batch, feature), and the model.
fn lstm_parts() -> (Array, Array, (Lstm, Linear)) {
    let model = (Lstm::new(100).in_size(1), Linear::new(1).in_size(100));
    let mut k = 0;
    for (name, parameter) in model.named_params() {
        if name.ends_with('W') {
            k += 1;
            parameter.set_data(weight(k, &parameter.shape()));
        }
    }
    (data(100, &[30, 30, 1]), data(101, &[30, 30, 1]), model)
}

/// A step at a time, as the book does.
fn lstm_update() -> Work<Outcome> {
    let (xs, ts, model) = lstm_parts();
    let mut optimizer = Adam::new(0.001).setup(&model);
    Box::new(move || {
        model.reset_state();
        let mut loss = Variable::constant(0.0f32);
        for t in 0..30 {
            let y = model.1.forward(model.0.forward(xs.get(t)));
            loss = loss + functions::mean_squared_error(y, ts.get(t));
        }
        model.clear_grads();
        loss.backward();
        loss.unchain_backward();
        optimizer.update();
        outcomes([loss])
    })
}

fn lstm_sequence() -> Work<Outcome> {
    let (xs, ts, model) = lstm_parts();
    let mut optimizer = Adam::new(0.001).setup(&model);
    Box::new(move || {
        model.reset_state();
        let ys = model.1.forward(model.0.forward_sequence(&xs));
        // The mean squared error at each step, summed over the steps.
        let loss = (ys - &ts).square().mean_axis([1, 2], false).sum();
        model.clear_grads();
        loss.backward();
        optimizer.update();
        outcomes([loss])
    })
}

fn add_chain(length: usize) -> Work<Outcome> {
    let x = Variable::new(1.0f32);
    Box::new(move || {
        x.clear_grad();
        let before = resident_bytes();
        let mut y = x.clone();
        for _ in 0..length {
            y = y + 1.0;
        }
        // Only the first run takes fresh memory; later ones reuse what it freed.
        record(
            "bytes_per_node",
            (resident_bytes().saturating_sub(before)) as f64 / length as f64,
        );
        y.backward();
        outcomes([y, x.grad().expect("backward ran")])
    })
}

fn mlp_step(batch: usize) -> Work<Outcome> {
    let x = data(100, &[batch, 784]);
    let t = labels(batch, 10);
    let (w1, b1, w2, b2) = (
        weights(1, 784, 1000),
        zeros(1000),
        weights(2, 1000, 10),
        zeros(10),
    );
    Box::new(move || {
        let params = [&w1, &b1, &w2, &b2];
        clear_grads(&params);
        let h = functions::linear(&x, &w1, Some(&b1)).relu();
        let loss = functions::softmax_cross_entropy(functions::linear(&h, &w2, Some(&b2)), &t);
        loss.backward();
        sgd(&params, 0.01);
        outcomes([loss])
    })
}

fn matmul(size: usize, dtype: DType) -> Work<Outcome> {
    let [a, b] = [1, 2].map(|k| array(k, &[size, size], dtype));
    Box::new(move || outcomes([a.matmul(&b).into()]))
}

fn tanh_chain() -> Work<Outcome> {
    let x = Variable::new(data(100, &[4_000_000]));
    Box::new(move || {
        x.clear_grad();
        let y = (x.tanh() * 2.0 + 1.0).sum();
        y.backward();
        outcomes([y, x.grad().expect("backward ran")])
    })
}

/// GELU as a user writes it.
fn elementwise_chain(size: usize) -> Work<Outcome> {
    let x = Variable::new(data(100, &[size]));
    Box::new(move || {
        x.clear_grad();
        let u = (&x + &x * &x * &x * 0.044715) * 0.7978845608;
        let y = (&x * 0.5 * (u.tanh() + 1.0)).sum();
        y.backward();
        outcomes([y, x.grad().expect("backward ran")])
    })
}

fn softmax_cross_entropy() -> Work<Outcome> {
    let x = Variable::new(data(100, &[1024, 1000]));
    let t = labels(1024, 1000);
    Box::new(move || {
        x.clear_grad();
        let loss = functions::softmax_cross_entropy(&x, &t);
        loss.backward();
        outcomes([loss, x.grad().expect("backward ran")])
    })
}

fn conv2d() -> Work<Outcome> {
    let x = Variable::new(data(100, &[16, 64, 56, 56]));
    let w = Variable::new(weight(1, &[64, 64, 3, 3]));
    let b = zeros(64);
    let gy = Variable::constant(data(101, &[16, 64, 56, 56]));
    let params = Conv2dParams {
        padding: (1, 1),
        ..Conv2dParams::default()
    };
    Box::new(move || {
        let y = functions::conv2d(&x, &w, Some(&b), params);
        let grads = grad_with(&[&y], &[&x, &w, &b], Some(&[&gy]), false);
        let grads = grads.into_iter().map(|gx| gx.expect("y depends on all"));
        std::iter::once(y).chain(grads).map(Outcome).collect()
    })
}

fn vgg16_forward() -> Work<Outcome> {
    let x = Variable::constant(data(100, &[1, 3, 224, 224]));
    let model = vgg16();
    Box::new(move || outcomes([test_mode(|| no_grad(|| model.forward(&x)))]))
}

fn resnet50_forward() -> Work<Outcome> {
    let x = Variable::constant(data(100, &[1, 3, 224, 224]));
    let model = resnet50(DType::F32);
    Box::new(move || outcomes([test_mode(|| no_grad(|| model.forward(&x)))]))
}

/// In float64 it shows which of the float32 losses are near the exact one (`TOLERANCES` in `measure.py`).
fn resnet50_step(dtype: DType) -> Work<Outcome> {
    let x = Variable::constant(data(100, &[8, 3, 224, 224]).to_dtype(dtype));
    let t = labels(8, 1000);
    let model = resnet50(dtype);
    let mut optimizer = Sgd::new(0.001).setup(&model);
    Box::new(move || {
        let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
        outcomes([loss])
    })
}

fn mnist_cnn_step() -> Work<Outcome> {
    let x = Variable::constant(data(100, &[100, 1, 28, 28]));
    let t = labels(100, 10);
    let model = (
        (Conv2d::new(32, 3).padding(1), Conv2d::new(64, 3).padding(1)),
        (Linear::new(128), Linear::new(10)),
    );
    let shapes = [
        ("0/0/W", vec![32, 1, 3, 3]),
        ("0/0/b", vec![32]),
        ("0/1/W", vec![64, 32, 3, 3]),
        ("0/1/b", vec![64]),
        ("1/0/W", vec![3136, 128]),
        ("1/0/b", vec![128]),
        ("1/1/W", vec![128, 10]),
        ("1/1/b", vec![10]),
    ];
    draw(
        &model,
        &shapes.map(|(name, shape)| (name.to_owned(), shape)),
    );
    let mut optimizer = Adam::new(0.001).setup(&model);
    Box::new(move || {
        let ((conv1, conv2), (l1, l2)) = &model;
        let pool = Pool2dParams::new((2, 2));
        let h = conv1.forward(&x).relu().max_pool2d(pool);
        let h = conv2.forward(h).relu().max_pool2d(pool);
        let y = l2.forward(l1.forward(h.reshape([100, -1])).relu());
        let loss = functions::softmax_cross_entropy(y, &t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
        outcomes([loss])
    })
}

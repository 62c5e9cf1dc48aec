//! The workloads; `bench/README.md` defines them, `bench/peers.py` has the same in PyTorch.

use dezero::functions::{Conv2dParams, Pool2dParams};
use dezero::layers::{Conv2d, Linear, Lstm};
use dezero::models::{ResNet, Vgg16};
use dezero::optimizers::{Adam, Sgd};
use dezero::{Array, DType, Layer, Variable, functions, grad, grad_with, no_grad, test_mode};

use crate::timing::resident_bytes;

/// How a workload is run.
pub enum Workload {
    /// Prepares what is not timed and gives what is.
    Step(fn() -> Box<dyn FnMut()>),
    /// Runs once and gives the bytes that a node took.
    Chain(fn() -> f64),
}

use Workload::{Chain, Step};

pub const WORKLOADS: &[(&str, Workload)] = &[
    ("goldstein_price", Step(goldstein_price)),
    ("rosenbrock", Step(rosenbrock)),
    ("tanh_sixth_derivative", Step(tanh_sixth_derivative)),
    ("spiral_step", Step(spiral_step)),
    ("wgan_gp_penalty", Step(wgan_gp_penalty)),
    ("lstm_update", Step(lstm_update)),
    ("lstm_sequence", Step(lstm_sequence)),
    ("add_chain", Chain(add_chain)),
    ("mlp_step", Step(mlp_step)),
    ("matmul_f32", Step(|| matmul(DType::F32))),
    ("matmul_f64", Step(|| matmul(DType::F64))),
    ("tanh_chain", Step(tanh_chain)),
    ("softmax_cross_entropy", Step(softmax_cross_entropy)),
    ("conv2d", Step(conv2d)),
    ("vgg16_forward", Step(vgg16_forward)),
    ("resnet50_forward", Step(resnet50_forward)),
    ("resnet50_step", Step(resnet50_step)),
    ("mnist_cnn_step", Step(mnist_cnn_step)),
];

fn randn(shape: impl AsRef<[usize]>, dtype: DType) -> Array {
    Array::randn(shape).to_dtype(dtype)
}

/// Weights of a layer, scaled so that activations keep their size.
fn weights(n: usize, m: usize) -> Variable {
    Variable::new(randn([n, m], DType::F32) * (1.0 / (n as f64).sqrt()))
}

fn zeros(n: usize) -> Variable {
    Variable::new(Array::zeros([n], DType::F32))
}

fn labels(n: usize, classes: usize) -> Array {
    Array::from_vec((0..n).map(|i| (i % classes) as i64).collect(), [n])
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

fn goldstein_price() -> Box<dyn FnMut()> {
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
        assert_eq!(x.grad().expect("backward ran").item(), -5376.0);
        assert_eq!(y.grad().expect("backward ran").item(), 8064.0);
    })
}

fn rosenbrock() -> Box<dyn FnMut()> {
    let (x0, x1) = (Variable::new(0.0), Variable::new(2.0));
    Box::new(move || {
        clear_grads(&[&x0, &x1]);
        let y = 100.0 * (&x1 - x0.pow(2)).pow(2) + (&x0 - 1.0).pow(2);
        y.backward();
        sgd(&[&x0, &x1], 0.001);
    })
}

fn tanh_sixth_derivative() -> Box<dyn FnMut()> {
    let x = Variable::new(Array::linspace(-7.0, 7.0, 200));
    Box::new(move || {
        let mut y = x.tanh();
        for order in 1..=6 {
            y = grad(&[&y], &[&x], order < 6).remove(0);
        }
    })
}

fn spiral_step() -> Box<dyn FnMut()> {
    let x = randn([30, 2], DType::F32);
    let t = labels(30, 3);
    let (w1, b1, w2, b2) = (weights(2, 10), zeros(10), weights(10, 3), zeros(3));
    Box::new(move || {
        let params = [&w1, &b1, &w2, &b2];
        clear_grads(&params);
        let h = functions::linear(&x, &w1, Some(&b1)).sigmoid();
        let loss = functions::softmax_cross_entropy(functions::linear(&h, &w2, Some(&b2)), &t);
        loss.backward();
        sgd(&params, 1.0);
    })
}

fn wgan_gp_penalty() -> Box<dyn FnMut()> {
    let x = Variable::new(randn([64, 64], DType::F32));
    let (w1, b1) = (weights(64, 256), zeros(256));
    let (w2, b2) = (weights(256, 256), zeros(256));
    let (w3, b3) = (weights(256, 1), zeros(1));
    Box::new(move || {
        let h = functions::linear(&x, &w1, Some(&b1)).tanh();
        let h = functions::linear(&h, &w2, Some(&b2)).tanh();
        let y = functions::linear(&h, &w3, Some(&b3));
        let gx = grad(&[&y], &[&x], true).remove(0);
        let penalty = (gx.norm_axis(1, false) - 1.0).pow(2).mean();
        drop(grad(&[&penalty], &[&w1, &b1, &w2, &b2, &w3], false));
    })
}

/// A step at a time, as the book does.
fn lstm_update() -> Box<dyn FnMut()> {
    let (xs, ts) = (
        randn([30, 30, 1], DType::F32),
        randn([30, 30, 1], DType::F32),
    );
    let model = (Lstm::new(100), Linear::new(1));
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
    })
}

fn lstm_sequence() -> Box<dyn FnMut()> {
    let (xs, ts) = (
        randn([30, 30, 1], DType::F32),
        randn([30, 30, 1], DType::F32),
    );
    let model = (Lstm::new(100), Linear::new(1));
    let mut optimizer = Adam::new(0.001).setup(&model);
    Box::new(move || {
        model.reset_state();
        let ys = model.1.forward(model.0.forward_sequence(&xs));
        // The mean squared error at each step, summed over the steps.
        let loss = (ys - &ts).square().mean_axis([1, 2], false).sum();
        model.clear_grads();
        loss.backward();
        optimizer.update();
    })
}

fn add_chain() -> f64 {
    const LENGTH: usize = 1_000_000;
    let x = Variable::new(1.0f32);
    let before = resident_bytes();
    let mut y = x.clone();
    for _ in 0..LENGTH {
        y = y + 1.0;
    }
    let bytes = resident_bytes().saturating_sub(before);
    y.backward();
    assert_eq!(x.grad().expect("backward ran").item(), 1.0);
    bytes as f64 / LENGTH as f64
}

fn mlp_step() -> Box<dyn FnMut()> {
    let x = randn([100, 784], DType::F32);
    let t = labels(100, 10);
    let (w1, b1, w2, b2) = (
        weights(784, 1000),
        zeros(1000),
        weights(1000, 10),
        zeros(10),
    );
    Box::new(move || {
        let params = [&w1, &b1, &w2, &b2];
        clear_grads(&params);
        let h = functions::linear(&x, &w1, Some(&b1)).relu();
        let loss = functions::softmax_cross_entropy(functions::linear(&h, &w2, Some(&b2)), &t);
        loss.backward();
        sgd(&params, 0.01);
    })
}

fn matmul(dtype: DType) -> Box<dyn FnMut()> {
    let (a, b) = (randn([1024, 1024], dtype), randn([1024, 1024], dtype));
    Box::new(move || drop(a.matmul(&b)))
}

fn tanh_chain() -> Box<dyn FnMut()> {
    let x = Variable::new(randn([4_000_000], DType::F32));
    Box::new(move || {
        x.clear_grad();
        let y = (x.tanh() * 2.0 + 1.0).sum();
        y.backward();
    })
}

fn softmax_cross_entropy() -> Box<dyn FnMut()> {
    let x = Variable::new(randn([1024, 1000], DType::F32));
    let t = labels(1024, 1000);
    Box::new(move || {
        x.clear_grad();
        functions::softmax_cross_entropy(&x, &t).backward();
    })
}

fn conv2d() -> Box<dyn FnMut()> {
    let x = Variable::new(randn([16, 64, 56, 56], DType::F32));
    let w = Variable::new(randn([64, 64, 3, 3], DType::F32) * 0.05);
    let b = zeros(64);
    let gy = Variable::constant(randn([16, 64, 56, 56], DType::F32));
    let params = Conv2dParams {
        padding: (1, 1),
        ..Conv2dParams::default()
    };
    Box::new(move || {
        let y = functions::conv2d(&x, &w, Some(&b), params);
        drop(grad_with(&[&y], &[&x, &w, &b], Some(&[&gy]), false));
    })
}

fn vgg16_forward() -> Box<dyn FnMut()> {
    let x = Variable::constant(randn([1, 3, 224, 224], DType::F32));
    let model = Vgg16::new(1000);
    Box::new(move || drop(test_mode(|| no_grad(|| model.forward(&x)))))
}

fn resnet50_forward() -> Box<dyn FnMut()> {
    let x = Variable::constant(randn([1, 3, 224, 224], DType::F32));
    let model = ResNet::new(50, 1000);
    Box::new(move || drop(test_mode(|| no_grad(|| model.forward(&x)))))
}

fn resnet50_step() -> Box<dyn FnMut()> {
    let x = Variable::constant(randn([8, 3, 224, 224], DType::F32));
    let t = labels(8, 1000);
    let model = ResNet::new(50, 1000);
    let mut optimizer = Sgd::new(0.001).setup(&model);
    Box::new(move || {
        let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
    })
}

fn mnist_cnn_step() -> Box<dyn FnMut()> {
    let x = Variable::constant(randn([100, 1, 28, 28], DType::F32));
    let t = labels(100, 10);
    let model = (
        (Conv2d::new(32, 3).padding(1), Conv2d::new(64, 3).padding(1)),
        (Linear::new(128), Linear::new(10)),
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
    })
}

//! Small graphs, products, element-wise work and a convolution.

use burn::tensor::activation::{log_softmax, relu, sigmoid};
use burn::tensor::module::conv2d as convolve;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Gradients, Int, Tensor, TensorData};
use dezero_bench_harness::{UNIT, Work, fill, record, resident_bytes};

use crate::Outcome;

/// Where nothing is recorded.
pub fn plain() -> Device {
    Device::flex()
}

/// Where what needs gradients is recorded.
pub fn recording() -> Device {
    Device::flex().autodiff()
}

fn tensor<const D: usize>(numbers: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

pub fn data<const D: usize>(k: u32, shape: [usize; D], device: &Device) -> Tensor<D> {
    let numbers = fill(k, shape.iter().product(), UNIT).map(|x| x as f32);
    tensor(numbers.collect(), shape, device)
}

pub fn weight<const D: usize>(k: u32, shape: [usize; D], device: &Device) -> Tensor<D> {
    tensor(dezero_bench_harness::weight(k, &shape), shape, device)
}

pub fn zeros(n: usize, device: &Device) -> Tensor<1> {
    Tensor::zeros([n], device)
}

/// (n, 1).
pub fn labels(n: usize, classes: usize, device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(dezero_bench_harness::labels(n, classes), [n, 1]), device)
}

/// Of scores (n, classes) and labels (n, 1).
pub fn cross_entropy(y: Tensor<2>, t: &Tensor<2, Int>) -> Tensor<1> {
    log_softmax(y, 1).gather(1, t.clone()).mean().neg()
}

/// x W + b.
pub fn linear(x: Tensor<2>, w: &Tensor<2>, b: &Tensor<1>) -> Tensor<2> {
    burn::tensor::module::linear(x, w.clone(), Some(b.clone()))
}

/// A tensor that learns, and its two moments for Adam.
pub struct Learned<const D: usize> {
    pub value: Tensor<D>,
    moments: Option<(Tensor<D>, Tensor<D>)>,
}

impl<const D: usize> Learned<D> {
    /// On a device where nothing is recorded, a constant.
    pub fn new(value: Tensor<D>) -> Learned<D> {
        let value = if value.is_autodiff() { value.require_grad() } else { value };
        Learned { value, moments: None }
    }

    fn replace(&mut self, value: Tensor<D>) {
        self.value = Tensor::from_inner(value).require_grad();
    }

    pub fn sgd(&mut self, grads: &Gradients, lr: f64) {
        let gradient = self.value.grad(grads).expect("the loss depends on it");
        self.replace(self.value.clone().inner() - gradient * lr);
    }

    pub fn adam(&mut self, grads: &Gradients, t: i32) {
        let gradient = self.value.grad(grads).expect("the loss depends on it");
        let (m, v) = self.moments.take().unwrap_or_else(|| (gradient.zeros_like(), gradient.zeros_like()));
        let m = m * 0.9 + gradient.clone() * 0.1;
        let v = v * 0.999 + gradient.square() * 0.001;
        let scale = 1.0 - 0.999f64.powi(t);
        let step = m.clone() * (0.001 / (1.0 - 0.9f64.powi(t))) / ((v.clone() / scale).sqrt() + 1e-8);
        self.replace(self.value.clone().inner() - step);
        self.moments = Some((m, v));
    }
}

/// In float32, its usual type.
pub fn goldstein_price() -> Work<Outcome> {
    let x = Tensor::<1>::ones([1], &recording()).require_grad();
    let y = Tensor::<1>::ones([1], &recording()).require_grad();
    Box::new(move || {
        let [x1, y1] = [&x, &y];
        let (x, y) = (|| x1.clone(), || y1.clone());
        let a = (x() + y() + 1.0).square();
        let b = x() * -14.0 + x().square() * 3.0 - y() * 14.0 + x() * y() * 6.0 + y().square() * 3.0 + 19.0;
        let c = (x() * 2.0 - y() * 3.0).square();
        let d = x() * -32.0 + x().square() * 12.0 + y() * 48.0 - x() * y() * 36.0 + y().square() * 27.0 + 18.0;
        let z = (a * b + 1.0) * (c * d + 30.0);
        let grads = z.backward();
        [x1, y1].map(|x| Outcome::of(&x.grad(&grads).expect("z depends on it"))).into()
    })
}

pub fn rosenbrock() -> Work<Outcome> {
    let device = recording();
    let [mut x0, mut x1] = [0f32, 2.0].map(|x| Learned::new(tensor(vec![x], [1], &device)));
    Box::new(move || {
        let y = (x1.value.clone() - x0.value.clone().square()).square() * 100.0 + (x0.value.clone() - 1.0).square();
        let grads = y.backward();
        x0.sgd(&grads, 0.001);
        x1.sgd(&grads, 0.001);
        vec![Outcome::of(&x0.value), Outcome::of(&x1.value)]
    })
}

fn mlp([batch, inputs, hidden, classes]: [usize; 4], activation: fn(Tensor<2>) -> Tensor<2>, lr: f64) -> Work<Outcome> {
    let device = recording();
    let (x, t) = (data(100, [batch, inputs], &device), labels(batch, classes, &device));
    let mut w1 = Learned::new(weight(1, [inputs, hidden], &device));
    let mut w2 = Learned::new(weight(2, [hidden, classes], &device));
    let (mut b1, mut b2) = (Learned::new(zeros(hidden, &device)), Learned::new(zeros(classes, &device)));
    Box::new(move || {
        let h = activation(linear(x.clone(), &w1.value, &b1.value));
        let loss = cross_entropy(linear(h, &w2.value, &b2.value), &t);
        let grads = loss.backward();
        w1.sgd(&grads, lr);
        b1.sgd(&grads, lr);
        w2.sgd(&grads, lr);
        b2.sgd(&grads, lr);
        vec![Outcome::of(&loss)]
    })
}

pub fn spiral_step() -> Work<Outcome> {
    mlp([30, 2, 10, 3], sigmoid, 1.0)
}

pub fn mlp_step(batch: usize) -> Work<Outcome> {
    mlp([batch, 784, 1000, 10], relu, 0.01)
}

pub fn add_chain(length: usize) -> Work<Outcome> {
    let x = Tensor::<1>::ones([1], &recording()).require_grad();
    Box::new(move || {
        let before = resident_bytes();
        let mut y = x.clone();
        for _ in 0..length {
            y = y + 1.0;
        }
        record("bytes_per_node", resident_bytes().saturating_sub(before) as f64 / length as f64);
        let grads = y.backward();
        vec![Outcome::of(&y), Outcome::of(&x.grad(&grads).expect("y depends on it"))]
    })
}

pub fn matmul(size: usize, dtype: DType) -> Work<Outcome> {
    let [a, b] = [1, 2].map(|k| {
        let numbers: Vec<f64> = fill(k, size * size, UNIT).collect();
        let numbers = TensorData::new(numbers, [size, size]).convert_dtype(dtype);
        Tensor::<2>::from_data(numbers, (&plain(), dtype))
    });
    Box::new(move || vec![Outcome::of(&a.clone().matmul(b.clone()))])
}

pub fn tanh_chain() -> Work<Outcome> {
    let x = data(100, [4_000_000], &recording()).require_grad();
    Box::new(move || {
        let y = (x.clone().tanh() * 2.0 + 1.0).sum();
        let grads = y.backward();
        vec![Outcome::of(&y), Outcome::of(&x.grad(&grads).expect("y depends on it"))]
    })
}

/// GELU as a user writes it.
pub fn elementwise_chain(size: usize) -> Work<Outcome> {
    let x = data(100, [size], &recording()).require_grad();
    Box::new(move || {
        let cube = x.clone() * x.clone() * x.clone();
        let u = (x.clone() + cube * 0.044715) * 0.7978845608;
        let y = (x.clone() * 0.5 * (u.tanh() + 1.0)).sum();
        let grads = y.backward();
        vec![Outcome::of(&y), Outcome::of(&x.grad(&grads).expect("y depends on it"))]
    })
}

pub fn softmax_cross_entropy() -> Work<Outcome> {
    let device = recording();
    let (x, t) = (data(100, [1024, 1000], &device).require_grad(), labels(1024, 1000, &device));
    Box::new(move || {
        let loss = cross_entropy(x.clone(), &t);
        let grads = loss.backward();
        vec![Outcome::of(&loss), Outcome::of(&x.grad(&grads).expect("the loss depends on it"))]
    })
}

pub fn conv2d() -> Work<Outcome> {
    let device = recording();
    let x = data(100, [16, 64, 56, 56], &device).require_grad();
    let w = weight(1, [64, 64, 3, 3], &device).require_grad();
    let b = zeros(64, &device).require_grad();
    let gy = data(101, [16, 64, 56, 56], &device);
    Box::new(move || {
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        let y = convolve(x.clone(), w.clone(), Some(b.clone()), options);
        // A backward from a gradient is one from the sum of products with it.
        let grads = (y.clone() * gy.clone()).sum().backward();
        vec![
            Outcome::of(&y),
            Outcome::of(&x.grad(&grads).expect("y depends on it")),
            Outcome::of(&w.grad(&grads).expect("y depends on it")),
            Outcome::of(&b.grad(&grads).expect("y depends on it")),
        ]
    })
}

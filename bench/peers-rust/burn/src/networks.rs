//! Whole networks.

use burn::tensor::activation::relu;
use burn::tensor::module::{batch_norm, batch_norm_train, conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Gradients, Tensor};
use dezero_bench_harness::{Bottleneck, VGG16_LINEAR, Work, resnet50_blocks, vgg16_blocks};

use crate::Outcome;
use crate::workloads::{Learned, cross_entropy, data, labels, linear, plain, recording, weight, zeros};

fn conv(x: Tensor<4>, w: &Tensor<4>, b: Option<&Tensor<1>>, stride: usize, padding: usize) -> Tensor<4> {
    let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
    conv2d(x, w.clone(), b.cloned(), options)
}

fn max_pool(x: Tensor<4>, size: usize, stride: usize) -> Tensor<4> {
    let mut options = MaxPoolOptions::new([size; 2]);
    options.stride = [stride; 2];
    max_pool2d(x, options)
}

pub fn vgg16_forward() -> Work<Outcome> {
    let device = plain();
    let x = data(100, [1, 3, 224, 224], &device);
    let mut ks = 1..;
    let mut next = || ks.next().expect("there is no last number");
    let blocks: Vec<Vec<_>> = vgg16_blocks()
        .iter()
        .map(|shapes| shapes.iter().map(|&shape| (weight(next(), shape, &device), zeros(shape[0], &device))).collect())
        .collect();
    let [fc6, fc7, fc8] = VGG16_LINEAR.map(|shape| (weight(next(), shape, &device), zeros(shape[1], &device)));
    Box::new(move || {
        let mut x = x.clone();
        for block in &blocks {
            for (w, b) in block {
                x = relu(conv(x, w, Some(b), 1, 1));
            }
            x = max_pool(x, 2, 2);
        }
        let x = relu(linear(x.reshape([1, 25088]), &fc6.0, &fc6.1));
        let x = relu(linear(x, &fc7.0, &fc7.1));
        vec![Outcome::of(&linear(x, &fc8.0, &fc8.1))]
    })
}

/// A convolution and its batch norm.
struct Unit {
    w: Learned<4>,
    gamma: Learned<1>,
    beta: Learned<1>,
    stride: usize,
    padding: usize,
}

impl Unit {
    fn new(k: &mut u32, shape: [usize; 4], stride: usize, padding: usize, device: &Device) -> Unit {
        *k += 1;
        Unit {
            w: Learned::new(weight(*k, shape, device)),
            gamma: Learned::new(Tensor::ones([shape[0]], device)),
            beta: Learned::new(zeros(shape[0], device)),
            stride,
            padding,
        }
    }

    /// In testing the running mean is 0 and the variance 1.
    fn forward(&self, x: Tensor<4>, bias: Option<&Tensor<1>>, train: bool) -> Tensor<4> {
        let y = conv(x, &self.w.value, bias, self.stride, self.padding);
        let (gamma, beta) = (self.gamma.value.clone(), self.beta.value.clone());
        match train {
            true => batch_norm_train(y, gamma, beta, 2e-5).output,
            false => {
                let (mean, variance) = (beta.zeros_like(), gamma.ones_like());
                batch_norm(y, gamma, beta, mean, variance, 2e-5)
            }
        }
    }

    fn sgd(&mut self, grads: &Gradients, lr: f64) {
        self.w.sgd(grads, lr);
        self.gamma.sgd(grads, lr);
        self.beta.sgd(grads, lr);
    }
}

struct ResNet50 {
    stem: Unit,
    stem_bias: Learned<1>,
    blocks: Vec<([Unit; 3], Option<Unit>)>,
    w: Learned<2>,
    b: Learned<1>,
}

impl ResNet50 {
    fn new(device: &Device) -> ResNet50 {
        let mut k = 0;
        let mut unit = |out, channels, kernel, stride, padding| {
            Unit::new(&mut k, [out, channels, kernel, kernel], stride, padding, device)
        };
        let stem = unit(64, 3, 7, 2, 3);
        let blocks = resnet50_blocks()
            .into_iter()
            .map(|Bottleneck { channels, middle, stride, projected }| {
                let path = [
                    unit(middle, channels, 1, stride, 0),
                    unit(middle, middle, 3, 1, 1),
                    unit(4 * middle, middle, 1, 1, 0),
                ];
                (path, projected.then(|| unit(4 * middle, channels, 1, stride, 0)))
            })
            .collect();
        ResNet50 {
            stem,
            stem_bias: Learned::new(zeros(64, device)),
            blocks,
            w: Learned::new(weight(k + 1, [2048, 1000], device)),
            b: Learned::new(zeros(1000, device)),
        }
    }

    fn forward(&self, x: &Tensor<4>, train: bool) -> Tensor<2> {
        let x = self.stem.forward(x.clone(), Some(&self.stem_bias.value), train);
        let mut x = max_pool(relu(x), 3, 2);
        for ([first, second, third], shortcut) in &self.blocks {
            let y = relu(first.forward(x.clone(), None, train));
            let y = third.forward(relu(second.forward(y, None, train)), None, train);
            let x_or_projected = match shortcut {
                Some(shortcut) => shortcut.forward(x, None, train),
                None => x,
            };
            x = relu(y + x_or_projected);
        }
        let [n, channels, ..] = x.dims();
        let x = x.mean_dim(3).mean_dim(2).reshape([n, channels]);
        linear(x, &self.w.value, &self.b.value)
    }

    fn sgd(&mut self, grads: &Gradients, lr: f64) {
        self.stem.sgd(grads, lr);
        self.stem_bias.sgd(grads, lr);
        for (path, shortcut) in &mut self.blocks {
            path.iter_mut().chain(shortcut).for_each(|unit| unit.sgd(grads, lr));
        }
        self.w.sgd(grads, lr);
        self.b.sgd(grads, lr);
    }
}

pub fn resnet50_forward() -> Work<Outcome> {
    let (model, x) = (ResNet50::new(&plain()), data(100, [1, 3, 224, 224], &plain()));
    Box::new(move || vec![Outcome::of(&model.forward(&x, false))])
}

pub fn resnet50_step() -> Work<Outcome> {
    let device = recording();
    let (x, t) = (data(100, [8, 3, 224, 224], &device), labels(8, 1000, &device));
    let mut model = ResNet50::new(&device);
    Box::new(move || {
        let loss = cross_entropy(model.forward(&x, true), &t);
        model.sgd(&loss.backward(), 0.001);
        vec![Outcome::of(&loss)]
    })
}

pub fn mnist_cnn_step() -> Work<Outcome> {
    let device = recording();
    let (x, t) = (data(100, [100, 1, 28, 28], &device), labels(100, 10, &device));
    let mut w1 = Learned::new(weight(1, [32, 1, 3, 3], &device));
    let mut w2 = Learned::new(weight(2, [64, 32, 3, 3], &device));
    let mut w3 = Learned::new(weight(3, [3136, 128], &device));
    let mut w4 = Learned::new(weight(4, [128, 10], &device));
    let [mut b1, mut b2, mut b3, mut b4] = [32, 64, 128, 10].map(|n| Learned::new(zeros(n, &device)));
    let mut step = 0;
    Box::new(move || {
        let y = max_pool(relu(conv(x.clone(), &w1.value, Some(&b1.value), 1, 1)), 2, 2);
        let y = max_pool(relu(conv(y, &w2.value, Some(&b2.value), 1, 1)), 2, 2);
        let y = relu(linear(y.reshape([100, 3136]), &w3.value, &b3.value));
        let loss = cross_entropy(linear(y, &w4.value, &b4.value), &t);
        let grads = loss.backward();
        step += 1;
        w1.adam(&grads, step);
        w2.adam(&grads, step);
        w3.adam(&grads, step);
        w4.adam(&grads, step);
        for b in [&mut b1, &mut b2, &mut b3, &mut b4] {
            b.adam(&grads, step);
        }
        vec![Outcome::of(&loss)]
    })
}

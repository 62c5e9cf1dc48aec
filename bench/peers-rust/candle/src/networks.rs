//! Whole networks.

use candle_core::{Result, Tensor, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::{BatchNorm, ModuleT, Optimizer};
use dezero_bench_harness::{Bottleneck, VGG16_LINEAR, Work, resnet50_blocks, vgg16_blocks};

use crate::Outcome;
use crate::workloads::{CPU, adam, data, labels, linear, var, weight, work, zeros};

fn conv(x: &Tensor, w: &Var, b: &Var, stride: usize, padding: usize) -> Result<Tensor> {
    let y = x.conv2d(w, padding, stride, 1, 1)?;
    y.broadcast_add(&b.reshape((1, b.elem_count(), 1, 1))?)
}

pub fn vgg16_forward() -> Work<Outcome> {
    let x = data(100, &[1, 3, 224, 224]);
    let mut ks = 1..;
    let mut next = || ks.next().expect("there is no last number");
    let blocks: Vec<Vec<_>> = vgg16_blocks()
        .iter()
        .map(|shapes| shapes.iter().map(|shape| (weight(next(), shape), zeros(shape[0]))).collect())
        .collect();
    let layers = VGG16_LINEAR.map(|shape| (weight(next(), &shape), zeros(shape[1])));
    // Not variables: nothing is recorded.
    work(move || {
        let mut x = x.clone();
        for block in &blocks {
            for (w, b) in block {
                let y = x.conv2d(w, 1, 1, 1, 1)?;
                x = y.broadcast_add(&b.as_detached_tensor().reshape((1, b.elem_count(), 1, 1))?)?.relu()?;
            }
            x = x.max_pool2d(2)?;
        }
        x = x.reshape((1, 25088))?;
        for (i, (w, b)) in layers.iter().enumerate() {
            x = x.matmul(w)?.broadcast_add(&b.as_detached_tensor())?;
            if i < 2 {
                x = x.relu()?;
            }
        }
        Ok(vec![x])
    })
}

/// A convolution and its batch norm.
struct Unit {
    w: Tensor,
    norm: BatchNorm,
    stride: usize,
    padding: usize,
}

impl Unit {
    fn new(k: &mut u32, shape: [usize; 4], stride: usize, padding: usize) -> Unit {
        *k += 1;
        let out = shape[0];
        let ones = || Tensor::ones(out, candle_core::DType::F32, CPU).expect("a tensor");
        let zeros = || Tensor::zeros(out, candle_core::DType::F32, CPU).expect("a tensor");
        let norm = BatchNorm::new(out, zeros(), ones(), ones(), zeros(), 2e-5).expect("shapes agree");
        Unit { w: weight(*k, &shape), norm, stride, padding }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.norm.forward_t(&x.conv2d(&self.w, self.padding, self.stride, 1, 1)?, false)
    }
}

pub fn resnet50_forward() -> Work<Outcome> {
    let (x, mut k) = (data(100, &[1, 3, 224, 224]), 0);
    let stem = Unit::new(&mut k, [64, 3, 7, 7], 2, 3);
    let blocks: Vec<_> = resnet50_blocks()
        .into_iter()
        .map(|Bottleneck { channels, middle, stride, projected }| {
            let path = [
                Unit::new(&mut k, [middle, channels, 1, 1], stride, 0),
                Unit::new(&mut k, [middle, middle, 3, 3], 1, 1),
                Unit::new(&mut k, [4 * middle, middle, 1, 1], 1, 0),
            ];
            (path, projected.then(|| Unit::new(&mut k, [4 * middle, channels, 1, 1], stride, 0)))
        })
        .collect();
    let (w, b) = (weight(k + 1, &[2048, 1000]), Tensor::zeros(1000, candle_core::DType::F32, CPU).expect("a tensor"));
    work(move || {
        // The bias of the first convolution is zero and its addition nothing beside the rest.
        let mut x = stem.forward(&x)?.relu()?.max_pool2d_with_stride(3, 2)?;
        for ([first, second, third], shortcut) in &blocks {
            let y = first.forward(&x)?.relu()?;
            let y = third.forward(&second.forward(&y)?.relu()?)?;
            let x_or_projected = match shortcut {
                Some(shortcut) => shortcut.forward(&x)?,
                None => x,
            };
            x = (y + x_or_projected)?.relu()?;
        }
        let x = x.mean((2, 3))?;
        Ok(vec![x.matmul(&w)?.broadcast_add(&b)?])
    })
}

pub fn mnist_cnn_step() -> Work<Outcome> {
    let (x, t) = (data(100, &[100, 1, 28, 28]), labels(100, 10));
    let shapes: [&[usize]; 4] = [&[32, 1, 3, 3], &[64, 32, 3, 3], &[3136, 128], &[128, 10]];
    let [w1, w2, w3, w4] = [1, 2, 3, 4].map(|k| var(&weight(k, shapes[k as usize - 1])));
    let [b1, b2, b3, b4] = [32, 64, 128, 10].map(zeros);
    let mut optimizer = adam([&w1, &w2, &w3, &w4, &b1, &b2, &b3, &b4].map(Var::clone).to_vec());
    work(move || {
        let y = conv(&x, &w1, &b1, 1, 1)?.relu()?.max_pool2d(2)?;
        let y = conv(&y, &w2, &b2, 1, 1)?.relu()?.max_pool2d(2)?;
        let y = linear(&y.reshape((100, 3136))?, &w3, &b3)?.relu()?;
        let loss = cross_entropy(&linear(&y, &w4, &b4)?, &t)?;
        optimizer.backward_step(&loss)?;
        Ok(vec![loss])
    })
}

//! Small graphs, products, element-wise work and a convolution.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::{AdamW, Optimizer, ParamsAdamW, SGD, ops::sigmoid};
use dezero_bench_harness::{UNIT, Work, fill, record, resident_bytes};

use crate::Outcome;

pub const CPU: &Device = &Device::Cpu;

/// Work whose errors end the program.
pub fn work(mut run: impl FnMut() -> Result<Vec<Tensor>> + 'static) -> Work<Outcome> {
    Box::new(move || run().expect("candle computes it").into_iter().map(Outcome).collect())
}

pub fn data(k: u32, shape: &[usize]) -> Tensor {
    let numbers = fill(k, shape.iter().product(), UNIT).map(|x| x as f32);
    Tensor::from_vec(numbers.collect::<Vec<f32>>(), shape, CPU).expect("as many as the shape")
}

pub fn weight(k: u32, shape: &[usize]) -> Tensor {
    Tensor::from_vec(dezero_bench_harness::weight(k, shape), shape, CPU).expect("as many as the shape")
}

pub fn labels(n: usize, classes: usize) -> Tensor {
    Tensor::from_vec(dezero_bench_harness::labels(n, classes), n, CPU).expect("as many as the shape")
}

pub fn var(tensor: &Tensor) -> Var {
    Var::from_tensor(tensor).expect("a variable")
}

pub fn zeros(n: usize) -> Var {
    Var::zeros(n, DType::F32, CPU).expect("a variable")
}

/// x W + b.
pub fn linear(x: &Tensor, w: &Var, b: &Var) -> Result<Tensor> {
    x.matmul(w)?.broadcast_add(b)
}

/// Adam as everybody else has it.
pub fn adam(vars: Vec<Var>) -> AdamW {
    let params = ParamsAdamW { lr: 0.001, weight_decay: 0.0, ..ParamsAdamW::default() };
    AdamW::new(vars, params).expect("float variables")
}

pub fn goldstein_price(_: usize) -> Work<Outcome> {
    let [x, y] = [(); 2].map(|()| Var::new(1f64, CPU).expect("a variable"));
    work(move || {
        let (x, y) = (x.as_tensor(), y.as_tensor());
        let (x2, y2, xy) = (x.sqr()?, y.sqr()?, (x * y)?);
        let a = ((x + y)? + 1.0)?.sqr()?;
        let b = ((((19.0 - (14.0 * x)?)? + (3.0 * &x2)?)? - (14.0 * y)?)? + ((6.0 * &xy)? + (3.0 * &y2)?)?)?;
        let c = ((2.0 * x)? - (3.0 * y)?)?.sqr()?;
        let d = ((((18.0 - (32.0 * x)?)? + (12.0 * x2)?)? + (48.0 * y)?)? + ((27.0 * y2)? - (36.0 * xy)?)?)?;
        let z = ((1.0 + (a * b)?)? * (30.0 + (c * d)?)?)?;
        let grads = z.backward()?;
        Ok([x, y].into_iter().filter_map(|x| grads.get(x).cloned()).collect())
    })
}

pub fn rosenbrock(_: usize) -> Work<Outcome> {
    let [x0, x1] = [0f64, 2.0].map(|x| Var::new(x, CPU).expect("a variable"));
    let mut optimizer = SGD::new(vec![x0.clone(), x1.clone()], 0.001).expect("variables");
    work(move || {
        let y = ((100.0 * (x1.as_tensor() - x0.sqr()?)?.sqr()?)? + (x0.as_tensor() - 1.0)?.sqr()?)?;
        optimizer.step(&y.backward()?)?;
        // The variables themselves go on changing.
        Ok(vec![x0.copy()?, x1.copy()?])
    })
}

pub fn spiral_step(_: usize) -> Work<Outcome> {
    let (x, t) = (data(100, &[30, 2]), labels(30, 3));
    let (w1, b1, w2, b2) = (var(&weight(1, &[2, 10])), zeros(10), var(&weight(2, &[10, 3])), zeros(3));
    let mut optimizer = SGD::new(vec![w1.clone(), b1.clone(), w2.clone(), b2.clone()], 1.0).expect("variables");
    work(move || {
        let h = sigmoid(&linear(&x, &w1, &b1)?)?;
        let loss = cross_entropy(&linear(&h, &w2, &b2)?, &t)?;
        optimizer.backward_step(&loss)?;
        Ok(vec![loss])
    })
}

/// A step at a time, one product for the four gates.
pub fn lstm_update(_: usize) -> Work<Outcome> {
    let (xs, ts) = (data(100, &[30, 30, 1]), data(101, &[30, 30, 1]));
    let (wx, wh, b) = (var(&weight(1, &[1, 400])), var(&weight(2, &[100, 400])), zeros(400));
    let (w, out_b) = (var(&weight(3, &[100, 1])), zeros(1));
    let mut optimizer = adam(vec![wx.clone(), wh.clone(), b.clone(), w.clone(), out_b.clone()]);
    work(move || {
        let mut h = Tensor::zeros((30, 100), DType::F32, CPU)?;
        let mut c = h.clone();
        let mut loss = Tensor::zeros((), DType::F32, CPU)?;
        for t in 0..30 {
            let gates = (linear(&xs.get(t)?, &wx, &b)? + h.matmul(&wh)?)?.chunk(4, 1)?;
            let [i, f, g, o] = &gates[..] else { unreachable!("four parts") };
            c = ((sigmoid(f)? * &c)? + (sigmoid(i)? * g.tanh()?)?)?;
            h = (sigmoid(o)? * c.tanh()?)?;
            loss = (loss + (linear(&h, &w, &out_b)? - ts.get(t)?)?.sqr()?.mean_all()?)?;
        }
        optimizer.backward_step(&loss)?;
        Ok(vec![loss])
    })
}

pub fn add_chain(length: usize) -> Work<Outcome> {
    let x = Var::new(1f32, CPU).expect("a variable");
    work(move || {
        let before = resident_bytes();
        let mut y = x.as_tensor().clone();
        for _ in 0..length {
            y = (y + 1.0)?;
        }
        record("bytes_per_node", resident_bytes().saturating_sub(before) as f64 / length as f64);
        let grads = y.backward()?;
        let gx = grads.get(&x).expect("y depends on it").clone();
        Ok(vec![y, gx])
    })
}

pub fn mlp_step(batch: usize) -> Work<Outcome> {
    let (x, t) = (data(100, &[batch, 784]), labels(batch, 10));
    let (w1, b1) = (var(&weight(1, &[784, 1000])), zeros(1000));
    let (w2, b2) = (var(&weight(2, &[1000, 10])), zeros(10));
    let mut optimizer = SGD::new(vec![w1.clone(), b1.clone(), w2.clone(), b2.clone()], 0.01).expect("variables");
    work(move || {
        let h = linear(&x, &w1, &b1)?.relu()?;
        let loss = cross_entropy(&linear(&h, &w2, &b2)?, &t)?;
        optimizer.backward_step(&loss)?;
        Ok(vec![loss])
    })
}

pub fn matmul_f32(size: usize) -> Work<Outcome> {
    let [a, b] = [1, 2].map(|k| data(k, &[size, size]));
    work(move || Ok(vec![a.matmul(&b)?]))
}

pub fn matmul_f64(size: usize) -> Work<Outcome> {
    let [a, b] = [1, 2].map(|k| {
        let numbers: Vec<f64> = fill(k, size * size, UNIT).collect();
        Tensor::from_vec(numbers, (size, size), CPU).expect("as many as the shape")
    });
    work(move || Ok(vec![a.matmul(&b)?]))
}

pub fn tanh_chain(_: usize) -> Work<Outcome> {
    let x = var(&data(100, &[4_000_000]));
    work(move || {
        let y = ((x.tanh()? * 2.0)? + 1.0)?.sum_all()?;
        let gx = y.backward()?.get(&x).expect("y depends on it").clone();
        Ok(vec![y, gx])
    })
}

pub fn softmax_cross_entropy(_: usize) -> Work<Outcome> {
    let (x, t) = (var(&data(100, &[1024, 1000])), labels(1024, 1000));
    work(move || {
        let loss = cross_entropy(&x, &t)?;
        let gx = loss.backward()?.get(&x).expect("the loss depends on it").clone();
        Ok(vec![loss, gx])
    })
}

pub fn conv2d(_: usize) -> Work<Outcome> {
    let (x, w) = (var(&data(100, &[16, 64, 56, 56])), var(&weight(1, &[64, 64, 3, 3])));
    let (b, gy) = (zeros(64), data(101, &[16, 64, 56, 56]));
    work(move || {
        let y = x.conv2d(&w, 1, 1, 1, 1)?.broadcast_add(&b.reshape((1, 64, 1, 1))?)?;
        // A backward from a gradient is one from the sum of products with it.
        let grads = (&y * &gy)?.sum_all()?.backward()?;
        let grad = |v: &Var| grads.get(v).expect("y depends on it").clone();
        Ok(vec![y, grad(&x), grad(&w), grad(&b)])
    })
}

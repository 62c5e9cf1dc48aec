//! Small graphs, products, element-wise work and a convolution.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::rnn::{LSTMConfig, RNN};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, SGD, VarBuilder, ops::sigmoid};
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

pub fn goldstein_price() -> Work<Outcome> {
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

pub fn rosenbrock() -> Work<Outcome> {
    let [x0, x1] = [0f64, 2.0].map(|x| Var::new(x, CPU).expect("a variable"));
    let mut optimizer = SGD::new(vec![x0.clone(), x1.clone()], 0.001).expect("variables");
    work(move || {
        let y = ((100.0 * (x1.as_tensor() - x0.sqr()?)?.sqr()?)? + (x0.as_tensor() - 1.0)?.sqr()?)?;
        optimizer.step(&y.backward()?)?;
        // The variables themselves go on changing.
        Ok(vec![x0.copy()?, x1.copy()?])
    })
}

/// Tells candle to keep the graph of gradients, so that they can be differentiated again.
fn record_gradients() {
    // SAFETY: this thread alone reads the environment, at its first backward; those of the pool only compute.
    unsafe { std::env::set_var("CANDLE_GRAD_DO_NOT_DETACH", "1") };
}

/// dy / dx, of y or the sum of its elements.
fn gradient(y: &Tensor, x: &Tensor) -> Result<Tensor> {
    Ok(y.backward()?.get(x).expect("y depends on it").clone())
}

pub fn tanh_sixth_derivative() -> Work<Outcome> {
    record_gradients();
    let numbers: Vec<f64> = (0..200).map(|i| -7.0 + 14.0 * f64::from(i) / 199.0).collect();
    let x = Var::new(numbers, CPU).expect("a variable");
    work(move || {
        let mut y = x.tanh()?;
        for _ in 0..6 {
            y = gradient(&y, &x)?;
        }
        Ok(vec![y])
    })
}

pub fn wgan_gp_penalty() -> Work<Outcome> {
    record_gradients();
    let x = var(&data(100, &[64, 64]));
    let (w1, b1) = (var(&weight(1, &[64, 256])), zeros(256));
    let (w2, b2) = (var(&weight(2, &[256, 256])), zeros(256));
    let (w3, b3) = (var(&weight(3, &[256, 1])), zeros(1));
    work(move || {
        let h = linear(&x, &w1, &b1)?.tanh()?;
        let h = linear(&h, &w2, &b2)?.tanh()?;
        let gx = gradient(&linear(&h, &w3, &b3)?, &x)?;
        let penalty = (gx.sqr()?.sum(1)?.sqrt()? - 1.0)?.sqr()?.mean_all()?;
        let grads = penalty.backward()?;
        let grad = |v: &Var| grads.get(v).expect("the penalty depends on it").clone();
        Ok(vec![penalty.clone(), grad(&w1), grad(&w2)])
    })
}

pub fn spiral_step() -> Work<Outcome> {
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

/// The weights of an LSTM and of the linear layer behind it.
struct LstmParts {
    wx: Var,
    wh: Var,
    b: Var,
    w: Var,
    out_b: Var,
}

impl LstmParts {
    fn new() -> LstmParts {
        let [wx, wh, w] = [(1, [1, 400]), (2, [100, 400]), (3, [100, 1])].map(|(k, shape)| var(&weight(k, &shape)));
        LstmParts { wx, wh, b: zeros(400), w, out_b: zeros(1) }
    }

    fn adam(&self) -> AdamW {
        adam([&self.wx, &self.wh, &self.b, &self.w, &self.out_b].map(Var::clone).to_vec())
    }
}

/// A step at a time, one product for the four gates.
pub fn lstm_update() -> Work<Outcome> {
    let (xs, ts) = (data(100, &[30, 30, 1]), data(101, &[30, 30, 1]));
    let parts = LstmParts::new();
    let mut optimizer = parts.adam();
    work(move || {
        let mut h = Tensor::zeros((30, 100), DType::F32, CPU)?;
        let mut c = h.clone();
        let mut loss = Tensor::zeros((), DType::F32, CPU)?;
        for t in 0..30 {
            let gates = (linear(&xs.get(t)?, &parts.wx, &parts.b)? + h.matmul(&parts.wh)?)?.chunk(4, 1)?;
            let [i, f, g, o] = &gates[..] else { unreachable!("four parts") };
            c = ((sigmoid(f)? * &c)? + (sigmoid(i)? * g.tanh()?)?)?;
            h = (sigmoid(o)? * c.tanh()?)?;
            loss = (loss + (linear(&h, &parts.w, &parts.out_b)? - ts.get(t)?)?.sqr()?.mean_all()?)?;
        }
        optimizer.backward_step(&loss)?;
        Ok(vec![loss])
    })
}

/// candle's own layer, which takes (batch, time, feature) and weights (out, in).
pub fn lstm_sequence() -> Work<Outcome> {
    let [xs, ts] = [100, 101].map(|k| data(k, &[30, 30, 1]).transpose(0, 1).expect("three axes"));
    let mut parts = LstmParts::new();
    for w in [&mut parts.wx, &mut parts.wh] {
        *w = var(&w.t().and_then(|w| w.contiguous()).expect("a matrix"));
    }
    let named = [("weight_ih_l0", &parts.wx), ("weight_hh_l0", &parts.wh), ("bias_ih_l0", &parts.b)];
    let named = named.map(|(name, v)| (name.to_owned(), v.as_tensor().clone()));
    let config = LSTMConfig { b_hh_init: None, ..LSTMConfig::default() };
    let builder = VarBuilder::from_tensors(named.into(), DType::F32, CPU);
    let lstm = candle_nn::lstm(1, 100, config, builder).expect("names and shapes are its own");
    let mut optimizer = parts.adam();
    work(move || {
        let hs = lstm.states_to_tensor(&lstm.seq(&xs)?)?;
        let ys = linear(&hs.reshape((900, 100))?, &parts.w, &parts.out_b)?.reshape((30, 30, 1))?;
        // The mean squared error at each step, summed over the steps.
        let loss = ((ys - &ts)?.sqr()?.sum_all()? / 30.0)?;
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

pub fn tanh_chain() -> Work<Outcome> {
    let x = var(&data(100, &[4_000_000]));
    work(move || {
        let y = ((x.tanh()? * 2.0)? + 1.0)?.sum_all()?;
        let gx = y.backward()?.get(&x).expect("y depends on it").clone();
        Ok(vec![y, gx])
    })
}

/// GELU as a user writes it.
pub fn elementwise_chain(size: usize) -> Work<Outcome> {
    let x = var(&data(100, &[size]));
    work(move || {
        let cube = ((&*x * &*x)? * &*x)?;
        let u = ((&*x + (cube * 0.044715)?)? * 0.7978845608)?;
        let y = ((&*x * 0.5)? * (u.tanh()? + 1.0)?)?.sum_all()?;
        let gx = y.backward()?.get(&x).expect("y depends on it").clone();
        Ok(vec![y, gx])
    })
}

pub fn softmax_cross_entropy() -> Work<Outcome> {
    let (x, t) = (var(&data(100, &[1024, 1000])), labels(1024, 1000));
    work(move || {
        let loss = cross_entropy(&x, &t)?;
        let gx = loss.backward()?.get(&x).expect("the loss depends on it").clone();
        Ok(vec![loss, gx])
    })
}

pub fn conv2d() -> Work<Outcome> {
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

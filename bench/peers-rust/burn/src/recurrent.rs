//! The two ways to run an LSTM.

use burn::module::{Param, ParamId};
use burn::nn::{GateController, LstmConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Gradients, Tensor};
use dezero_bench_harness::Work;

use crate::Outcome;
use crate::workloads::{Learned, data, linear, recording, weight, zeros};

/// The weights of an LSTM and of the linear layer behind it, and the number of updates.
struct Parts {
    wx: Learned<2>,
    wh: Learned<2>,
    b: Learned<1>,
    w: Learned<2>,
    out_b: Learned<1>,
    step: i32,
}

impl Parts {
    fn new(device: &Device) -> Parts {
        Parts {
            wx: Learned::new(weight(1, [1, 400], device)),
            wh: Learned::new(weight(2, [100, 400], device)),
            b: Learned::new(zeros(400, device)),
            w: Learned::new(weight(3, [100, 1], device)),
            out_b: Learned::new(zeros(1, device)),
            step: 0,
        }
    }

    fn adam(&mut self, grads: &Gradients) {
        self.step += 1;
        self.wx.adam(grads, self.step);
        self.wh.adam(grads, self.step);
        self.b.adam(grads, self.step);
        self.w.adam(grads, self.step);
        self.out_b.adam(grads, self.step);
    }
}

/// A step at a time, one product for the four gates.
pub fn lstm_update() -> Work<Outcome> {
    let device = recording();
    let steps = |k| -> Vec<Tensor<2>> {
        let data: Tensor<3> = data(k, [30, 30, 1], &device);
        data.iter_dim(0).map(|x| x.squeeze_dim(0)).collect()
    };
    let (xs, ts) = (steps(100), steps(101));
    let mut parts = Parts::new(&device);
    Box::new(move || {
        let mut h = Tensor::<2>::zeros([30, 100], &device);
        let mut c = h.clone();
        let mut loss = Tensor::<1>::zeros([1], &device);
        for (x, t) in xs.iter().zip(&ts) {
            let gates = linear(x.clone(), &parts.wx.value, &parts.b.value) + h.matmul(parts.wh.value.clone());
            let [i, f, g, o] = gates.chunk(4, 1).try_into().expect("four parts");
            c = sigmoid(f) * c + sigmoid(i) * g.tanh();
            h = sigmoid(o) * c.clone().tanh();
            loss = loss + (linear(h.clone(), &parts.w.value, &parts.out_b.value) - t.clone()).square().mean();
        }
        parts.adam(&loss.backward());
        vec![Outcome::of(&loss)]
    })
}

/// burn's own layer, whose gates have weights of their own: here parts of those that learn.
pub fn lstm_sequence() -> Work<Outcome> {
    let device = recording();
    let (xs, ts) = (data(100, [30, 30, 1], &device), data(101, [30, 30, 1], &device));
    let mut parts = Parts::new(&device);
    let mut lstm = LstmConfig::new(1, 100, true).with_batch_first(false).init(&device);
    Box::new(move || {
        let give = |gate: &mut GateController, i: usize| {
            gate.input_transform.weight = param(parts.wx.value.clone().narrow(1, 100 * i, 100));
            gate.input_transform.bias = Some(param(parts.b.value.clone().narrow(0, 100 * i, 100)));
            gate.hidden_transform.weight = param(parts.wh.value.clone().narrow(1, 100 * i, 100));
            gate.hidden_transform.bias = None;
        };
        give(&mut lstm.input_gate, 0);
        give(lstm.forget_gate.as_mut().expect("it is not coupled"), 1);
        give(&mut lstm.cell_gate, 2);
        give(&mut lstm.output_gate, 3);
        let hs = lstm.forward(xs.clone(), None).0.reshape([900, 100]);
        let ys = linear(hs, &parts.w.value, &parts.out_b.value).reshape([30, 30, 1]);
        // The mean squared error at each step, summed over the steps.
        let loss = (ys - ts.clone()).square().sum() / 30.0;
        parts.adam(&loss.backward());
        vec![Outcome::of(&loss)]
    })
}

fn param<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), value)
}

//! The two-layer network of the first book (chapters 4 and 5): Affine, ReLU and softmax-with-loss,
//! each with a forward and a backward of its own, held against numerical gradients.

use dezero::data::{DataLoader, Dataset, Split, digits};
use dezero::{Array, DType, Variable, functions, numerical_grad, random};

/// x W + b.
struct Affine {
    w: Array,
    b: Array,
    x: Array,
    gw: Array,
    gb: Array,
}

impl Affine {
    fn new(input_size: usize, output_size: usize) -> Affine {
        let w = 0.1 * Array::randn([input_size, output_size]);
        let b = Array::zeros([output_size], DType::F64);
        let empty = || Array::zeros([0], DType::F64);
        Affine {
            w,
            b,
            x: empty(),
            gw: empty(),
            gb: empty(),
        }
    }

    fn forward(&mut self, x: &Array) -> Array {
        self.x = x.clone();
        x.matmul(&self.w) + &self.b
    }

    fn backward(&mut self, gout: &Array) -> Array {
        self.gw = self.x.transpose().matmul(gout);
        self.gb = gout.sum_axis(0, false);
        gout.matmul(&self.w.transpose())
    }
}

/// max(x, 0).
struct Relu {
    mask: Array,
}

impl Relu {
    fn new() -> Relu {
        Relu {
            mask: Array::zeros([0], DType::F64),
        }
    }

    fn forward(&mut self, x: &Array) -> Array {
        self.mask = x.greater(0.0).to_dtype(DType::F64);
        x * &self.mask
    }

    fn backward(&self, gout: &Array) -> Array {
        gout * &self.mask
    }
}

/// The mean of -log softmax(x)[t].
struct SoftmaxWithLoss {
    y: Array,
    t: Array,
}

impl SoftmaxWithLoss {
    fn new() -> SoftmaxWithLoss {
        let empty = || Array::zeros([0], DType::F64);
        SoftmaxWithLoss {
            y: empty(),
            t: empty(),
        }
    }

    fn forward(&mut self, x: &Array, t: &Array) -> f64 {
        let exp = (x - x.max_axis(1, true)).exp();
        self.y = &exp / exp.sum_axis(1, true);
        self.t = t.one_hot(x.shape()[1], DType::F64);
        -(self.y.log() * &self.t).sum().item() / x.len() as f64
    }

    /// Softmax and cross entropy together have a gradient that is simply prediction minus target.
    fn backward(&self) -> Array {
        (&self.y - &self.t) / self.y.len()
    }
}

struct TwoLayerNet {
    affine1: Affine,
    relu: Relu,
    affine2: Affine,
    last_layer: SoftmaxWithLoss,
}

impl TwoLayerNet {
    fn new(input_size: usize, hidden_size: usize, output_size: usize) -> TwoLayerNet {
        TwoLayerNet {
            affine1: Affine::new(input_size, hidden_size),
            relu: Relu::new(),
            affine2: Affine::new(hidden_size, output_size),
            last_layer: SoftmaxWithLoss::new(),
        }
    }

    fn predict(&mut self, x: &Array) -> Array {
        let x = self.affine1.forward(x);
        let x = self.relu.forward(&x);
        self.affine2.forward(&x)
    }

    fn loss(&mut self, x: &Array, t: &Array) -> f64 {
        let y = self.predict(x);
        self.last_layer.forward(&y, t)
    }

    /// Leaves the gradients in the affine layers.
    fn gradient(&mut self, x: &Array, t: &Array) -> f64 {
        let loss = self.loss(x, t);
        let gout = self.last_layer.backward();
        let gout = self.affine2.backward(&gout);
        let gout = self.relu.backward(&gout);
        self.affine1.backward(&gout);
        loss
    }

    fn accuracy(&mut self, x: &Array, t: &Array) -> f64 {
        let y = self.predict(x);
        y.argmax_axis(1, false).equal(t).mean().item()
    }

    fn params(&self) -> [(&'static str, &Array, &Array); 4] {
        let (l1, l2) = (&self.affine1, &self.affine2);
        [
            ("W1", &l1.w, &l1.gw),
            ("b1", &l1.b, &l1.gb),
            ("W2", &l2.w, &l2.gw),
            ("b2", &l2.b, &l2.gb),
        ]
    }
}

/// The same network as variables.
fn loss(params: &[Variable], x: &Array, t: &Array) -> Variable {
    let [w1, b1, w2, b2] = params else {
        unreachable!("four parameters")
    };
    let y = functions::linear(x, w1, Some(b1)).relu();
    functions::softmax_cross_entropy(functions::linear(&y, w2, Some(b2)), t)
}

fn main() {
    random::seed(0);
    let train = digits(Split::Train).flatten();
    let test = digits(Split::Test);
    let test_x = test.x().reshape([test.len(), 64]).to_dtype(DType::F64);
    let mut net = TwoLayerNet::new(64, 30, 10);

    let (x, t) = train.batch(&[0, 1, 2]);
    let x = x.to_dtype(DType::F64);
    net.gradient(&x, &t);

    let params = net.params().map(|(_, param, _)| param.clone());
    let variables = params.clone().map(Variable::new);
    loss(&variables, &x, &t).backward();
    println!("Mean difference of backpropagation by hand from");
    println!("      finite differences   Variable::backward");
    for (i, (name, _, by_hand)) in net.params().into_iter().enumerate() {
        let numerical = numerical_grad(|params| loss(params, &x, &t), &params, i, 1e-4);
        let automatic = variables[i].grad().unwrap().data();
        let difference = |gradient: &Array| (gradient - by_hand).abs().mean().item();
        println!(
            "  {name}  {:18.1e}   {:18.1e}",
            difference(&numerical),
            difference(&automatic)
        );
    }

    let lr = 0.1;
    let loader = DataLoader::new(train, 20).shuffle(true);
    for epoch in 1..=10 {
        let mut sum_loss = 0.0;
        for (x, t) in &loader {
            sum_loss += net.gradient(&x.to_dtype(DType::F64), &t) * t.len() as f64;
            for affine in [&mut net.affine1, &mut net.affine2] {
                affine.w -= lr * &affine.gw;
                affine.b -= lr * &affine.gb;
            }
        }
        let loss = sum_loss / loader.dataset().len() as f64;
        let accuracy = net.accuracy(&test_x, &test.t());
        println!("epoch {epoch:2}, loss {loss:.3}, accuracy on held-out images {accuracy:.3}");
    }
}

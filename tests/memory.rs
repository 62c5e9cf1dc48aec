//! Memory stays flat however long a program trains. One test alone in its process: it reads the
//! resident memory of the process.

use dezero::layers::Linear;
use dezero::optimizers::Adam;
use dezero::{Array, BackwardOptions, DType, Layer, Variable, functions, grad};

/// Resident bytes, where the system tells.
fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<usize>().ok()? * 4096)
}

/// Growth of the resident memory from step 100 to the last of `steps`.
fn growth(steps: usize, mut step: impl FnMut()) -> Option<usize> {
    (0..100).for_each(|_| step());
    let before = resident_bytes()?;
    (100..steps).for_each(|_| step());
    Some(resident_bytes()?.saturating_sub(before))
}

#[derive(Layer)]
struct Network {
    l1: Linear,
    l2: Linear,
}

impl Network {
    fn forward(&self, x: &Variable) -> Variable {
        self.l2.forward(self.l1.forward(x).tanh())
    }
}

#[test]
fn training_and_double_backprop_leave_no_memory_behind() {
    const MEGABYTE: usize = 1 << 20;
    let model = Network {
        l1: Linear::new(40),
        l2: Linear::new(3),
    };
    let mut optimizer = Adam::new(0.001).setup(&model);
    let x = Variable::constant(Array::randn([30, 20]).to_dtype(DType::F32));
    let t = Array::from_vec((0..30).map(|i| i % 3).collect::<Vec<i64>>(), [30]);
    let training = growth(10_000, || {
        let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
    });
    let Some(training) = training else {
        println!("SKIPPED: this system does not tell the resident memory of a process");
        return;
    };
    assert!(
        training <= MEGABYTE,
        "10,000 training steps grew the process by {training} bytes"
    );

    // The gradients' graphs reach back to the variables that hold them.
    let x = Variable::new(Array::randn([30, 20]).to_dtype(DType::F32));
    let double = growth(2_000, || {
        x.clear_grad();
        model.clear_grads();
        let y = model.forward(&x).sum();
        y.backward_with(BackwardOptions::new().create_graph(true).retain_grad(true));
        let gx = x.grad().expect("backward ran");
        let penalty = gx.pow(2).sum();
        let gw = grad(&[&penalty], &[&x], true).remove(0);
        x.set_grad(gw);
    })
    .expect("told before");
    assert!(
        double <= MEGABYTE,
        "create_graph in a loop grew the process by {double} bytes"
    );
}

//! `functions::checkpoint`: nothing of a block is kept, and the second computation repeats the first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use dezero::functions::{checkpoint, checkpoint_many};
use dezero::layers::{BatchNorm, Linear};
use dezero::{
    Array, Backward, DType, Function, Gradients, Keep, Layer, Outputs, Variable, apply, grad,
    random, test_mode,
};

/// Held by tests that draw: they share one generator.
static DRAWS: Mutex<()> = Mutex::new(());

/// The identity; tells how many of its kind are in a graph, and how many there were at most.
struct Counted(Arc<Counter>);

#[derive(Default)]
struct Counter {
    alive: AtomicUsize,
    most: AtomicUsize,
}

impl Counted {
    fn new(counter: &Arc<Counter>) -> Counted {
        let alive = counter.alive.fetch_add(1, Ordering::SeqCst) + 1;
        counter.most.fetch_max(alive, Ordering::SeqCst);
        Counted(counter.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Function for Counted {
    fn name(&self) -> &'static str {
        "counted"
    }
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [xs[0].clone()].into()
    }
    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::INPUTS
    }
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        context.gy(0).into()
    }
}

fn three_counted(x: &Variable, counter: &Arc<Counter>) -> Variable {
    let mut x = x.clone();
    for _ in 0..3 {
        x = apply(Counted::new(counter), &[&x.sin()]).remove(0);
    }
    x
}

#[test]
fn the_graph_keeps_one_block_at_a_time() {
    let gradient = |checkpoints: bool| {
        let counter = Arc::new(Counter::default());
        let x = Variable::new([0.3, 1.2]);
        let mut y = x.clone();
        for _ in 0..10 {
            let inside = counter.clone();
            y = match checkpoints {
                true => checkpoint(move |x| three_counted(x, &inside), &y),
                false => three_counted(&y, &inside),
            };
        }
        let after_forward = counter.alive.load(Ordering::SeqCst);
        y.backward();
        let most = counter.most.load(Ordering::SeqCst);
        (
            x.grad().unwrap().data().to_vec::<f64>(),
            after_forward,
            most,
        )
    };
    let (direct, kept, most) = gradient(false);
    assert_eq!((kept, most), (30, 30));
    assert_eq!(gradient(true), (direct, 0, 3));
}

#[test]
fn parameters_receive_the_gradients_of_any_order() {
    let _alone = DRAWS.lock();
    let gradients = |checkpoints: bool| {
        random::seed(5);
        let (l1, l2) = (Arc::new(Linear::new(5)), Arc::new(Linear::new(2)));
        let x = Variable::new(Array::randn([3, 4]).to_dtype(DType::F32));
        let h = l1.forward(&x).tanh();
        let block = l2.clone();
        // The block uses l1 once more.
        let (l1_too, x_too) = (l1.clone(), x.clone());
        let block =
            move |h: &Variable| block.forward(h).sigmoid() * l1_too.forward(&x_too).get((.., ..2));
        let y = match checkpoints {
            true => checkpoint(block, &h),
            false => block(&h),
        };
        let gx = grad(&[&y], &[&x], true).remove(0);
        let penalty = (&gx * &gx).sum() + &y.sum();
        penalty.backward();
        let mut all = vec![x.grad().unwrap().data().to_vec::<f32>()];
        for param in l1.params().iter().chain(&l2.params()) {
            all.push(param.grad().unwrap().data().to_vec::<f32>());
        }
        all
    };
    let (direct, checkpointed) = (gradients(false), gradients(true));
    assert_eq!(direct.len(), 5);
    for (direct, checkpointed) in direct.iter().zip(&checkpointed) {
        for (a, b) in direct.iter().zip(checkpointed) {
            assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{a} {b}");
        }
    }
}

#[test]
fn dropout_drops_the_same_elements_again() {
    let _alone = DRAWS.lock();
    random::with_default(|rng| rng.seed(7));
    let x = Variable::new(Array::ones([1000], DType::F64));
    let y = checkpoint(|x| x.dropout(0.5).dropout(0.3), &x);
    let next = random::with_default(|rng| rng.rand(3));
    y.backward();
    assert_eq!(
        x.grad().unwrap().data().to_vec::<f64>(),
        y.data().to_vec::<f64>()
    );
    // To the outside, the block drew once.
    random::with_default(|rng| rng.seed(7));
    x.dropout(0.5).dropout(0.3);
    assert_eq!(random::with_default(|rng| rng.rand(3)), next);
}

#[test]
fn the_first_call_of_a_layer_draws_what_the_second_computation_draws() {
    let _alone = DRAWS.lock();
    let layer = Arc::new(Linear::new(50));
    let block = layer.clone();
    let x = Variable::new(Array::ones([4, 3], DType::F32));
    let y = checkpoint(move |x| block.forward(x).exp().dropout(0.5), &x);
    y.backward();
    let (y, gb) = (y.data().sum_axis(0, false), layer.params()[1].grad());
    let difference = (gb.unwrap().data() - &y).abs().max().item();
    assert!(difference < 1e-4 * y.max().item(), "{difference}");
}

#[test]
fn running_statistics_move_once_and_the_mode_is_remembered() {
    let bn = Arc::new(BatchNorm::new());
    let x = Variable::new(Array::new([[1.0f32, 5.0], [3.0, 10.0], [4.0, 6.0]]));
    let block = bn.clone();
    let y = checkpoint(move |x| block.forward(x).square(), &x);
    let before = bn.avg_mean().data();
    y.backward();
    assert_eq!(bn.avg_mean().data(), before);
    assert!(before.all_finite());

    let gradient = |checkpoints: bool| {
        x.clear_grad();
        let block = bn.clone();
        let block = move |x: &Variable| block.forward(x).dropout(0.5).square();
        let y = test_mode(|| match checkpoints {
            true => checkpoint(block, &x),
            false => block(&x),
        });
        // No longer in test mode.
        y.backward();
        x.grad().unwrap().data().to_vec::<f32>()
    };
    assert_eq!(gradient(true), gradient(false));
}

#[test]
fn several_inputs_and_outputs_of_which_some_are_not_used() {
    let (x, y, c) = (
        Variable::new(2.0),
        Variable::new(3.0),
        Variable::constant(5.0),
    );
    let zs = checkpoint_many(
        |xs| vec![&xs[0] * &xs[2], &xs[1] * 7.0, xs[2].exp()],
        &[&x, &y, &c],
    );
    zs[0].backward();
    assert_eq!(x.grad().unwrap().item(), 5.0);
    assert_eq!(y.grad().map_or(0.0, |gy| gy.item()), 0.0);
    assert!(c.grad().is_none());
}

#[test]
fn a_long_chain_of_captures_drops_without_recursion() {
    let handle = std::thread::Builder::new().stack_size(256 << 10).spawn(|| {
        let x = Variable::new(1.0);
        let mut y = x.clone();
        for _ in 0..20_000 {
            let before = y.clone();
            y = checkpoint(move |x| x * 0.0 + &before, &x);
        }
        y.backward();
        assert_eq!(x.grad().unwrap().item(), 1.0);
    });
    handle.unwrap().join().unwrap();
}

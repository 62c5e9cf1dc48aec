//! Steps 17 and 18: what a graph keeps alive, and for how long.

use std::time::Instant;

use dezero::{Array, BackwardOptions, Variable, no_grad};

fn main() {
    // A function's edges lead to its inputs, and nothing leads forward: no cycles, so a graph is
    // freed when its last variable goes. Nobody holds x² here, and it is gone already, because
    // x² + x² did not need its value.
    let x = Variable::new(Array::randn([1000, 1000]));
    let y = x.square() + x.square();
    let add = y.creator().unwrap();
    let held = add
        .inputs()
        .iter()
        .filter(|input| input.variable.is_some())
        .count();
    println!(
        "{} has {} inputs, {held} of them still in memory",
        add.name(),
        add.inputs().len()
    );

    // Gradients stay at the leaves; those in between are dropped unless they are asked for.
    let (x0, x1) = (Variable::new(1.0), Variable::new(1.0));
    let t = &x0 + &x1;
    let y = &x0 + &t;
    y.backward();
    println!("gradients of y, t: {:?}, {:?}", y.grad(), t.grad());
    println!(
        "gradients of x0, x1: {:?}, {:?}",
        x0.grad().unwrap(),
        x1.grad().unwrap()
    );
    y.backward_with(BackwardOptions::new().retain_grad(true));
    println!(
        "with retain_grad, of y, t: {:?}, {:?}",
        y.grad().unwrap(),
        t.grad().unwrap()
    );

    // Without gradients there is no graph: each intermediate result is freed at once.
    let y = no_grad(|| x.square().square().square());
    println!(
        "under no_grad the creator is {:?}",
        y.creator().map(|creator| creator.name())
    );

    // A long chain is walked and freed without recursion.
    let n = 1_000_000;
    let start = Instant::now();
    let x = Variable::new(1.0);
    let mut y = x.clone();
    for _ in 0..n {
        y = y + 1.0;
    }
    y.backward();
    let gx = x.grad().unwrap();
    drop(y);
    println!(
        "{n} additions: gradient {gx}, built, differentiated and freed in {:.2?}",
        start.elapsed()
    );
}

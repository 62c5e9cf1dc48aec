//! Step 54: dropout, in training and in tests.

use dezero::{Array, DType, Variable, random, test_mode};

fn main() {
    random::seed(0);
    let x = Variable::new(Array::ones([5], DType::F64));
    println!("x                {x}");

    // Each element is kept with probability 1/2, and then doubled: the expected value stays.
    let y = x.dropout(0.5);
    println!("when training    {y}");

    // The gradient goes where the values went.
    y.backward();
    println!("its gradient     {}", x.grad().unwrap());

    let y = test_mode(|| x.dropout(0.5));
    println!("when testing     {y}");

    let x = Variable::new(Array::ones([1_000_000], DType::F32));
    println!(
        "mean of 1,000,000 ones after dropout: {:.3}",
        x.dropout(0.5).mean().item()
    );
}

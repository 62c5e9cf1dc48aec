//! Steps 5 to 9: the chain rule, first by hand, then by `backward`.

use dezero::Variable;

fn main() {
    // y = (exp(x²))², from the inside out …
    let x: f64 = 0.5;
    let a = x * x;
    let b = a.exp();
    let y = b * b;

    // … and its derivative from the outside in.
    let gy = 1.0;
    let gb = 2.0 * b * gy;
    let ga = b * gb;
    let gx = 2.0 * x * ga;
    println!("by hand:     y {y}, dy/dx {gx}");

    // A variable remembers how it was computed, and goes the same way back by itself.
    let x = Variable::new(0.5);
    let y = x.square().exp().square();
    y.backward();
    println!(
        "by backward: y {}, dy/dx {}",
        y.item(),
        x.grad().unwrap().item()
    );
}

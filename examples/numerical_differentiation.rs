//! Step 4: numerical differentiation, what every gradient of this library is held against.

use dezero::Variable;

/// The central difference (f(x + eps) - f(x - eps)) / (2 eps).
fn numerical_diff(f: impl Fn(&Variable) -> Variable, x: f64, eps: f64) -> f64 {
    let y0 = f(&Variable::new(x - eps)).item();
    let y1 = f(&Variable::new(x + eps)).item();
    (y1 - y0) / (2.0 * eps)
}

fn main() {
    println!(
        "x² at 2:           {}",
        numerical_diff(Variable::square, 2.0, 1e-4)
    );

    let f = |x: &Variable| x.square().exp().square();
    println!("(exp(x²))² at 0.5: {}", numerical_diff(f, 0.5, 1e-4));
}

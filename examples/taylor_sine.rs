//! Step 27: the sine from its Taylor series, differentiated through the loop.

use std::f64::consts::PI;

use dezero::Variable;

/// Σ (-1)ⁱ x²ⁱ⁺¹ / (2i + 1)!, up to the first term below the threshold.
fn my_sin(x: &Variable, threshold: f64) -> Variable {
    let mut y = Variable::constant(0.0);
    let mut factorial = 1.0;
    for i in 0..100_000 {
        let c = (-1f64).powi(i) / factorial;
        let t = c * x.pow(2 * i + 1);
        y = y + &t;
        if t.item().abs() < threshold {
            break;
        }
        factorial *= f64::from((2 * i + 2) * (2 * i + 3));
    }
    y
}

fn main() {
    let x = Variable::new(PI / 4.0);
    let y = x.sin();
    y.backward();
    println!(
        "sin:          value {}, gradient {}",
        y.item(),
        x.grad().unwrap().item()
    );

    for threshold in [1e-4, 1e-150] {
        let x = Variable::new(PI / 4.0);
        let y = my_sin(&x, threshold);
        y.backward();
        println!(
            "terms ≥ {threshold:e}: value {}, gradient {} ({} functions deep)",
            y.item(),
            x.grad().unwrap().item(),
            y.generation()
        );
    }
}

//! Step 34: the sine and its derivatives, each differentiated from the one before.

use dezero::{Array, Variable, grad};

fn main() {
    let x = Variable::new(Array::linspace(-7.0, 7.0, 200));
    let mut derivatives = vec![x.sin()];
    for order in 0..4 {
        // The gradient of the sum of all elements: each element depends on its own x only.
        let gx = grad(&[&derivatives[order]], &[&x], true).remove(0);
        derivatives.push(gx);
    }

    println!(
        "{:>6}  {:>9} {:>9} {:>9} {:>9} {:>9}",
        "x", "y", "y'", "y''", "y'''", "y''''"
    );
    let x = x.data().to_vec::<f64>();
    let rows: Vec<Vec<f64>> = derivatives.iter().map(|y| y.data().to_vec()).collect();
    for i in (0..200).step_by(20).chain([199]) {
        print!("{:6.2} ", x[i]);
        rows.iter().for_each(|y| print!(" {:9.6}", y[i]));
        println!();
    }

    let exact: [fn(f64) -> f64; 5] = [f64::sin, f64::cos, |x| -x.sin(), |x| -x.cos(), f64::sin];
    for (order, (y, exact)) in rows.iter().zip(exact).enumerate() {
        let errors = y.iter().zip(&x).map(|(y, x)| (y - exact(*x)).abs());
        println!(
            "order {order}: largest error {:.1e}",
            errors.fold(0.0, f64::max)
        );
    }
}

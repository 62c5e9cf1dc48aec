//! Step 36: double backprop, a gradient that another computation goes on with.

use dezero::{Variable, grad};

fn main() {
    let x = Variable::new(2.0);
    let y = x.pow(2);
    let gx = grad(&[&y], &[&x], true).remove(0);

    // z = (2x)³ + x², so z' = 24x² + 2x.
    let z = gx.pow(3) + y;
    z.backward();
    println!("{}", x.grad().unwrap());
}

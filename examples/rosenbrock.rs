//! Step 28: the minimum of the Rosenbrock function by gradient descent.

use dezero::Variable;

fn rosenbrock(x0: &Variable, x1: &Variable) -> Variable {
    100.0 * (x1 - x0.pow(2)).pow(2) + (x0 - 1.0).pow(2)
}

fn main() {
    let x0 = Variable::new(0.0);
    let x1 = Variable::new(2.0);
    let lr = 0.001;
    let iters = 1000;

    for i in 0..iters {
        if i % 100 == 0 || i == iters - 1 {
            println!("{i:3} {x0} {x1}");
        }

        let y = rosenbrock(&x0, &x1);
        x0.clear_grad();
        x1.clear_grad();
        y.backward();
        if i == 0 {
            println!("    gradient {} {}", x0.grad().unwrap(), x1.grad().unwrap());
        }

        for x in [&x0, &x1] {
            x.set_data(x.data() - lr * x.grad().unwrap().data());
        }
    }
    println!("The minimum is at (1, 1), at the end of a flat curved valley.");
}

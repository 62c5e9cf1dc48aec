//! Steps 29 and 33: Newton's method, the second derivative by hand, then found automatically.

use dezero::{Variable, grad};

fn f(x: &Variable) -> Variable {
    x.pow(4) - 2.0 * x.pow(2)
}

fn main() {
    println!("f''(x) = 12x² - 4 written down:");
    let x = Variable::new(2.0);
    for i in 0..10 {
        println!("{i} {x}");
        x.clear_grad();
        f(&x).backward();
        let gx = x.grad().unwrap().item();
        let gx2 = 12.0 * x.item() * x.item() - 4.0;
        x.set_data(x.item() - gx / gx2);
    }

    println!("f''(x) as the derivative of the derivative:");
    let x = Variable::new(2.0);
    for i in 0..10 {
        println!("{i} {x}");
        let gx = grad(&[&f(&x)], &[&x], true).remove(0);
        let gx2 = grad(&[&gx], &[&x], false).remove(0);
        x.set_data(x.data() - gx.data() / gx2.data());
    }
}

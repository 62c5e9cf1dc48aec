//! Steps 13 to 16: variables that are used more than once, and graphs that branch and join.

use dezero::Variable;

fn main() {
    let x = Variable::new(3.0);
    let y = &x + &x;
    y.backward();
    println!("y = x + x at 3:      gradient {}", x.grad().unwrap());

    // Gradients of a second computation add to those of the first, until they are cleared.
    x.clear_grad();
    let y = &x + &x + &x;
    y.backward();
    println!("y = x + x + x at 3:  gradient {}", x.grad().unwrap());

    // Two paths lead back to `a`: both must have arrived before it hands its gradient on. The
    // generation orders them.
    let x = Variable::new(2.0);
    let a = x.square();
    let y = a.square() + a.square();
    y.backward();
    println!(
        "a = x², y = a² + a² at 2: y {y}, gradient {}",
        x.grad().unwrap()
    );
    println!(
        "generations: x {}, a {}, y {}",
        x.generation(),
        a.generation(),
        y.generation()
    );
}

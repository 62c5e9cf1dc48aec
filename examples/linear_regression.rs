//! Step 42: linear regression.

use dezero::{Array, DType, Variable, functions, random};

fn main() {
    random::seed(0);
    let x = Array::rand([100, 1]);
    let y = 5.0 + 2.0 * &x + Array::rand([100, 1]);

    let w = Variable::new(Array::zeros([1, 1], DType::F64));
    let b = Variable::new(Array::zeros([1], DType::F64));
    let predict = |x: &Array| functions::linear(x, &w, Some(&b));

    let lr = 0.1;
    let iters = 100;
    for i in 0..iters {
        let loss = functions::mean_squared_error(predict(&x), &y);

        w.clear_grad();
        b.clear_grad();
        loss.backward();

        for param in [&w, &b] {
            param.set_data(param.data() - lr * param.grad().unwrap().data());
        }
        if i % 10 == 9 {
            println!("{w} {b} {loss}");
        }
    }
    println!("The last digit of the loss depends on the order of a sum of 100 squares.");
}

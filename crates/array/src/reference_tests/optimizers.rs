//! The steps of optimizers.

use super::{Random, assert_near, list};
use crate::{Array, DType};

#[test]
fn optimizer_steps() {
    let mut random = Random(17);
    for size in [1, 7, 600, 200_000] {
        for dtype in [DType::F32, DType::F64] {
            let numbers = |random: &mut Random| random.array(&[size], dtype).copy();
            let (x, g) = (numbers(&mut random), numbers(&mut random));
            let (m, v) = (numbers(&mut random), numbers(&mut random).square());
            let near = |found: &Array, expected: &Array, what: &str| {
                assert_eq!(found.dtype(), dtype, "{what}");
                assert_near(found, &list(expected), 1e-5, what);
            };
            for shared in [false, true] {
                let (x0, m0, v0) = (x.copy(), m.copy(), v.copy());
                let hold = shared.then(|| (x0.clone(), m0.clone()));
                let (mut x1, mut m1, mut v1) = (x0, m0, v0);
                x1.sgd_step(&g, 0.1);
                near(&x1, &(&x - &(&g * 0.1)), "sgd");
                let before = x1.copy();
                x1.momentum_step(&g, &mut m1, 0.1, 0.9, false);
                let m2 = &m * 0.9 + &g;
                near(&m1, &m2, "velocity");
                near(&x1, &(&before - &(&m2 * 0.1)), "momentum");
                let before = x1.copy();
                x1.momentum_step(&g, &mut m1, 0.1, 0.9, true);
                let m3 = &m2 * 0.9 + &g;
                let ahead = &g + &(&m3 * 0.9);
                near(&x1, &(&before - &(ahead * 0.1)), "nesterov");
                let before = x1.copy();
                let v2 = &v + &g.square();
                x1.adagrad_step(&g, &mut v1, 0.1, 0.5);
                near(&v1, &v2, "adagrad state");
                near(&x1, &(&before - &(&g * 0.1 / (v2.sqrt() + 0.5))), "adagrad");
                let before = x1.copy();
                let v3 = &v2 * 0.9 + &(g.square() * 0.1);
                x1.rmsprop_step(&g, &mut v1, 0.1, 0.9, 0.5);
                near(&x1, &(&before - &(&g * 0.1 / (v3.sqrt() + 0.5))), "rmsprop");
                let before = x1.copy();
                let mut u = Array::zeros([size], dtype);
                x1.adadelta_step(&g, &mut v1, &mut u, 1.0, 0.9, 0.5);
                let v4 = &v3 * 0.9 + &(g.square() * 0.1);
                let d = (0.5 / (&v4 + 0.5)).sqrt() * &g;
                near(&u, &(d.square() * 0.1), "adadelta state");
                near(&x1, &(&before - &d), "adadelta");
                let before = x1.copy();
                let step = crate::AdamStep {
                    step_size: 0.1,
                    beta1: 0.9,
                    beta2: 0.8,
                    epsilon: 0.5,
                    root_correction: 0.5,
                    decay: 0.99,
                };
                x1.adam_step(&g, &mut m1, &mut v1, step);
                let m4 = &m3 * 0.9 + &(&g * 0.1);
                let v5 = &v4 * 0.8 + &(g.square() * 0.2);
                near(&m1, &m4, "adam first moment");
                near(&v1, &v5, "adam second moment");
                let root = v5.sqrt() / 0.5 + 0.5;
                near(&x1, &(&before * 0.99 - &(m4 * 0.1 / root)), "adam");
                if let Some((x0, m0)) = hold {
                    assert_near(&x0, &list(&x), 0.0, "a clone of the parameter");
                    assert_near(&m0, &list(&m), 0.0, "a clone of the state");
                }
            }
        }
    }
}

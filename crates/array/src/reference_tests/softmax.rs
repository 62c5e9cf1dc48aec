//! The softmax family.

use super::{Random, assert_near, at, indices, list, message_of};
use crate::{Array, DType};

#[test]
fn softmax_family() {
    let mut random = Random(41);
    for shape in [
        &[4][..],
        &[3, 5],
        &[2, 3, 4],
        &[40, 1000],
        &[1, 3000],
        &[7, 1],
        &[0, 3],
    ] {
        for axis in 0..shape.len() {
            for dtype in [DType::F32, DType::F64] {
                let x = random.array(shape, dtype) * 20.0;
                let gy = random.array(shape, dtype);
                let wide = x.to_dtype(DType::F64);
                let axis = axis as isize;
                let e = (&wide - wide.max_axis_or(axis)).exp();
                let y = &e / &e.sum_axis(axis, true);
                let near = |found: &Array, expected: &Array, what: &str| {
                    assert_eq!(found.dtype(), dtype);
                    assert_eq!(found.shape(), expected.shape());
                    assert_near(found, &list(expected), 1e-4, what);
                };
                near(&x.softmax(axis), &y, "softmax");
                let log = &wide - &wide.exp().sum_axis(axis, true).log();
                near(&x.log_softmax(axis), &log, "log_softmax");
                near(
                    &x.logsumexp(axis, true),
                    &wide.exp().sum_axis(axis, true).log(),
                    "logsumexp",
                );
                near(
                    &x.logsumexp((), false),
                    &wide.exp().sum().log(),
                    "logsumexp of all",
                );
                let y = y.to_dtype(dtype);
                let expected = &y * &(&gy - &(&gy * &y).sum_axis(axis, true));
                near(&y.softmax_grad(&gy, axis), &expected, "softmax_grad");
                let expected = &gy - &(y.log().exp() * gy.sum_axis(axis, true));
                near(
                    &y.log().log_softmax_grad(&gy, axis),
                    &expected,
                    "log_softmax_grad",
                );
            }
        }
    }
}

trait MaxOr {
    fn max_axis_or(&self, axis: isize) -> Array;
}

impl MaxOr for Array {
    /// The largest elements, or what there is where there are none.
    fn max_axis_or(&self, axis: isize) -> Array {
        if self.size() == 0 {
            self.clone()
        } else {
            self.max_axis(axis, true)
        }
    }
}

#[test]
fn softmax_cross_entropy_and_its_gradient() {
    let mut random = Random(3);
    for (n, classes) in [(1, 2), (5, 3), (30, 10), (100, 700), (3, 5000)] {
        for dtype in [DType::F32, DType::F64] {
            let x = random.array(&[n, classes], dtype) * 5.0;
            let labels: Vec<i64> = (0..n).map(|_| random.below(classes) as i64).collect();
            let t = Array::from_vec(labels.clone(), [n]);
            let log = x.to_dtype(DType::F64).log_softmax(1);
            let picked = labels.iter().enumerate();
            let expected = -picked
                .map(|(i, &l)| at(&log, &[i, l as usize]))
                .sum::<f64>()
                / n as f64;
            let (loss, y) = x.softmax_cross_entropy(&t);
            assert_near(&loss, &[expected], 1e-5, "loss");
            let gx = y.softmax_cross_entropy_grad(&t, &Array::scalar(3.0));
            assert_eq!((gx.dtype(), gx.shape()), (dtype, x.shape()));
            let expected: Vec<f64> = indices(&[n, classes])
                .map(|i| {
                    let hit = f64::from(labels[i[0]] == i[1] as i64);
                    (at(&log, &i).exp() - hit) * 3.0 / n as f64
                })
                .collect();
            assert_near(&gx, &expected, 1e-6, "gradient");
        }
    }
    let x = Array::zeros([2, 3], DType::F32);
    let message = message_of(|| drop(x.softmax_cross_entropy(&Array::new([0, 3]))));
    assert_eq!(
        message,
        "softmax_cross_entropy: label 3 is not one of 3 classes"
    );
}

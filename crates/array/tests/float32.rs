//! Convolutions and pooling of float32, whose kernels differ from those of float64, at the sizes of real
//! networks.

use dezero_array::{Array, Conv2dParams, DType, Pool2dParams};

fn array(shape: &[usize], seed: u64) -> Array {
    let mut random = dezero_array::random::RandomState::new(seed);
    Array::randn_by(&mut random, shape).to_dtype(DType::F32)
}

#[track_caller]
fn assert_close(found: &Array, expected: &Array, what: &str) {
    assert_eq!(found.shape(), expected.shape());
    let (found, expected) = (
        found.to_dtype(DType::F64).to_vec::<f64>(),
        expected.to_vec::<f64>(),
    );
    let largest = expected
        .iter()
        .fold(0.0f64, |largest, x| largest.max(x.abs()));
    let off = found
        .iter()
        .zip(&expected)
        .fold(0.0f64, |off, (a, b)| off.max((a - b).abs()));
    assert!(
        off <= 1e-4 * largest,
        "{what}: off by {off}, where the largest is {largest}"
    );
}

/// Images, channels, rows and columns; filters, kernel, stride, padding.
#[test]
fn convolutions_agree_with_those_of_float64() {
    for (x, (o, kernel, stride, padding)) in [
        ([1, 3, 227, 227], (96, 7, 2, 0)),
        ([1, 96, 55, 55], (16, 1, 1, 0)),
        ([1, 16, 55, 55], (64, 3, 1, 1)),
        ([1, 32, 27, 27], (128, 3, 1, 1)),
        ([1, 48, 27, 27], (192, 3, 1, 1)),
        ([1, 64, 13, 13], (256, 3, 1, 1)),
        ([2, 64, 12, 16], (64, 3, 1, 1)),
        ([3, 20, 17, 19], (33, 3, 1, 0)),
        ([2, 64, 12, 16], (128, 3, 2, 1)),
        ([1, 512, 13, 13], (100, 1, 1, 0)),
    ] {
        let params = Conv2dParams {
            stride: (stride, stride),
            padding: (padding, padding),
            ..Default::default()
        };
        let what = format!("{x:?} by {o} filters of {kernel}");
        let w = array(&[o, x[1], kernel, kernel], 2);
        let (image, x) = ((x[2], x[3]), array(&x, 1));
        let [x64, w64] = [&x, &w].map(|x| x.to_dtype(DType::F64));
        let y = x64.conv2d(&w64, None, &params);
        assert_close(&x.conv2d(&w, None, &params), &y, &what);
        let gy = array(y.shape(), 3);
        let gy64 = gy.to_dtype(DType::F64);
        let gx = gy64.conv2d_input_grad(&w64, image, &params);
        assert_close(
            &gy.conv2d_input_grad(&w, image, &params),
            &gx,
            &format!("gx of {what}"),
        );
        let gw = x64.conv2d_weight_grad(&gy64, (kernel, kernel), &params);
        assert_close(
            &x.conv2d_weight_grad(&gy, (kernel, kernel), &params),
            &gw,
            &format!("gw of {what}"),
        );
    }
}

#[test]
fn pooling_agrees_with_that_of_float64() {
    for (x, kernel, stride, padding) in [
        ([1, 8, 111, 111], 3, 2, 0),
        ([1, 8, 55, 55], 3, 2, 0),
        ([1, 8, 27, 27], 3, 2, 0),
        ([2, 5, 56, 57], 3, 2, 1),
        ([2, 5, 56, 57], 2, 2, 0),
        ([2, 5, 33, 31], 3, 1, 1),
        ([2, 5, 33, 70], 2, 3, 0),
    ] {
        let params = Pool2dParams {
            stride: (stride, stride),
            padding: (padding, padding),
            ..Pool2dParams::new((kernel, kernel))
        };
        let what = format!("{x:?} in windows of {kernel}");
        let x = array(&x, 1);
        let x64 = x.to_dtype(DType::F64);
        let (y, at) = x.max_pool2d(&params);
        let (y64, at64) = x64.max_pool2d(&params);
        assert_close(&y, &y64, &format!("maxima of {what}"));
        assert_eq!(
            at.to_vec::<i64>(),
            at64.to_vec::<i64>(),
            "positions of {what}"
        );
        let mean = x64.avg_pool2d(&params, true);
        assert_close(
            &x.avg_pool2d(&params, true),
            &mean,
            &format!("means of {what}"),
        );
    }
}

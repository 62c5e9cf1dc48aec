//! Pooling against numbers worked out by its definition.

use dezero_array::{Array, DType, Pool2dParams};

fn image(shape: [usize; 4]) -> Array {
    let size: usize = shape.iter().product();
    let values = (0..size).map(|i| ((i * 37 + 11) % 23) as f64 - 9.0);
    Array::from_vec(values.collect(), shape)
}

fn cases() -> Vec<(Pool2dParams, (usize, usize))> {
    let params = |kernel, stride, padding, dilation| Pool2dParams {
        kernel,
        stride,
        padding,
        dilation,
    };
    vec![
        (Pool2dParams::new((2, 2)), (6, 8)),
        (Pool2dParams::new((2, 2)), (5, 7)),
        // Around the numbers of windows that are compared together, at each stride.
        (params((3, 3), (1, 1), (1, 1), (1, 1)), (5, 19)),
        (params((3, 3), (1, 1), (0, 0), (1, 1)), (4, 7)),
        (params((3, 3), (2, 2), (1, 1), (1, 1)), (9, 37)),
        (params((3, 3), (3, 3), (1, 1), (1, 1)), (9, 40)),
        (Pool2dParams::new((2, 2)), (2, 2)),
        (Pool2dParams::new((2, 2)), (4, 14)),
        (Pool2dParams::new((2, 2)), (4, 16)),
        (Pool2dParams::new((2, 2)), (3, 23)),
        (Pool2dParams::new((2, 2)), (2, 36)),
        (params((2, 2), (1, 2), (1, 1), (1, 1)), (6, 9)),
        (params((3, 2), (1, 2), (1, 1), (1, 1)), (5, 7)),
        (params((3, 3), (2, 2), (1, 1), (1, 1)), (8, 9)),
        (params((2, 3), (2, 1), (1, 2), (2, 2)), (6, 7)),
        (params((1, 4), (3, 3), (0, 2), (1, 1)), (4, 9)),
    ]
}

/// Calls `f(plane, window, pixel)` for each pixel of each window; `None` is padding.
fn for_each_pixel(
    p: &Pool2dParams,
    (h, w): (usize, usize),
    mut f: impl FnMut(usize, Option<usize>),
) {
    let (oh, ow) = p.output_size((h, w));
    for (row, column) in (0..oh).flat_map(|i| (0..ow).map(move |j| (i, j))) {
        for i in 0..p.kernel.0 {
            for j in 0..p.kernel.1 {
                let y = (row * p.stride.0 + i * p.dilation.0).checked_sub(p.padding.0);
                let x = (column * p.stride.1 + j * p.dilation.1).checked_sub(p.padding.1);
                let pixel = match (y, x) {
                    (Some(y), Some(x)) if y < h && x < w => Some(y * w + x),
                    _ => None,
                };
                f(row * ow + column, pixel);
            }
        }
    }
}

#[test]
fn maxima_and_their_positions() {
    for (p, (h, w)) in cases() {
        let x = image([2, 3, h, w]);
        let (y, at) = x.max_pool2d(&p);
        let (oh, ow) = p.output_size((h, w));
        assert_eq!(y.shape(), [2, 3, oh, ow]);
        let (xs, ys, ats) = (x.to_vec::<f64>(), y.to_vec::<f64>(), at.to_vec::<i64>());
        for plane in 0..6 {
            let mut expected = vec![(f64::NEG_INFINITY, 0); oh * ow];
            for_each_pixel(&p, (h, w), |window, pixel| {
                if let Some(pixel) = pixel
                    && xs[plane * h * w + pixel] > expected[window].0
                {
                    expected[window] = (xs[plane * h * w + pixel], pixel as i64);
                }
            });
            for (window, expected) in expected.into_iter().enumerate() {
                let at = plane * oh * ow + window;
                assert_eq!((ys[at], ats[at]), expected, "{p:?}");
            }
        }
        assert_eq!(x.gather_planes(&at).to_vec::<f64>(), ys);
    }
}

#[test]
fn nan_is_the_maximum() {
    let x = Array::new([[[[1.0, f64::NAN], [3.0, f64::NAN]]]]);
    let (y, at) = x.max_pool2d(&Pool2dParams::new((2, 2)));
    assert!(y.item().is_nan());
    assert_eq!(at.item(), 1.0);
    // Side by side with others, at each pixel of a square.
    for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut pixels = vec![2.0f32; 2 * 22];
        let position = row * 22 + 18 + column;
        pixels[position] = f32::NAN;
        let (y, at) = Array::from_vec(pixels, [1, 1, 2, 22]).max_pool2d(&Pool2dParams::new((2, 2)));
        let nans = y.to_vec::<f32>().iter().filter(|y| y.is_nan()).count();
        assert_eq!((nans, at.to_vec::<i64>()[9]), (1, position as i64));
        assert_eq!(at.to_vec::<i64>()[8], 16);
    }
}

#[test]
fn maxima_of_integers() {
    let x = Array::new([[[[1, 4], [3, 4]]]]);
    let (y, at) = x.max_pool2d(&Pool2dParams::new((2, 2)));
    assert_eq!((y.to_vec::<i64>(), at.to_vec::<i64>()), (vec![4], vec![1]));
}

#[test]
fn scatter_adds_where_windows_overlap() {
    let p = Pool2dParams {
        stride: (1, 1),
        ..Pool2dParams::new((1, 2))
    };
    let x = Array::new([[[[1.0, 5.0, 2.0]]]]);
    let (_, at) = x.max_pool2d(&p);
    let gx = Array::new([[[[1.0, 10.0]]]]).scatter_planes(&at, (1, 3));
    assert_eq!(gx.to_vec::<f64>(), [0.0, 11.0, 0.0]);
}

#[test]
fn means_with_and_without_padding() {
    for (p, (h, w)) in cases() {
        if p.dilation != (1, 1) {
            continue;
        }
        for count_include_pad in [true, false] {
            let x = image([1, 2, h, w]);
            let y = x.avg_pool2d(&p, count_include_pad).to_vec::<f64>();
            let xs = x.to_vec::<f64>();
            let windows = p.output_size((h, w));
            let windows = windows.0 * windows.1;
            for plane in 0..2 {
                let mut sums = vec![(0.0, 0usize); windows];
                for_each_pixel(&p, (h, w), |window, pixel| {
                    sums[window].0 += pixel.map_or(0.0, |i| xs[plane * h * w + i]);
                    sums[window].1 += usize::from(pixel.is_some() || count_include_pad);
                });
                for (window, (sum, count)) in sums.into_iter().enumerate() {
                    let found = y[plane * windows + window];
                    assert!((found - sum / count as f64).abs() < 1e-12, "{p:?}");
                }
            }
        }
    }
}

#[test]
fn gradients_are_transposes() {
    let dot = |a: &Array, b: &Array| -> f64 {
        a.to_vec::<f64>()
            .iter()
            .zip(b.to_vec::<f64>())
            .map(|(x, y)| x * y)
            .sum()
    };
    for (p, size) in cases() {
        let x = image([2, 3, size.0, size.1]);
        for count_include_pad in [true, false] {
            let y = x.avg_pool2d(&p, count_include_pad);
            let gy = image(y.shape().try_into().unwrap());
            let gx = gy.avg_pool2d_grad(size, &p, count_include_pad);
            assert!((dot(&y, &gy) - dot(&x, &gx)).abs() < 1e-10, "{p:?}");
        }
        let y = x.adaptive_avg_pool2d((3, 2));
        let gy = image(y.shape().try_into().unwrap());
        let gx = gy.adaptive_avg_pool2d_grad(size);
        assert!((dot(&y, &gy) - dot(&x, &gx)).abs() < 1e-10);
    }
}

#[test]
fn a_window_larger_than_the_rest_of_the_axis_counts_to_the_padded_border() {
    // One window of 3 at position 2 of an axis of 4 padded to 6: pixels 1, 2 and 3.
    let x = Array::new([[[[1.0f32, 2.0, 3.0, 4.0]]]]);
    let p = Pool2dParams {
        kernel: (1, 3),
        stride: (1, 2),
        padding: (0, 1),
        dilation: (1, 1),
    };
    assert_eq!(x.avg_pool2d(&p, true).to_vec::<f32>(), [1.0, 3.0]);
    assert_eq!(x.avg_pool2d(&p, false).to_vec::<f32>(), [1.5, 3.0]);
}

#[test]
fn global_mean() {
    let x = image([2, 3, 4, 5]);
    let y = x.adaptive_avg_pool2d((1, 1));
    assert_eq!(y.shape(), [2, 3, 1, 1]);
    let mean = x.to_vec::<f64>()[..20].iter().sum::<f64>() / 20.0;
    assert!((y.to_vec::<f64>()[0] - mean).abs() < 1e-12);
}

#[test]
#[should_panic(expected = "max_pool2d: padding (2, 0) is more than half of kernel (3, 3)")]
fn too_much_padding() {
    let p = Pool2dParams {
        padding: (2, 0),
        ..Pool2dParams::new((3, 3))
    };
    image([1, 1, 6, 6]).max_pool2d(&p);
}

#[test]
#[should_panic(expected = "scatter_planes: index 4 lies outside a plane of (2, 2)")]
fn an_index_outside() {
    let at = Array::new([[[[4]]]]);
    Array::zeros([1, 1, 1, 1], DType::F32).scatter_planes(&at, (2, 2));
}

#[test]
#[should_panic(expected = "gather_planes: index -1 lies outside a plane of (2, 2)")]
fn an_index_before_the_plane() {
    image([1, 1, 2, 2]).gather_planes(&Array::new([[[[3, -1]]]]));
}

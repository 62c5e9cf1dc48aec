//! Resized images against PyTorch's numbers and their own transpose.

use dezero_array::{Array, DType, Interpolation};

const ALL: [Interpolation; 3] = [
    Interpolation::Nearest,
    Interpolation::Bilinear {
        align_corners: false,
    },
    Interpolation::Bilinear {
        align_corners: true,
    },
];

fn image(shape: [usize; 4]) -> Array {
    let size: usize = shape.iter().product();
    let values = (0..size).map(|i| ((i * 37 + 11) % 23) as f64 - 9.0);
    Array::from_vec(values.collect(), shape)
}

#[test]
fn gradients_are_transposes() {
    let dot = |a: &Array, b: &Array| -> f64 {
        let (a, b) = (a.to_vec::<f64>(), b.to_vec::<f64>());
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    };
    for interpolation in ALL {
        for (from, to) in [
            ((3, 4), (6, 8)),
            ((5, 7), (3, 11)),
            ((1, 2), (4, 1)),
            ((4, 4), (4, 4)),
        ] {
            let x = image([2, 3, from.0, from.1]);
            let y = x.interpolate2d(to, interpolation);
            assert_eq!(y.shape(), [2, 3, to.0, to.1]);
            let gy = image([2, 3, to.0, to.1]);
            let gx = gy.interpolate2d_grad(from, interpolation);
            assert!(
                (dot(&y, &gy) - dot(&x, &gx)).abs() < 1e-10,
                "{interpolation:?}"
            );
        }
    }
}

#[test]
fn the_same_size_changes_nothing() {
    let x = image([1, 2, 3, 5]);
    for interpolation in ALL {
        let y = x.interpolate2d((3, 5), interpolation);
        assert_eq!(y.to_vec::<f64>(), x.to_vec::<f64>());
    }
}

const TORCH_NEAREST: [f64; 15] = [
    1.0, 1.0, 2.0, 2.0, 4.0, 1.0, 1.0, 2.0, 2.0, 4.0, 8.0, 8.0, 16.0, 16.0, 32.0,
];
const TORCH_BILINEAR: [f64; 15] = [
    1.0,
    1.4,
    2.0,
    3.1999999999999997,
    4.0,
    4.5,
    6.299999999999999,
    9.0,
    14.399999999999997,
    17.999999999999996,
    8.0,
    11.2,
    16.0,
    25.599999999999998,
    32.0,
];
const TORCH_ALIGNED: [f64; 15] = [
    1.0, 1.5, 2.0, 3.0, 4.0, 4.5, 6.75, 9.0, 13.5, 18.0, 8.0, 12.0, 16.0, 24.0, 32.0,
];

/// Numbers by `torch.nn.functional.interpolate` of `[[1, 2, 4], [8, 16, 32]]`.
#[test]
fn agrees_with_pytorch() {
    let x = Array::new([[[[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]]]);
    let expected: [&[f64]; 3] = [&TORCH_NEAREST, &TORCH_BILINEAR, &TORCH_ALIGNED];
    for (interpolation, expected) in ALL.into_iter().zip(expected) {
        let y = x.interpolate2d((3, 5), interpolation).to_vec::<f64>();
        for (y, expected) in y.iter().zip(expected) {
            assert!(
                (y - expected).abs() < 1e-12,
                "{interpolation:?} {y} {expected}"
            );
        }
    }
}

#[test]
#[should_panic(expected = "interpolate2d: takes images with pixels, got (2, 2) and (0, 3)")]
fn no_pixels() {
    Array::zeros([1, 1, 2, 2], DType::F32).interpolate2d((0, 3), Interpolation::Nearest);
}

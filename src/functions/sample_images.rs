//! What the tests of convolutions convolve.

use dezero_array::{Array, Conv2dParams};

/// Numbers without symmetry.
pub(super) fn images<const N: usize>(shape: [usize; N], seed: f64) -> Array {
    let size = shape.iter().product();
    let numbers = (0..size).map(|i| (seed + 2.3 * i as f64).sin()).collect();
    Array::from_vec::<f64>(numbers, shape)
}

pub(super) fn params(
    stride: (usize, usize),
    padding: (usize, usize),
    dilation: (usize, usize),
    groups: usize,
) -> Conv2dParams {
    Conv2dParams {
        stride,
        padding,
        dilation,
        groups,
    }
}

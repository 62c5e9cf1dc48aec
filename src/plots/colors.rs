//! Colours that everybody can tell apart, and colours for numbers.

use dezero_array::{Array, DType};

pub(super) type Rgb = [u8; 3];

pub(super) const INK: Rgb = [0x26, 0x26, 0x26];
pub(super) const GRID: Rgb = [0xe3, 0xe3, 0xe3];

/// Okabe and Ito's palette, the strong colours first.
const PALETTE: [Rgb; 8] = [
    [0x00, 0x72, 0xb2],
    [0xd5, 0x5e, 0x00],
    [0x00, 0x9e, 0x73],
    [0xcc, 0x79, 0xa7],
    [0xe6, 0x9f, 0x00],
    [0x56, 0xb4, 0xe9],
    [0x60, 0x60, 0x60],
    [0xb8, 0xa9, 0x10],
];

/// The colour of the `i`-th series or class.
pub(super) fn color(i: usize) -> Rgb {
    PALETTE[i % PALETTE.len()]
}

/// A part `share` of `color` on white.
pub(super) fn pale(color: Rgb, share: f64) -> Rgb {
    color.map(|part| (255.0 - share * (255.0 - f64::from(part))).round() as u8)
}

/// Sixteenths of viridis (Smith, van der Walt and Firing), from dark to light.
const VIRIDIS: [Rgb; 17] = [
    [68, 1, 84],
    [72, 21, 103],
    [72, 38, 119],
    [69, 55, 129],
    [63, 71, 136],
    [57, 86, 140],
    [50, 100, 142],
    [45, 113, 142],
    [40, 125, 142],
    [35, 138, 141],
    [31, 150, 139],
    [41, 175, 127],
    [60, 188, 117],
    [94, 201, 98],
    [137, 213, 72],
    [190, 223, 38],
    [253, 231, 37],
];

/// The colour of `share`, from 0 to 1.
pub(super) fn viridis(share: f64) -> Rgb {
    let place = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let below = (place as usize).min(VIRIDIS.len() - 2);
    let part = place - below as f64;
    let (a, b) = (VIRIDIS[below], VIRIDIS[below + 1]);
    [0, 1, 2].map(|i| (f64::from(a[i]) * (1.0 - part) + f64::from(b[i]) * part).round() as u8)
}

/// Grey images (N, H, W) under a heat map of the same shape, both from 0 to 1, as colour images (N, 3, H, W): the
/// hotter, the more of the colour shows. For [`ImageGrid`](super::ImageGrid).
///
/// ```
/// use dezero::{Array, DType, plots::overlay};
/// let images = overlay(&Array::ones([5, 8, 8], DType::F32), &Array::zeros([5, 8, 8], DType::F32));
/// assert_eq!(images.shape(), &[5, 3, 8, 8]);
/// ```
///
/// # Panics
/// If the shapes differ or have not three axes.
#[track_caller]
pub fn overlay(images: &Array, heat: &Array) -> Array {
    if images.ndim() != 3 || images.shape() != heat.shape() {
        panic!(
            "overlay: takes images and heat of the same shape (N, H, W), got {:?} and {:?}",
            images.shape(),
            heat.shape()
        );
    }
    let &[n, height, width] = images.shape() else {
        unreachable!("three axes")
    };
    let numbers = |x: &Array| x.to_dtype(DType::F64).to_vec::<f64>();
    let mut out = vec![0.0; n * 3 * height * width];
    let plane = height * width;
    for (i, (grey, heat)) in numbers(images).into_iter().zip(numbers(heat)).enumerate() {
        let color = viridis(heat);
        let share = 0.75 * heat.clamp(0.0, 1.0);
        for (channel, part) in color.into_iter().enumerate() {
            let place = (i / plane * 3 + channel) * plane + i % plane;
            out[place] = (1.0 - share) * grey + share * f64::from(part) / 255.0;
        }
    }
    Array::from_vec(out, [n, 3, height, width])
}

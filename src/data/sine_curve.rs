//! One value of a sine after another: the book's series for recurrent networks.

use std::f64::consts::TAU;

use dezero_array::Array;
use dezero_array::random::{self, RandomState};

use super::{ArrayDataset, Split};

/// 999 pairs of a value of a curve and the next one, along one period.
///
/// `x` and `t` are `f64` `[999, 1]`, `t[i] = x[i + 1]`. For [`Split::Train`] the curve is the sine with
/// uniform noise from -0.05 to 0.05, for [`Split::Test`] the clean cosine. The noise is drawn from
/// the generator of the process, for the test too, as in the book.
///
/// ```
/// use dezero::data::{Split, sine_curve};
/// let test = sine_curve(Split::Test);
/// assert_eq!(test.x().shape(), &[999, 1]);
/// assert_eq!(test.x().to_vec::<f64>()[1..], test.t().to_vec::<f64>()[..998]);
/// ```
pub fn sine_curve(split: Split) -> ArrayDataset {
    random::with_default(|random| draw_sine_curve(split, random))
}

/// The curve of [`sine_curve`], its noise drawn from `random`.
pub fn draw_sine_curve(split: Split, random: &mut RandomState) -> ArrayDataset {
    const POINTS: usize = 1000;
    let mut noise = [0.0; POINTS];
    random.fill_uniform(&mut noise, -0.05, 0.05);
    let step = TAU / (POINTS - 1) as f64;
    let y: Vec<f64> = (0..POINTS)
        .map(|i| {
            if i == POINTS - 1 {
                TAU
            } else {
                i as f64 * step
            }
        })
        .zip(noise)
        .map(|(x, noise)| match split {
            Split::Train => x.sin() + noise,
            Split::Test => x.cos(),
        })
        .collect();
    let column = |y: &[f64]| Array::from_slice(y, [y.len(), 1]);
    ArrayDataset::new(column(&y[..POINTS - 1]), column(&y[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of the book's `SinCurve`, run with NumPy.
    #[test]
    fn the_curve_is_the_books() {
        let mut random = RandomState::new(3);
        let train = draw_sine_curve(Split::Train, &mut random);
        let (x, t) = (train.x().to_vec::<f64>(), train.t().to_vec::<f64>());
        assert_eq!(x[..2], [0.005079790257457549, 0.027104215577878232]);
        assert_eq!(x[998], -0.05277289424258125);
        assert_eq!(t[998], -0.03753062402193622);
        assert!((x.iter().sum::<f64>() + t[998] - 0.4940176990784835).abs() < 1e-12);
        assert_eq!(x[1..], t[..998]);

        let (test, before) = (
            draw_sine_curve(Split::Test, &mut random),
            RandomState::new(3),
        );
        assert_eq!(test.x().to_vec::<f64>()[998], 0.9999802213186832);
        assert_eq!(test.t().to_vec::<f64>()[998], 1.0);
        assert_ne!(random, before); // it draws for the test too
    }
}

//! [`Initializer`]: how the first values of weights are drawn.

use dezero_array::random::{self, RandomState};
use dezero_array::{Array, DType, Element, match_dtype};

/// How the first values of weights are drawn, from the default generator (see
/// [`random::seed`](crate::random::seed)) in float64, then rounded to the parameter's type.
///
/// `fan_in` and `fan_out` are the numbers of inputs and outputs of one unit; in convolutions,
/// channels times the size of the kernel.
///
/// ```
/// use dezero::layers::Initializer;
/// use dezero::{DType, random};
/// random::seed(0);
/// let w = Initializer::LeCunNormal.draw([4, 2], 4, 2, DType::F64);
/// assert_eq!(w.to_vec::<f64>()[0], 1.764052345967664 / 2.0); // np.random.randn / sqrt(fan_in)
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// Normal, of standard deviation √(1 / fan_in): what the book draws, for tanh and sigmoid.
    #[default]
    LeCunNormal,
    /// Uniform in ±√(3 / fan_in).
    LeCunUniform,
    /// Normal, of standard deviation √(2 / (fan_in + fan_out)): Glorot's.
    XavierNormal,
    /// Uniform in ±√(6 / (fan_in + fan_out)).
    XavierUniform,
    /// Normal, of standard deviation √(2 / fan_in): for ReLU.
    HeNormal,
    /// Uniform in ±√(6 / fan_in).
    HeUniform,
    /// Normal, of this standard deviation.
    Normal(f64),
    /// Uniform in ± this bound.
    Uniform(f64),
    /// One value for all.
    Constant(f64),
}

impl Initializer {
    /// Draws an array.
    ///
    /// # Panics
    /// If `dtype` is not a floating-point type.
    #[track_caller]
    pub fn draw(
        self,
        shape: impl AsRef<[usize]>,
        fan_in: usize,
        fan_out: usize,
        dtype: DType,
    ) -> Array {
        if !dtype.is_float() {
            panic!("Initializer: weights are floats, not {dtype}");
        }
        // A layer without inputs has no weights to scale.
        let (input, both) = (fan_in.max(1) as f64, (fan_in + fan_out).max(1) as f64);
        let normal = |scale: &dyn Fn(f64) -> f64| {
            drawn(
                &shape,
                dtype,
                RandomState::fill_standard_normal::<f64>,
                scale,
            )
        };
        let uniform = |bound: f64| {
            drawn(
                &shape,
                dtype,
                RandomState::fill_random_sample::<f64>,
                &|x| x * (2.0 * bound) - bound,
            )
        };
        match self {
            Initializer::LeCunNormal => normal(&|x| x / input.sqrt()),
            Initializer::LeCunUniform => uniform((3.0 / input).sqrt()),
            Initializer::XavierNormal => normal(&|x| x / (both / 2.0).sqrt()),
            Initializer::XavierUniform => uniform((6.0 / both).sqrt()),
            Initializer::HeNormal => normal(&|x| x / (input / 2.0).sqrt()),
            Initializer::HeUniform => uniform((6.0 / input).sqrt()),
            Initializer::Normal(std) => normal(&|x| x * std),
            Initializer::Uniform(bound) => uniform(bound),
            Initializer::Constant(value) => Array::full_of(shape, value, dtype),
        }
    }
}

/// Numbers of the process's generator, drawn and scaled in f64 a piece at a time: large weights
/// never exist in f64 as a whole.
fn drawn(
    shape: impl AsRef<[usize]>,
    dtype: DType,
    draw: impl Fn(&mut RandomState, &mut [f64]),
    scale: &dyn Fn(f64) -> f64,
) -> Array {
    const PIECE: usize = 1 << 12;
    let mut w = Array::zeros(shape, dtype);
    let mut piece = [0.0; PIECE];
    match_dtype!(floats dtype, T => random::with_default(|rng| {
        for w in w.as_mut_slice::<T>().chunks_mut(PIECE) {
            let piece = &mut piece[..w.len()];
            draw(rng, piece);
            for (w, &x) in w.iter_mut().zip(piece.iter()) {
                *w = T::from_f64(scale(x));
            }
        }
    }), else unreachable!("checked by `draw`"));
    w
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_as_documented() {
        crate::random::seed(7);
        let deviation = |initializer: Initializer| {
            let w = initializer
                .draw([200, 300], 200, 300, DType::F64)
                .to_vec::<f64>();
            let largest = w.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            (
                (w.iter().map(|x| x * x).sum::<f64>() / w.len() as f64).sqrt(),
                largest,
            )
        };
        for (initializer, expected) in [
            (Initializer::LeCunNormal, (1.0f64 / 200.0).sqrt()),
            (Initializer::LeCunUniform, (1.0f64 / 200.0).sqrt()),
            (Initializer::XavierNormal, (2.0f64 / 500.0).sqrt()),
            (Initializer::XavierUniform, (2.0f64 / 500.0).sqrt()),
            (Initializer::HeNormal, (2.0f64 / 200.0).sqrt()),
            (Initializer::HeUniform, (2.0f64 / 200.0).sqrt()),
            (Initializer::Normal(0.5), 0.5),
        ] {
            let (found, _) = deviation(initializer);
            assert!(
                (found / expected - 1.0).abs() < 0.02,
                "{initializer:?}: {found}, not {expected}"
            );
        }
        let (_, largest) = deviation(Initializer::Uniform(0.3));
        assert!((0.29..=0.3).contains(&largest), "{largest}");
    }
}

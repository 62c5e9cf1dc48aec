//! Dropout.

use dezero_array::{Array, random};

use super::unary::Unary;
use crate::apply::apply_unary;
use crate::config::is_training;
use crate::function::Backward;
use crate::variable::Variable;

/// The divisor is 1 - ratio where an element passes and infinite where it is dropped: one pass
/// gives the digits of the book's `x * mask / scale`, which a factor 1 / scale does not.
struct Dropout {
    divisor: Array,
}

impl Unary for Dropout {
    const NAME: &'static str = "dropout";

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x / &self.divisor
    }

    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        gy / &self.divisor
    }
}

impl Variable {
    /// Sets elements to 0, each with probability `ratio`, and divides the others by 1 - `ratio`,
    /// so that the expected value stays (inverted dropout). In [`test_mode`](crate::test_mode)
    /// everything passes unchanged.
    ///
    /// The elements that pass are those where `np.random.rand(*x.shape) > ratio`, drawn from the
    /// default generator, as in the book.
    ///
    /// ```standalone_crate
    /// use dezero::{Variable, random, test_mode};
    /// random::seed(0); // rand gives 0.549, 0.715, 0.603, 0.545
    /// let x = Variable::new([1.0, 2.0, 3.0, 4.0]);
    /// let scale = 1.0 - 0.55;
    /// assert_eq!(x.dropout(0.55).data().to_vec::<f64>(), [0.0, 2.0 / scale, 3.0 / scale, 0.0]);
    /// assert_eq!(test_mode(|| x.dropout(0.55)).data().to_vec::<f64>(), [1.0, 2.0, 3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If `ratio` is not in [0, 1).
    #[track_caller]
    pub fn dropout(&self, ratio: f64) -> Variable {
        if !(0.0..1.0).contains(&ratio) {
            panic!("dropout: the ratio must be at least 0 and below 1, got {ratio}");
        }
        if ratio == 0.0 || !is_training() {
            return self.clone();
        }
        let divisor = divisor(&self.data(), ratio);
        apply_unary(Dropout { divisor }, self)
    }
}

fn divisor(x: &Array, ratio: f64) -> Array {
    let mut draws = vec![0.0; x.size()];
    random::with_default(|rng| rng.fill_random_sample(&mut draws));
    let scale = 1.0 - ratio;
    for draw in &mut draws {
        *draw = if *draw > ratio { scale } else { f64::INFINITY };
    }
    Array::from_vec(draws, x.shape()).to_dtype(x.dtype().to_float())
}

#[cfg(test)]
mod tests {
    use dezero_array::{Array, DType};

    use super::Dropout;
    use crate::apply::apply_unary;
    use crate::{Variable, gradient_check};

    /// Finite differences need the same mask at every call.
    fn with_fixed_mask(x: &Variable) -> Variable {
        let drop = f64::INFINITY;
        let divisor = Array::new([[0.4, drop, 0.4], [drop, drop, 0.4]]);
        apply_unary(Dropout { divisor }, x) * x
    }

    gradient_check!(
        dropout,
        |x| with_fixed_mask(x),
        [[1.0, -2.0, 0.0], [0.5, 3.0, 4.0]]
    );

    #[test]
    fn keeps_the_type_and_the_mean() {
        let x = Variable::constant(Array::ones([1000, 100], DType::F32));
        let y = x.dropout(0.3).data();
        assert_eq!(y.dtype(), DType::F32);
        let passed = y.to_vec::<f32>().iter().filter(|&&y| y != 0.0).count();
        assert!(
            (69_000..71_000).contains(&passed),
            "{passed} of 100000 passed"
        );
        assert!((y.sum().item() / 1e5 - 1.0).abs() < 0.02);
    }

    #[test]
    #[should_panic(expected = "dropout: the ratio must be at least 0 and below 1, got 1")]
    fn refuses_a_ratio_of_one() {
        Variable::new([1.0]).dropout(1.0);
    }
}

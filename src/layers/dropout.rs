//! [`Dropout`] as a layer.

use super::layer::module;
use super::{Layer, Module};
use crate::variable::{AsVariable, Variable};

/// Sets elements to 0, each with probability `ratio`, and scales the others up; in
/// [`test_mode`](crate::test_mode) everything passes. See [`Variable::dropout`].
///
/// ```
/// use dezero::layers::Dropout;
/// use dezero::{Variable, test_mode};
/// let x = Variable::new([1.0, 2.0]);
/// assert_eq!(test_mode(|| Dropout::new(0.5).forward(&x)).data(), x.data());
/// ```
#[derive(Debug, Layer)]
pub struct Dropout {
    ratio: f64,
}

impl Dropout {
    /// Drops elements with probability `ratio`.
    ///
    /// # Panics
    /// If `ratio` is not in [0, 1).
    #[track_caller]
    pub fn new(ratio: f64) -> Dropout {
        if !(0.0..1.0).contains(&ratio) {
            panic!("Dropout: the ratio must be at least 0 and below 1, got {ratio}");
        }
        Dropout { ratio }
    }

    /// Applies the layer.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        x.as_variable().dropout(self.ratio)
    }
}

module!(Dropout);

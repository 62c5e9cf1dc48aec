//! [`Mean`]: a running mean.

use dezero_array::Array;

use crate::training::{Resumable, StateReader};
use crate::weights::Mismatch;

/// The mean of figures, each weighed by the number of examples it stands for: a last, smaller batch counts less.
///
/// ```
/// use dezero::training::metrics::Mean;
/// let mut loss = Mean::new();
/// loss.add(0.5, 32);
/// loss.add(2.0, 16);
/// assert_eq!(loss.value(), 1.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    /// The mean of nothing yet.
    pub fn new() -> Mean {
        Mean::default()
    }

    /// Counts a figure that is the mean of `examples`.
    pub fn add(&mut self, value: f64, examples: usize) {
        self.add_sum(value * examples as f64, examples);
    }

    /// Counts a figure that is the sum over `examples`.
    pub(super) fn add_sum(&mut self, sum: f64, examples: usize) {
        self.sum += sum;
        self.weight += examples as f64;
    }

    /// The mean; NaN of nothing.
    pub fn value(&self) -> f64 {
        self.sum / self.weight
    }

    /// Whether nothing was counted yet.
    pub fn is_empty(&self) -> bool {
        self.weight == 0.0
    }

    /// Forgets what was counted.
    pub fn reset(&mut self) {
        *self = Mean::default();
    }
}

impl Resumable for Mean {
    fn state(&self) -> Vec<(String, Array)> {
        vec![
            ("sum".to_owned(), Array::scalar(self.sum)),
            ("weight".to_owned(), Array::scalar(self.weight)),
        ]
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let mut state = StateReader::new(state);
        let (sum, weight) = (state.float("sum")?, state.float("weight")?);
        state.finish()?;
        *self = Mean { sum, weight };
        Ok(())
    }
}

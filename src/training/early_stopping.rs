//! [`EarlyStopping`]: when a figure no longer gets better.

use dezero_array::Array;

use super::{Resumable, StateReader};
use crate::weights::Mismatch;

/// Watches a figure for its best value, and for the time since.
///
/// ```
/// use dezero::training::EarlyStopping;
/// let mut stopping = EarlyStopping::minimize().patience(2);
/// let mut epochs = 0;
/// for loss in [0.9, 0.5, 0.6, 0.5, 0.1] {
///     epochs += 1;
///     if stopping.observe(loss) {
///         // a new best: save it
///     }
///     if stopping.should_stop() {
///         break;
///     }
/// }
/// assert_eq!((epochs, stopping.best()), (4, 0.5));
/// ```
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    /// 1 where larger is better, -1 where smaller is.
    sign: f64,
    patience: usize,
    min_delta: f64,
    best: f64,
    since: u64,
}

impl EarlyStopping {
    /// Smaller is better: a loss.
    pub fn minimize() -> EarlyStopping {
        EarlyStopping {
            sign: -1.0,
            patience: usize::MAX,
            min_delta: 0.0,
            best: f64::NAN,
            since: 0,
        }
    }

    /// Larger is better: an accuracy.
    pub fn maximize() -> EarlyStopping {
        EarlyStopping {
            sign: 1.0,
            ..EarlyStopping::minimize()
        }
    }

    /// Sets how many observations in a row may be no better than the best; at first there is no limit, and only the
    /// best is kept track of.
    ///
    /// # Panics
    /// If 0.
    #[track_caller]
    #[must_use]
    pub fn patience(mut self, patience: usize) -> EarlyStopping {
        assert!(patience > 0, "EarlyStopping: a patience of 0 stops at once");
        self.patience = patience;
        self
    }

    /// Sets by how much a figure must be better than the best to count as better (0).
    #[must_use]
    pub fn min_delta(mut self, min_delta: f64) -> EarlyStopping {
        self.min_delta = min_delta;
        self
    }

    /// Takes the next value of the figure and tells whether it is the best so far. NaN never is.
    pub fn observe(&mut self, value: f64) -> bool {
        let gain = self.sign * (value - self.best);
        let is_better = !value.is_nan() && (self.best.is_nan() || gain > self.min_delta);
        if is_better {
            self.best = value;
            self.since = 0;
        } else {
            self.since += 1;
        }
        is_better
    }

    /// Whether the patience is used up.
    pub fn should_stop(&self) -> bool {
        self.since >= self.patience as u64
    }

    /// The best value; NaN before the first.
    pub fn best(&self) -> f64 {
        self.best
    }
}

impl Resumable for EarlyStopping {
    fn state(&self) -> Vec<(String, Array)> {
        vec![
            ("best".to_owned(), Array::scalar(self.best)),
            ("since".to_owned(), Array::scalar(self.since as i64)),
        ]
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let mut state = StateReader::new(state);
        let (best, since) = (state.float("best")?, state.count("since")?);
        state.finish()?;
        (self.best, self.since) = (best, since);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_gains_and_nan_do_not_count() {
        let mut stopping = EarlyStopping::maximize().patience(3).min_delta(0.1);
        assert!(!stopping.observe(f64::NAN));
        assert!(stopping.observe(0.5));
        assert!(!stopping.observe(0.55));
        assert!(!stopping.observe(f64::NAN));
        assert!(!stopping.should_stop());
        let mut resumed = EarlyStopping::maximize().patience(3).min_delta(0.1);
        resumed.set_state(stopping.state()).unwrap();
        assert!(!resumed.observe(0.6));
        assert!(resumed.should_stop());
        assert_eq!(resumed.best(), 0.5);
        assert!(resumed.observe(0.61));
        assert!(!resumed.should_stop());
    }
}

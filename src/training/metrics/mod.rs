//! Metrics: figures about predictions, counted batch by batch.
//!
//! ```
//! use dezero::Array;
//! use dezero::training::metrics::{Accuracy, Average, ConfusionMatrix, Metric};
//!
//! let (mut accuracy, mut matrix) = (Accuracy::new(), ConfusionMatrix::new(3));
//! for (y, t) in [
//!     (Array::new([[0.1, 0.9, 0.0], [0.8, 0.1, 0.1]]), Array::new([1, 2])),
//!     (Array::new([[0.2, 0.3, 0.5]]), Array::new([2])),
//! ] {
//!     accuracy.update(&y, &t); // scores (n, classes), labels (n)
//!     matrix.update(&y, &t);
//! }
//! assert_eq!(accuracy.value(), 2.0 / 3.0);
//! assert_eq!(matrix.recall(Average::PerClass), [0.0, 1.0, 0.5]);
//! ```

mod classification;
mod confusion_matrix;
mod mean;
mod perplexity;
mod regression;

use dezero_array::Array;

pub use classification::{Accuracy, F1, Precision, Recall, TopK};
pub use confusion_matrix::{Average, ConfusionMatrix};
pub use mean::Mean;
pub use perplexity::Perplexity;
pub use regression::{MeanAbsoluteError, MeanSquaredError};

use super::Resumable;

/// A figure about predictions, counted over batches of any size as if they were one.
pub trait Metric: Resumable {
    /// How it is called in progress lines, files and reports.
    fn name(&self) -> &str;

    /// Counts a batch: predictions `y` for the targets `t`.
    ///
    /// # Panics
    /// If their shapes do not go together.
    #[track_caller]
    fn update(&mut self, y: &Array, t: &Array);

    /// The figure over all that was counted; NaN before.
    fn value(&self) -> f64;

    /// Forgets what was counted.
    fn reset(&mut self);
}

/// Gives a metric that is a mean with a name the parts that all of them share.
macro_rules! mean_metric {
    ($Metric:ident, $field:ident) => {
        impl crate::training::Resumable for $Metric {
            fn state(&self) -> Vec<(String, dezero_array::Array)> {
                self.$field.state()
            }

            fn set_state(
                &mut self,
                state: Vec<(String, dezero_array::Array)>,
            ) -> Result<(), crate::weights::Mismatch> {
                self.$field.set_state(state)
            }
        }
    };
}
use mean_metric;

/// Number of rows and classes of scores (…, classes) whose labels are `t` (…).
#[track_caller]
fn rows_and_classes(metric: &str, y: &Array, t: &Array) -> (usize, usize) {
    let classes = match y.shape() {
        [.., classes] if y.ndim() >= 2 && *classes > 0 => *classes,
        shape => panic!("{metric}: takes scores of shape [.., classes], got {shape:?}"),
    };
    let n = y.size() / classes;
    if t.size() != n {
        panic!(
            "{metric}: scores {:?} take {n} labels, got shape {:?}",
            y.shape(),
            t.shape()
        );
    }
    if t.dtype().is_float() {
        panic!("{metric}: labels are integers, got {}", t.dtype());
    }
    (n, classes)
}

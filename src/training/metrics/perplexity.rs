//! [`Perplexity`]: how many choices a model of sequences hesitates between.

use dezero_array::{Array, DType};

use super::{Mean, Metric, mean_metric, rows_and_classes};

/// exp of the mean of -log p(label): 1 for a model that is sure and right, `classes` for one that guesses.
///
/// Shapes: y (…, classes) scores before the softmax, t (…) integers. Computed in float64.
///
/// ```
/// use dezero::Array;
/// use dezero::training::metrics::{Metric, Perplexity};
/// let mut perplexity = Perplexity::new();
/// perplexity.update(&Array::new([[0.0, 0.0, 0.0, 0.0]]), &Array::new([2]));
/// assert!((perplexity.value() - 4.0).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Perplexity {
    mean: Mean,
}

impl Perplexity {
    /// A perplexity of nothing yet.
    pub fn new() -> Perplexity {
        Perplexity::default()
    }
}

mean_metric!(Perplexity, mean);

impl Metric for Perplexity {
    fn name(&self) -> &str {
        "perplexity"
    }

    #[track_caller]
    fn update(&mut self, y: &Array, t: &Array) {
        let (n, classes) = rows_and_classes("Perplexity", y, t);
        if n == 0 {
            return;
        }
        let y = y.to_dtype(DType::F64).reshape([n, classes]);
        let (loss, _) = y.softmax_cross_entropy(&t.reshape([n]));
        self.mean.add(loss.item(), n);
    }

    fn value(&self) -> f64 {
        self.mean.value().exp()
    }

    fn reset(&mut self) {
        self.mean.reset();
    }
}

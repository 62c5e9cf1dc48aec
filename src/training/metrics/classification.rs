//! Metrics of classifiers: [`Accuracy`], [`TopK`], [`Precision`], [`Recall`], [`F1`].

use dezero_array::Array;

use super::{Average, ConfusionMatrix, Mean, Metric, mean_metric, rows_and_classes};
use crate::training::Resumable;
use crate::weights::Mismatch;

/// The share of rows whose largest score is at the label.
///
/// Shapes: y (…, classes), t (…) integers.
#[derive(Clone, Debug, Default)]
pub struct Accuracy {
    mean: Mean,
}

impl Accuracy {
    /// An accuracy of nothing yet.
    pub fn new() -> Accuracy {
        Accuracy::default()
    }
}

mean_metric!(Accuracy, mean);

impl Metric for Accuracy {
    fn name(&self) -> &str {
        "accuracy"
    }

    #[track_caller]
    fn update(&mut self, y: &Array, t: &Array) {
        let (n, _) = rows_and_classes("accuracy", y, t);
        let hits = y.argmax_axis(-1, false).reshape([n]).equal(t.reshape([n]));
        self.mean.add_sum(hits.sum().item(), n);
    }

    fn value(&self) -> f64 {
        self.mean.value()
    }

    fn reset(&mut self) {
        self.mean.reset();
    }
}

/// The share of rows whose label is among the `k` largest scores. Of equal scores, those of earlier classes count as
/// larger.
///
/// Shapes: y (…, classes), t (…) integers.
///
/// ```
/// use dezero::Array;
/// use dezero::training::metrics::{Metric, TopK};
/// let mut top2 = TopK::new(2);
/// top2.update(&Array::new([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), &Array::new([1, 2]));
/// assert_eq!((top2.name(), top2.value()), ("top-2 accuracy", 0.5));
/// ```
#[derive(Clone, Debug)]
pub struct TopK {
    k: usize,
    name: String,
    mean: Mean,
}

impl TopK {
    /// Among the `k` largest.
    ///
    /// # Panics
    /// If `k` is 0.
    #[track_caller]
    pub fn new(k: usize) -> TopK {
        assert!(k > 0, "TopK: k must be at least 1, got 0");
        TopK {
            k,
            name: format!("top-{k} accuracy"),
            mean: Mean::new(),
        }
    }
}

mean_metric!(TopK, mean);

impl Metric for TopK {
    fn name(&self) -> &str {
        &self.name
    }

    #[track_caller]
    fn update(&mut self, y: &Array, t: &Array) {
        let (n, classes) = rows_and_classes("TopK", y, t);
        let scores = y.to_vec::<f64>();
        let labels = t.to_vec::<i64>();
        let mut hits = 0;
        for (row, label) in scores.chunks(classes).zip(labels) {
            let Some(&own) = usize::try_from(label).ok().and_then(|i| row.get(i)) else {
                continue; // a label that no class has is never hit
            };
            let before = |(i, &score): (usize, &f64)| {
                score > own || (score == own && (i as i64) < label) || score.is_nan()
            };
            let better = row.iter().enumerate().filter(|&x| before(x)).count();
            hits += usize::from(better < self.k && !own.is_nan());
        }
        self.mean.add_sum(hits as f64, n);
    }

    fn value(&self) -> f64 {
        self.mean.value()
    }

    fn reset(&mut self) {
        self.mean.reset();
    }
}

macro_rules! of_matrix {
    ($(#[$doc:meta])* $Metric:ident, $name:literal, $method:ident) => {
        $(#[$doc])*
        ///
        /// Shapes: y (…, classes), t (…) integers. For the figures of each class keep a [`ConfusionMatrix`].
        #[derive(Clone, Debug)]
        pub struct $Metric {
            matrix: ConfusionMatrix,
            average: Average,
        }

        impl $Metric {
            /// Of so many classes, averaged over the classes (macro).
            #[track_caller]
            pub fn new(classes: usize) -> $Metric {
                $Metric {
                    matrix: ConfusionMatrix::new(classes),
                    average: Average::Macro,
                }
            }

            /// Over all examples together, which is the accuracy where each has one label.
            #[must_use]
            pub fn micro(mut self) -> $Metric {
                self.average = Average::Micro;
                self
            }
        }

        impl Resumable for $Metric {
            fn state(&self) -> Vec<(String, Array)> {
                self.matrix.state()
            }

            fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
                self.matrix.set_state(state)
            }
        }

        impl Metric for $Metric {
            fn name(&self) -> &str {
                $name
            }

            #[track_caller]
            fn update(&mut self, y: &Array, t: &Array) {
                self.matrix.update(y, t);
            }

            fn value(&self) -> f64 {
                self.matrix.$method(self.average)[0]
            }

            fn reset(&mut self) {
                self.matrix.reset();
            }
        }
    };
}
of_matrix!(
    /// Of what was predicted to be a class, the share that is: TP / (TP + FP).
    Precision, "precision", precision
);
of_matrix!(
    /// Of what is of a class, the share that was found: TP / (TP + FN).
    Recall, "recall", recall
);
of_matrix!(
    /// The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).
    F1, "F1", f1
);

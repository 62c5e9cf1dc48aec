//! [`ConfusionMatrix`]: what was taken for what.

use std::fmt;

use dezero_array::{Array, DType, Shape};

use super::{Metric, rows_and_classes};
use crate::parameter::ShapePattern;
use crate::training::{Resumable, StateReader};
use crate::weights::Mismatch;

/// How figures of several classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// The mean over the classes: rare ones weigh as much as frequent ones.
    Macro,
    /// Counted over all examples together: the accuracy, where each example has one label.
    Micro,
    /// One figure for each class.
    PerClass,
}

/// Counts how often an example of class `i` was taken for class `j`: rows are the truth, columns the predictions.
///
/// Precision, recall and F1 are scikit-learn's with `labels=range(classes)` and `zero_division=0`: a class
/// that does not occur has the figure 0.
///
/// ```
/// use dezero::Array;
/// use dezero::training::metrics::{Average, ConfusionMatrix};
/// let mut matrix = ConfusionMatrix::new(2);
/// matrix.add_labels(&Array::new([1, 1, 0]), &Array::new([1, 0, 0])); // found, true
/// assert_eq!(matrix.counts().to_vec::<i64>(), [1, 1, 0, 1]);
/// assert_eq!(matrix.precision(Average::PerClass), [1.0, 0.5]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// A matrix of zeros.
    ///
    /// # Panics
    /// If there is no class.
    #[track_caller]
    pub fn new(classes: usize) -> ConfusionMatrix {
        assert!(classes > 0, "ConfusionMatrix: takes at least one class");
        ConfusionMatrix {
            classes,
            counts: vec![0; classes * classes],
        }
    }

    /// Counts predicted labels for true ones, both integers of any shape.
    ///
    /// # Panics
    /// If there are not as many of them, or a label is not one of the classes.
    #[track_caller]
    pub fn add_labels(&mut self, found: &Array, truth: &Array) {
        if found.size() != truth.size() {
            panic!(
                "ConfusionMatrix: {} predictions for {} labels",
                found.size(),
                truth.size()
            );
        }
        let classes = self.classes;
        let class = |label: i64| match usize::try_from(label) {
            Ok(i) if i < classes => Ok(i),
            _ => Err(label),
        };
        for (found, truth) in found.to_vec::<i64>().into_iter().zip(truth.to_vec()) {
            match (class(found), class(truth)) {
                (Ok(found), Ok(truth)) => self.counts[truth * classes + found] += 1,
                (Err(label), _) | (_, Err(label)) => {
                    panic!("ConfusionMatrix: label {label} is not one of {classes} classes")
                }
            }
        }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The counts, of shape (classes, classes), int64.
    pub fn counts(&self) -> Array {
        let counts = self.counts.iter().map(|&n| n as i64).collect();
        Array::from_vec(counts, [self.classes, self.classes])
    }

    /// The share of examples that were taken for what they are.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|i| self.hits(i)).sum();
        right as f64 / self.counts.iter().sum::<u64>() as f64
    }

    /// TP / (TP + FP); one figure, or one for each class.
    pub fn precision(&self, average: Average) -> Vec<f64> {
        self.averaged(average, |hits, found, _| (hits, found))
    }

    /// TP / (TP + FN); one figure, or one for each class.
    pub fn recall(&self, average: Average) -> Vec<f64> {
        self.averaged(average, |hits, _, truth| (hits, truth))
    }

    /// 2 TP / (2 TP + FP + FN); one figure, or one for each class.
    pub fn f1(&self, average: Average) -> Vec<f64> {
        self.averaged(average, |hits, found, truth| (2 * hits, found + truth))
    }

    /// `share` makes of a class's hits, predictions and examples a numerator and a denominator.
    fn averaged(&self, average: Average, share: fn(u64, u64, u64) -> (u64, u64)) -> Vec<f64> {
        let divide = |(n, d): (u64, u64)| if d == 0 { 0.0 } else { n as f64 / d as f64 };
        let all: Vec<(u64, u64)> = (0..self.classes)
            .map(|i| share(self.hits(i), self.found(i), self.truth(i)))
            .collect();
        if self.counts.iter().all(|&n| n == 0) {
            let figures = if average == Average::PerClass {
                self.classes
            } else {
                1
            };
            return vec![f64::NAN; figures];
        }
        let per_class = all.iter().copied().map(divide);
        match average {
            Average::PerClass => per_class.collect(),
            Average::Macro => vec![per_class.sum::<f64>() / self.classes as f64],
            Average::Micro => {
                let sum = all.iter().fold((0, 0), |(n, d), x| (n + x.0, d + x.1));
                vec![divide(sum)]
            }
        }
    }

    fn hits(&self, class: usize) -> u64 {
        self.counts[class * self.classes + class]
    }

    fn found(&self, class: usize) -> u64 {
        let column = self.counts.iter().skip(class).step_by(self.classes);
        column.sum()
    }

    fn truth(&self, class: usize) -> u64 {
        self.counts[class * self.classes..][..self.classes]
            .iter()
            .sum()
    }
}

impl Resumable for ConfusionMatrix {
    fn state(&self) -> Vec<(String, Array)> {
        vec![("counts".to_owned(), self.counts())]
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let mut state = StateReader::new(state);
        let counts = state.array("counts")?;
        let shape = [self.classes; 2];
        if counts.shape() != shape {
            return Err(Mismatch::Shape {
                name: "counts".to_owned(),
                expected: ShapePattern::from(&shape[..]),
                found: Shape::from_slice(counts.shape()),
            });
        }
        if counts.dtype() != DType::I64 || counts.iter::<i64>().any(|&n| n < 0) {
            return Err(Mismatch::value("counts", "not counts"));
        }
        state.finish()?;
        self.counts = counts.iter::<i64>().map(|&n| n as u64).collect();
        Ok(())
    }
}

/// Scores (…, classes) and labels (…); its value is the accuracy.
impl Metric for ConfusionMatrix {
    fn name(&self) -> &str {
        "accuracy"
    }

    #[track_caller]
    fn update(&mut self, y: &Array, t: &Array) {
        let (_, classes) = rows_and_classes("ConfusionMatrix", y, t);
        if classes != self.classes {
            panic!(
                "ConfusionMatrix: of {} classes, got scores of shape {:?}",
                self.classes,
                y.shape()
            );
        }
        self.add_labels(&y.argmax_axis(-1, false), t);
    }

    fn value(&self) -> f64 {
        self.accuracy()
    }

    fn reset(&mut self) {
        self.counts.fill(0);
    }
}

impl fmt::Debug for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "confusion matrix, rows are the truth:\n{}",
            self.counts()
        )
    }
}

//! Metrics against scikit-learn's numbers; see tests/golden/metrics.py.

use std::collections::BTreeMap;

use dezero::training::Resumable;
use dezero::training::metrics::{
    Accuracy, Average, ConfusionMatrix, F1, Mean, MeanAbsoluteError, MeanSquaredError, Metric,
    Perplexity, Precision, Recall, TopK,
};
use dezero::weights::Mismatch;
use dezero::{Array, s};

fn golden() -> BTreeMap<String, Array> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.npz");
    dezero::weights::read(path).unwrap().into_iter().collect()
}

/// Counts in batches of 7, the last of them smaller, with a stop and a resumption after each.
fn value(mut metric: impl Metric + Clone, y: &Array, t: &Array) -> f64 {
    let fresh = metric.clone();
    let n = y.shape()[0] as isize;
    for start in (0..n).step_by(7) {
        let end = (start + 7).min(n);
        metric.update(&y.get(s![start..end]), &t.get(s![start..end]));
        let mut resumed = fresh.clone();
        resumed.set_state(metric.state()).unwrap();
        metric = resumed;
    }
    metric.value()
}

#[track_caller]
fn close(found: f64, expected: &Array) {
    let expected = expected.item();
    assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
}

#[test]
fn classification_is_scikit_learns() {
    let golden = golden();
    for case in ["five", "absent", "two"] {
        let of = |key: &str| &golden[&format!("{case}/{key}")];
        let (y, t) = (of("y"), of("t"));
        let classes = y.shape()[1];
        close(value(Accuracy::new(), y, t), of("accuracy"));
        close(value(TopK::new(2), y, t), of("top2"));
        close(value(TopK::new(3), y, t), of("top3"));
        close(value(Perplexity::new(), y, t), of("perplexity"));
        close(value(Precision::new(classes), y, t), of("precision_macro"));
        close(
            value(Recall::new(classes).micro(), y, t),
            of("recall_micro"),
        );
        close(value(F1::new(classes), y, t), of("f1_macro"));
        close(value(ConfusionMatrix::new(classes), y, t), of("accuracy"));
        let mut matrix = ConfusionMatrix::new(classes);
        matrix.update(y, t);
        assert_eq!(matrix.counts(), *of("confusion_matrix"));
        type Score = fn(&ConfusionMatrix, Average) -> Vec<f64>;
        let scores: [(&str, Score); 3] = [
            ("precision", ConfusionMatrix::precision),
            ("recall", ConfusionMatrix::recall),
            ("f1", ConfusionMatrix::f1),
        ];
        for (name, score) in scores {
            close(
                score(&matrix, Average::Macro)[0],
                of(&format!("{name}_macro")),
            );
            close(
                score(&matrix, Average::Micro)[0],
                of(&format!("{name}_micro")),
            );
            let per_class = Array::from_vec(score(&matrix, Average::PerClass), [classes]);
            assert!(per_class.allclose(of(&format!("{name}_per_class")), 1e-12, 0.0));
        }
    }
}

#[test]
fn regression_is_scikit_learns() {
    let golden = golden();
    let (y, t) = (&golden["regression/y"], &golden["regression/t"]);
    close(
        value(MeanAbsoluteError::new(), y, t),
        &golden["regression/mae"],
    );
    close(
        value(MeanSquaredError::new(), y, t),
        &golden["regression/mse"],
    );
}

#[test]
fn leading_axes_are_rows() {
    let golden = golden();
    let (y, t) = (&golden["five/y"], &golden["five/t"]);
    let (y, t) = (y.reshape([6, 10, 5]), t.reshape([6, 10]));
    close(value(Accuracy::new(), &y, &t), &golden["five/accuracy"]);
    close(value(Perplexity::new(), &y, &t), &golden["five/perplexity"]);
    close(value(TopK::new(2), &y, &t), &golden["five/top2"]);
}

#[test]
fn nothing_counted_is_nan_and_reset_forgets() {
    let (y, t) = (Array::new([[0.0, 1.0]]), Array::new([1]));
    let metrics: [Box<dyn Metric>; 5] = [
        Box::new(Accuracy::new()),
        Box::new(TopK::new(1)),
        Box::new(F1::new(2)),
        Box::new(Perplexity::new()),
        Box::new(ConfusionMatrix::new(2)),
    ];
    for mut metric in metrics {
        assert!(metric.value().is_nan(), "{}", metric.name());
        metric.update(&y, &t);
        assert!(metric.value() > 0.0, "{}", metric.name());
        metric.reset();
        assert!(metric.value().is_nan(), "{}", metric.name());
    }
}

#[test]
fn a_state_of_something_else_is_refused_and_changes_nothing() {
    let mut matrix = ConfusionMatrix::new(2);
    matrix.add_labels(&Array::new([1]), &Array::new([0]));
    let before = matrix.clone();
    for state in [
        ConfusionMatrix::new(3).state(),
        Mean::new().state(),
        vec![("counts".to_owned(), Array::new([[1, -1], [0, 0]]))],
        vec![("counts".to_owned(), Array::new([[0.5, 1.0], [0.0, 0.0]]))],
        Vec::new(),
    ] {
        matrix.set_state(state).unwrap_err();
        assert_eq!(matrix, before);
    }
    let mut step = 3_u64;
    let negative = vec![(String::new(), Array::scalar(-1_i64))];
    assert!(matches!(
        step.set_state(negative),
        Err(Mismatch::Value { .. })
    ));
    assert_eq!(step, 3);
}

#[test]
#[should_panic(expected = "ConfusionMatrix: label 2 is not one of 2 classes")]
fn a_label_beyond_the_classes() {
    ConfusionMatrix::new(2).update(&Array::new([[0.0, 1.0]]), &Array::new([2]));
}

#[test]
#[should_panic(expected = "accuracy: scores [1, 2] take 1 labels, got shape [3]")]
fn too_many_labels() {
    Accuracy::new().update(&Array::new([[0.0, 1.0]]), &Array::new([1, 0, 1]));
}

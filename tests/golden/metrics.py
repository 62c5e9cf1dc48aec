"""Golden numbers of the metrics, by scikit-learn in float64: `python metrics.py` with scikit-learn installed."""

import pathlib

import numpy as np
from sklearn import metrics

random = np.random.RandomState(7)
entries = {}


def classification(case, n, classes, present):
    """Scores with ties left out, labels of the first `present` classes only."""
    t = random.randint(0, present, size=n)
    y = random.randn(n, classes)
    y[np.arange(n), t] += 0.8 * random.randint(0, 3, size=n)
    found, labels = y.argmax(1), range(classes)
    p = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    entries.update({
        f"{case}/y": y,
        f"{case}/t": t,
        f"{case}/accuracy": metrics.accuracy_score(t, found),
        f"{case}/confusion_matrix": metrics.confusion_matrix(t, found, labels=labels),
        f"{case}/perplexity": np.exp(metrics.log_loss(t, p, labels=labels)),
    })
    for k in (2, 3):
        entries[f"{case}/top{k}"] = metrics.top_k_accuracy_score(t, y, k=k, labels=labels)
    for name in ("precision", "recall", "f1"):
        score = getattr(metrics, f"{name}_score")
        for average in ("macro", "micro", None):
            entries[f"{case}/{name}_{average or 'per_class'}"] = score(
                t, found, labels=labels, average=average, zero_division=0)


classification("five", 60, 5, 5)
classification("absent", 20, 6, 3)  # classes that never occur
classification("two", 30, 4, 2)

y, t = random.randn(12, 3), random.randn(12, 3)
entries.update({
    "regression/y": y,
    "regression/t": t,
    "regression/mae": metrics.mean_absolute_error(t, y),
    "regression/mse": metrics.mean_squared_error(t, y),
})
np.savez_compressed(pathlib.Path(__file__).with_name("metrics.npz"), **entries)

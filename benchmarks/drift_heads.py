"""Heads on embeddings, and their predictions for photos of groups that they were not fitted to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Array = NDArray[Any]

FOLDS = 5


def fit_head(embeddings: Array, labels: Array) -> Pipeline:
    """A logistic regression."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200)).fit(embeddings, labels)


def predict(head: Pipeline, embeddings: Array, classes: int) -> Array:
    """Probabilities (P, C); a class that the head never saw has none."""
    outputs = np.zeros((len(embeddings), classes))
    outputs[:, head.classes_] = head.predict_proba(embeddings)
    return outputs


def predict_out_of_fold(
    embeddings: dict[str, Array], groups: Array, labels: Array, seed: int, classes: int
) -> dict[str, Array]:
    """Probabilities (P, C) of each change, from heads that were fitted without the photo's group."""
    outputs = {change: np.zeros((len(labels), classes)) for change in embeddings}
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=seed).split(labels, groups=groups):
        head = fit_head(embeddings["quiet"][train], labels[train])
        for change, rows in embeddings.items():
            outputs[change][test] = predict(head, rows[test], classes)
    return outputs

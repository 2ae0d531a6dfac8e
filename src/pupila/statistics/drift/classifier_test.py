"""Whether a classifier tells two samples apart, and by which images it does so most easily."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from pupila.statistics.probe import FOLDS

Array = NDArray[Any]
MOST_GROUPS = 2000  # of each sample
_PERMUTATIONS = 999
_AT_ONCE = 100  # permutations
_PENALTY = 0.1  # of ridge regression, relative to the mean square of a standardised feature


@dataclass(frozen=True, slots=True)
class ClassifierTest:
    """The result."""

    auc: float  # of the classifier on groups that it was not fitted to; 0.5: it can't tell them apart
    p_value: float  # that both samples come from one population
    scores: Array  # (H,) of the second sample; a higher one is less like the first sample


def compare_samples(first: Array, second: Array, seed: int = 0) -> ClassifierTest:
    """Cross-validated linear discriminant of two samples, with the p-value of a permutation test.

    The labels of all groups are permuted and the classifier is fitted again on the same folds, so that the p-value is
    exact whatever the features are, if the groups are exchangeable.

    Args:
        first: (G, D) features, a row for each group, NaN where unknown.
        second: (H, D).
        seed: of the folds and permutations.

    Source: Lopez-Paz and Oquab 2017, arXiv:1610.06545; least squares on the labels is Fisher's discriminant; Phipson
    and Smyth 2010 for counting the observed labels.
    """
    features = _standardise(np.concatenate([first, second]))
    rng = np.random.default_rng(seed)
    labels = np.repeat([0.0, 1.0], [len(first), len(second)])
    fold = rng.permutation(len(labels)) % FOLDS
    observed = _predict_held_out(features, labels[:, None], fold)[:, 0]
    auc, at_least = _measure_auc(observed[:, None], labels[:, None])[0], 1
    for start in range(0, _PERMUTATIONS, _AT_ONCE):
        count = min(_AT_ONCE, _PERMUTATIONS - start)
        permuted = rng.permuted(np.tile(labels, (count, 1)), axis=1).T
        at_least += int(
            (_measure_auc(_predict_held_out(features, permuted, fold), permuted) >= auc - 1e-12).sum()
        )
    return ClassifierTest(float(auc), at_least / (_PERMUTATIONS + 1), observed[len(first) :])


def _standardise(features: Array) -> Array:
    """(N, D) with mean 0 and variance 1; an unknown value is the mean."""
    centred = np.where(np.isnan(features), 0.0, features - _known_mean(features))
    spread = np.sqrt((centred**2).mean(axis=0))
    return np.asarray(centred / np.where(spread > 1e-12, spread, 1.0))


def _known_mean(features: Array) -> Array:
    known = ~np.isnan(features)
    return np.asarray(np.where(known, features, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _predict_held_out(features: Array, labels: Array, fold: Array) -> Array:
    """(N, B) scores of each row by the discriminants of the other folds, for (N, B) labels."""
    scores = np.empty(labels.shape)
    for number in range(FOLDS):
        rest, own = fold != number, fold == number
        inputs, targets = features[rest], labels[rest] - labels[rest].mean(axis=0)
        mean = inputs.mean(axis=0)
        inputs = inputs - mean
        system = inputs.T @ inputs + _PENALTY * len(inputs) * np.eye(features.shape[1])
        scores[own] = (features[own] - mean) @ np.linalg.solve(system, inputs.T @ targets)
    return scores


def _measure_auc(scores: Array, labels: Array) -> Array:
    """(B,) areas under the ROC curve of the columns; equal scores count half."""
    ranks = rankdata(scores, axis=0)
    ones = labels.sum(axis=0)
    zeros = len(labels) - ones
    return np.asarray(((ranks * labels).sum(axis=0) - ones * (ones + 1) / 2) / (ones * zeros))

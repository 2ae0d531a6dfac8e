"""A probe of features: how much of the targets a linear model predicts in groups that it has not learned from."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.records import Record

Array = NDArray[Any]
FOLDS, _REPEATS = 5, 3
_PENALTY = 0.3  # of ridge regression, relative to the mean square of a standardised feature


def probe_errors(features: Array, targets: Array, groups: Array) -> Array:
    """(N,) squared errors of ridge regression on standardised features, relative to those of the mean target.

    Their mean is 1 - R2: 0 where all targets are predicted, 1 where the features say nothing. Each image is predicted
    three times, by models of the four fifths of the groups that it does not belong to.

    Args:
        features: (N, D) float.
        targets: (N, C) float: 1 for a class that an image shows and 0 for one that it does not, NaN where unknown.
        groups: (N,) group numbers, `FOLDS` different ones at least.
    """
    known, centred = _centre(targets)
    errors = np.zeros(len(targets))
    for predicted in _cross_predict([features], centred, groups):
        errors += np.where(known, (predicted - centred) ** 2, 0).sum(axis=1) / _REPEATS
    return errors / max(float((centred**2).sum(axis=1).mean()), 1e-12)


def probe_hits(views: Sequence[Array], targets: Array, groups: Array) -> Array:
    """(N,) how often ridge regression on all views predicts the first view of an image rightly: a mean of 0 and 1.

    Right is the class with the largest prediction where each image shows one class, else the mean over its known
    classes of those on the right side of one half.

    Args:
        views: (N, D) float features of the images, and of changed copies of them.
        targets: see `probe_errors`.
        groups: (N,) group numbers, `FOLDS` different ones at least.
    """
    known, centred = _centre(targets)
    means = np.where(known, targets - centred, 0.0)
    hits = np.zeros(len(targets))
    exclusive = bool(known.all() and (targets.sum(axis=1) == 1).all())
    for predicted in _cross_predict(views, centred, groups):
        whole = predicted + means
        if exclusive:
            hits += (whole.argmax(axis=1) == targets.argmax(axis=1)) / _REPEATS
        else:
            right = ((whole > 0.5) == (targets > 0.5)) & known
            hits += right.sum(axis=1) / np.maximum(known.sum(axis=1), 1) / _REPEATS
    return hits


def _centre(targets: Array) -> tuple[Array, Array]:
    """(N, C) which targets are known, and the targets minus their means, 0 where unknown."""
    known = np.isfinite(targets)
    means = np.where(known, targets, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return known, np.where(known, targets - means, 0.0)


def _cross_predict(views: Sequence[Array], centred: Array, groups: Array) -> Iterator[Array]:
    """(N, C) predictions for the first view by models of the groups that an image is not in; again with new folds."""
    stacked = np.concatenate(views)
    standardised = (stacked - stacked.mean(axis=0)) / (stacked.std(axis=0) + 1e-6)
    kernel = standardised @ standardised.T / stacked.shape[1]
    count = len(centred)
    _, group = np.unique(groups, return_inverse=True)
    for repeat in range(_REPEATS):
        folds = (np.random.default_rng(repeat).permutation(int(group.max()) + 1) % FOLDS)[group]
        predicted = np.zeros_like(centred)
        for fold in range(FOLDS):
            own, rest = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            train = np.concatenate([own + number * count for number in range(len(views))])
            system = kernel[np.ix_(train, train)] + _PENALTY * np.eye(len(train))
            mean = centred[own].mean(axis=0)
            weights = np.linalg.solve(system, np.tile(centred[own] - mean, (len(views), 1)))
            predicted[rest] = kernel[np.ix_(rest, train)] @ weights + mean
        yield predicted


class ProbeComparison(Record):
    """Two kinds of features of the same images, by the errors of a probe."""

    first: float  # R2, or the share of right predictions
    second: float
    standard_error: float  # of their difference, over groups

    @property
    def second_is_far_better(self) -> bool:
        """Whether the second is larger by more than two standard errors of the difference."""
        return self.second - self.first > 2 * self.standard_error

    @property
    def second_is_better(self) -> bool:
        """Whether the second R2 is larger, by more than a standard error of the difference."""
        return self.second - self.first > self.standard_error


def compare_probes(first: Array, second: Array, groups: Array) -> ProbeComparison:
    """Compare the (N,) errors of two probes of the same images: see `probe_errors`; or 1 minus their hits."""
    gain = first - second
    _, group = np.unique(groups, return_inverse=True)
    sums = np.bincount(group, gain - gain.mean())
    return ProbeComparison(
        first=1 - float(first.mean()),
        second=1 - float(second.mean()),
        standard_error=float(np.sqrt((sums**2).sum())) / len(gain),
    )

"""A probe of features: how much of the targets a linear model predicts in groups that it has not learned from."""

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
    standardised = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    kernel = standardised @ standardised.T / features.shape[1]
    known = np.isfinite(targets)
    means = np.where(known, targets, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, targets - means, 0.0)
    _, group = np.unique(groups, return_inverse=True)
    errors = np.zeros(len(targets))
    for repeat in range(_REPEATS):
        folds = (np.random.default_rng(repeat).permutation(int(group.max()) + 1) % FOLDS)[group]
        for fold in range(FOLDS):
            train, rest = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            system = kernel[np.ix_(train, train)] + _PENALTY * np.eye(len(train))
            own = centred[train].mean(axis=0)
            weights = np.linalg.solve(system, centred[train] - own)
            predicted = kernel[np.ix_(rest, train)] @ weights + own
            errors[rest] += np.where(known[rest], (predicted - centred[rest]) ** 2, 0).sum(axis=1) / _REPEATS
    return errors / max(float((centred**2).sum(axis=1).mean()), 1e-12)


class ProbeComparison(Record):
    """Two kinds of features of the same images, by the errors of a probe."""

    first: float  # R2
    second: float
    standard_error: float  # of their difference, over groups

    @property
    def second_is_better(self) -> bool:
        """Whether the second R2 is larger, by more than a standard error of the difference."""
        return self.second - self.first > self.standard_error


def compare_probes(first: Array, second: Array, groups: Array) -> ProbeComparison:
    """Compare the (N,) errors of two probes of the same images: see `probe_errors`."""
    gain = first - second
    _, group = np.unique(groups, return_inverse=True)
    sums = np.bincount(group, gain - gain.mean())
    return ProbeComparison(
        first=1 - float(first.mean()),
        second=1 - float(second.mean()),
        standard_error=float(np.sqrt((sums**2).sum())) / len(gain),
    )

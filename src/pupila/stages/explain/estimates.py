"""Means over images with intervals over their groups."""

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.statistics.estimate import Difference, Estimate
from pupila.statistics.intervals import MIN_GROUPS, bootstrap_mean


def estimate_mean(values: Array, groups: Array) -> Estimate:
    """The mean of (N,) values of images in (N,) groups."""
    if len(np.unique(groups)) < MIN_GROUPS:
        return Estimate(value=float(values.mean()))
    low, high = bootstrap_mean(groups, values)
    return Estimate(value=float(values.mean()), low=low, high=high)


def estimate_difference(first: Array, other: Array, groups: Array) -> Difference:
    """The mean of paired differences, first minus other."""
    between = estimate_mean(first - other, groups)
    return Difference.between(float(first.mean()), float(other.mean()), between.low, between.high)

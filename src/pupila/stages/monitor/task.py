"""What a task adds to monitoring: how accurate its predictions are expected to be, and how its classes have shifted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.report.drift import ClassShare
from pupila.statistics.drift.label_shift import estimate_priors, prior_interval
from pupila.statistics.drift.observations import Observations
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import MIN_GROUPS, wilson_interval

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class MonitoredTask:
    """One task; the texts are marked for translation."""

    correctness: Callable[[Observations, BundleInfo], Array]  # (G,) probability of a correct prediction
    accuracy: str  # what is estimated
    shares: Callable[[list[str], Observations, Observations], list[ClassShare]]  # classes, reference, log
    shares_title: str
    shares_note: str  # how the shares are estimated, and what that assumes


def expect_confidence(observations: Observations, info: BundleInfo) -> Array:
    """The calibrated confidence itself."""
    return observations.confidence


def estimate_shares(probabilities: Array, reference: Array) -> list[Estimate]:
    """The share of each class by expectation maximisation, with its interval where there are enough groups.

    Args:
        probabilities: (G, C) of the log, rows add up to one.
        reference: (H, C) of the reference; without any row of either, nothing is estimated.
    """
    if not len(probabilities) or not len(reference):
        return [Estimate(value=None)] * reference.shape[1]
    shares = estimate_priors(probabilities, reference.mean(axis=0)).clip(0, 1)  # rounding may pass the ends
    if min(len(probabilities), len(reference)) < MIN_GROUPS:
        return [Estimate(value=float(share)) for share in shares]
    ends = prior_interval(probabilities, reference, shares).clip(0, 1)
    return [
        _widen(float(share), own, len(probabilities))
        for share, own in zip(shares, ends.T.tolist(), strict=True)
    ]


def _widen(share: float, own: list[float], groups: int) -> Estimate:
    """The share with an interval no narrower than that of labels of as many groups: at 0 and 1 a bootstrap has none."""
    least, most = wilson_interval(share * groups, groups)
    return Estimate(value=share, low=min(share, least, *own), high=max(share, most, *own))


def known_rows(observations: Observations) -> Array:
    """(G, C) outputs of the groups in which all of them are known."""
    outputs = observations.outputs
    return outputs[~np.isnan(outputs).any(axis=1)]


def mean_shares(outputs: Array) -> list[float] | list[None]:
    """(C,) mean of each class over the rows of (G, C) outputs; None where there is no row."""
    return [float(mean) for mean in outputs.mean(axis=0)] if len(outputs) else [None] * outputs.shape[1]

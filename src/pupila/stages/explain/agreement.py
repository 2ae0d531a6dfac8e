"""Whether the fold models of an ensemble find their evidence at the same places."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from pupila.artifacts.report.explanation import Agreement, AgreementVerdict
from pupila.imaging.images.decode import Array
from pupila.stages.explain.estimates import estimate_mean
from pupila.statistics.estimate import Estimate
from pupila.statistics.localisation import rank_correlation

AGREES = 0.7  # rank correlation from which two maps share about half of the variance of their ranks


def check_agreement(maps: Sequence[Sequence[Array]], groups: Array) -> Agreement:
    """The rank correlation between the maps of each two members, mean over the pairs of an image.

    Args:
        maps: of M members, two or more; of each those of the same N images and classes.
        groups: (N,) group numbers.
    """
    values = [
        np.mean([rank_correlation(*pair) for pair in combinations(image, 2)])
        for image in zip(*maps, strict=True)
    ]
    correlation = estimate_mean(np.array(values), groups)
    return Agreement(
        members=len(maps), images=len(values), groups=len(np.unique(groups)), correlation=correlation,
        verdict=decide(correlation),
    )  # fmt: skip


def decide(correlation: Estimate) -> AgreementVerdict:
    """The verdict: it needs an interval."""
    if correlation.low is None or correlation.high is None:
        return "undecided"
    if correlation.low > AGREES:
        return "same places"
    return "different places" if correlation.high < AGREES else "undecided"

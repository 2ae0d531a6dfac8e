"""Comparing classifiers on the same images: change in %, an exact test over groups, paired intervals."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from pupila.artifacts.report.evaluation.classify import ClassifyComparison
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.classify.predictions import ClassPredictions
from pupila.stages.evaluate.verdicts import add_verdicts, widen_interval
from pupila.statistics.estimate import Difference
from pupila.statistics.intervals import MIN_GROUPS, Statistic, bootstrap, paired_interval
from pupila.statistics.metrics.classify import OVERALL
from pupila.statistics.metrics.estimates import resampled_metric
from pupila.statistics.tests import images_for_power, sign_flip

_UNSEEN = 2  # images, as if they differed in groups that differ as one


def compare(
    first: ClassPredictions, others: Sequence[ClassPredictions], targets: Array, groups: Array, classes: int
) -> list[ClassifyComparison]:
    """Each other model beside the first, on the same N images.

    Args:
        first: the model that is evaluated.
        others: what it is compared with; all have predictions for the same rows.
        targets: (N,) class numbers.
        groups: (N,) group numbers.
        classes: C.

    Returns:
        One row for each other: differences are first minus other, so "better" refers to the first.
    """
    return add_verdicts([_compare_pair(first, other, targets, groups, classes) for other in others])


def _compare_pair(
    first: ClassPredictions, other: ClassPredictions, targets: Array, groups: Array, classes: int
) -> ClassifyComparison:
    ours, theirs = first.class_indices == targets, other.class_indices == targets
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    effect = _design_effect(ours.astype(float) - theirs, groups)
    enough = len(set(groups.tolist())) >= MIN_GROUPS
    metrics = {}
    for name, metric in OVERALL.items():
        statistics = [resampled_metric(targets, a.class_indices, classes, metric) for a in (first, other)]
        values = [float(statistic(np.ones((1, len(targets)), dtype=np.int64))[0]) for statistic in statistics]
        low, high = None, None
        if enough and name == "accuracy":
            low, high = paired_interval(only_ours / effect, only_theirs / effect, len(targets) / effect)
        elif enough:
            low, high = widen_interval(*bootstrap(groups, partial(_difference, statistics)), groups)
        metrics[name] = Difference.between(values[0], values[1], low, high)
    return ClassifyComparison(
        name=other.name, version=other.version, n=len(targets), only_first=only_ours, only_other=only_theirs,
        p_value=sign_flip(ours.astype(float) - theirs, groups), primary_metric="accuracy", metrics=metrics,
        images_to_settle=images_for_power(only_ours, only_theirs, len(targets), effect) if enough else None,
    )  # fmt: skip


def _design_effect(differences: Array, groups: Array) -> float:
    """How many images of these groups carry the information of one independent image.

    The variance of the mean when groups are resampled, over that when images are resampled. Few differing images
    say little about clustering, so a few more are assumed in groups that differ as a whole.

    Args:
        differences: (N,) -1, 0 or 1.
        groups: (N,) group numbers.

    Source: Kish 1965, design effect.
    """
    _, place = np.unique(groups, return_inverse=True)
    worst = len(groups) / (place.max() + 1)
    centred = differences - differences.mean()
    alone, together = (centred**2).sum(), (np.bincount(place, centred) ** 2).sum()
    measured = max(1.0, together / alone) if alone else worst
    differing = np.abs(differences).sum()
    return float((differing * measured + _UNSEEN * worst) / (differing + _UNSEEN))


def _difference(statistics: list[Statistic], times: Array) -> Array:
    return statistics[0](times) - statistics[1](times)

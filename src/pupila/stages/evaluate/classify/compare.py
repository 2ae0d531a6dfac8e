"""Comparing classifiers on the same images: change in %, an exact test, paired intervals."""

from functools import partial

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.classify.predictions import ClassAnswers
from pupila.stages.evaluate.evaluator import Compared
from pupila.stages.evaluate.verdicts import decided, unsure
from pupila.statistics.intervals import FEW_GROUPS, Statistic, bootstrap, paired_interval
from pupila.statistics.metrics.classify import OVERALL
from pupila.statistics.metrics.estimates import drawn
from pupila.statistics.tests import images_to_settle, mcnemar

_UNSEEN = 2  # images, as if they differed in groups that differ as one


def compare(
    first: ClassAnswers, others: list[ClassAnswers], truth: Array, groups: Array, classes: int
) -> list[Compared]:
    """Each other model beside the first, on the same N images.

    Args:
        first: the model that is judged.
        others: what it is compared with; all answer the same rows.
        truth: (N,) class numbers.
        groups: (N,) group numbers.
        classes: C.

    Returns:
        One row for each other: differences are first minus other, so "better" is said of the first.
    """
    return decided([_one(first, other, truth, groups, classes) for other in others])


def _one(first: ClassAnswers, other: ClassAnswers, truth: Array, groups: Array, classes: int) -> Compared:
    ours, theirs = first.answers == truth, other.answers == truth
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    effect = _design_effect(ours.astype(float) - theirs, groups)
    enough = len(set(groups.tolist())) >= FEW_GROUPS
    metrics = {}
    for name, metric in OVERALL.items():
        of = [drawn(truth, a.answers, classes, metric) for a in (first, other)]
        values = [float(one(np.ones((1, len(truth)), dtype=np.int64))[0]) for one in of]
        low, high = None, None
        if enough and name == "accuracy":
            low, high = paired_interval(only_ours / effect, only_theirs / effect, len(truth) / effect)
        elif enough:
            low, high = unsure(*bootstrap(groups, partial(_difference, of)), groups)
        change = (values[0] - values[1]) / values[1] if values[1] else None
        metrics[name] = {"first": values[0], "other": values[1], "change": change, "low": low, "high": high}
    return {
        "name": other.name, "version": other.version, "n": len(truth), "only_first": only_ours,
        "only_other": only_theirs, "p_value": mcnemar(only_ours, only_theirs), "by": "accuracy", "metrics": metrics,
        "images_to_settle": images_to_settle(only_ours, only_theirs, len(truth), effect) if enough else None,
    }  # fmt: skip


def _design_effect(differences: Array, groups: Array) -> float:
    """How many images of these groups tell as much of a difference as one image that stands alone.

    The variance of the mean when whole groups are drawn, over that when images are drawn. Where few images differ
    they tell little of how they cluster: as if a few more stood in groups that differ as one.

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


def _difference(of: list[Statistic], times: Array) -> Array:
    return of[0](times) - of[1](times)

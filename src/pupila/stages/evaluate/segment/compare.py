"""Comparing masks of two models on the same images: change in %, a sign-flip test, paired intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.report.evaluation.report import Comparison
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import EvaluationSet
from pupila.stages.evaluate.segment.predictions import MaskPredictions
from pupila.stages.evaluate.verdicts import add_verdicts, widen_interval
from pupila.statistics.estimate import Difference
from pupila.statistics.intervals import MIN_GROUPS, bootstrap_all
from pupila.statistics.metrics.overlap import FIGURES, PER_IMAGE, OverlapCounts, overlap_statistics
from pupila.statistics.metrics.segment import selection_metric
from pupila.statistics.tests import images_for_mean_power, sign_flip

_POOLED = len(PER_IMAGE)  # row of the pooled figures in `statistics`


def compare(first: MaskPredictions, others: Sequence[MaskPredictions], on: EvaluationSet) -> list[Comparison]:
    """Each other model beside the first, image by image: two classes by their Dice, more by the mean IoU of an image.

    Returns:
        One row for each other: differences are first minus other, so "better" refers to the first.
    """
    by = selection_metric(len(on.data.classes))
    return add_verdicts([
        Comparison(
            name=other.name, version=other.version,
            **vars(compare_pair(first.overlaps, other.overlaps, on.groups, by)),
        )
        for other in others
    ])  # fmt: skip


@dataclass(frozen=True)
class PairedMetrics:
    """The fields of a comparison that masks decide."""

    n: int
    primary_metric: str
    metrics: dict[str, Difference]
    p_value: float
    images_to_settle: int | None


def compare_pair(first: OverlapCounts, other: OverlapCounts, groups: Array, metric: str) -> PairedMetrics:
    """Two models' figures with the intervals of their differences, and a test.

    Args:
        first: of N images, or of N masks.
        other: of the same.
        groups: (N,) group numbers.
        metric: id of the metric whose mean decides, one of `FIGURES`.
    """
    labelled = first.labelled
    groups = groups[labelled]
    ours, theirs = (overlaps.select(labelled) for overlaps in (first, other))

    def both(times: Array) -> Array:
        """(B, 2, 2, M): ours and theirs; mean and pooled figures."""
        return np.stack(
            [overlap_statistics(overlaps, times)[:, [0, _POOLED]] for overlaps in (ours, theirs)], axis=1
        )

    values = both(np.ones((1, len(groups)), dtype=np.int64))[0]
    enough = len(np.unique(groups)) >= MIN_GROUPS
    ends = (
        bootstrap_all(groups, lambda times: np.subtract(*np.moveaxis(both(times), 1, 0))) if enough else None
    )
    metrics = {}
    for kind, aggregation in enumerate(("mean", "pooled")):
        for number, name in enumerate(FIGURES):
            our_value, their_value = values[:, kind, number].tolist()
            low, high = None, None
            if ends is not None:
                low, high = widen_interval(float(ends[0, kind, number]), float(ends[1, kind, number]), groups)
            metrics[f"{aggregation}_{name}"] = Difference.between(our_value, their_value, low, high)
    differences = np.subtract(*(overlaps.scores[0][:, FIGURES.index(metric)] for overlaps in (ours, theirs)))
    return PairedMetrics(
        n=len(groups), primary_metric=f"mean_{metric}", metrics=metrics,
        p_value=sign_flip(differences, groups),
        images_to_settle=images_for_mean_power(differences, groups) if enough else None,
    )  # fmt: skip

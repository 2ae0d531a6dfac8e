"""Comparing masks of two models on the same images: change in %, a sign-flip test, paired intervals."""

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import Bench, Compared
from pupila.stages.evaluate.segment.predictions import MaskAnswers
from pupila.stages.evaluate.verdicts import decided, unsure
from pupila.statistics.intervals import FEW_GROUPS, bootstrap_all
from pupila.statistics.metrics.overlap import FIGURES, PER_IMAGE, Overlaps, statistics
from pupila.statistics.metrics.segment import chosen_by
from pupila.statistics.tests import images_to_tell, sign_flip

_POOLED = len(PER_IMAGE)  # row of the pooled figures in `statistics`


def compare(first: MaskAnswers, others: list[MaskAnswers], bench: Bench) -> list[Compared]:
    """Each other model beside the first, image by image: two classes by their Dice, more by the mean IoU of an image.

    Returns:
        One row for each other: differences are first minus other, so "better" is said of the first.
    """
    by = chosen_by(len(bench.data.classes))
    return decided([
        {
            "name": other.name, "version": other.version,
            **paired(first.overlaps, other.overlaps, bench.groups, f"{by} per image"),
        }
        for other in others
    ])  # fmt: skip


def paired(first: Overlaps, other: Overlaps, groups: Array, by: str) -> Compared:
    """Two models' figures with the intervals of their differences, and a test.

    Args:
        first: of N images, or of N masks.
        other: of the same.
        groups: (N,) group numbers.
        by: the figure that decides, and what N counts, as in "Dice per image".
    """
    labelled, (figure, _, unit) = first.labelled, by.partition(" per ")
    groups = groups[labelled]
    ours, theirs = (one.on(labelled) for one in (first, other))

    def both(times: Array) -> Array:
        """(B, 2, 2, M): ours and theirs; mean and pooled figures."""
        return np.stack([statistics(one, times)[:, [0, _POOLED]] for one in (ours, theirs)], axis=1)

    values = both(np.ones((1, len(groups)), dtype=np.int64))[0]
    enough = len(np.unique(groups)) >= FEW_GROUPS
    ends = (
        bootstrap_all(groups, lambda times: np.subtract(*np.moveaxis(both(times), 1, 0))) if enough else None
    )
    metrics = {}
    for kind, suffix in enumerate((f"per {unit}", "pooled")):
        for number, name in enumerate(FIGURES):
            one, two = values[:, kind, number].tolist()
            low, high = None, None
            if ends is not None:
                low, high = unsure(float(ends[0, kind, number]), float(ends[1, kind, number]), groups)
            change = (one - two) / two if two else None
            metrics[f"{name} {suffix}"] = {
                "first": one,
                "other": two,
                "change": change,
                "low": low,
                "high": high,
            }
    differences = np.subtract(*(one.scores[0][:, FIGURES.index(figure)] for one in (ours, theirs)))
    return {
        "n": len(groups), "by": by, "metrics": metrics, "p_value": sign_flip(differences, groups),
        "images_to_settle": images_to_tell(differences, groups) if enough else None,
    }  # fmt: skip

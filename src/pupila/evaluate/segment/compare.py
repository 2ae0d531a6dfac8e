"""Comparing masks of two models on the same images: change in %, a sign-flip test, paired intervals."""

import numpy as np

from pupila.evaluate.segment.answers import MaskAnswers
from pupila.evaluate.story import Bench, Compared
from pupila.evaluate.verdicts import decided, unsure
from pupila.images.decode import Array
from pupila.metrics.overlap import FIGURES, PER_IMAGE, statistics
from pupila.metrics.segment import chosen_by
from pupila.stats import FEW_GROUPS, bootstrap_all, images_to_tell, sign_flip

_POOLED = len(PER_IMAGE)  # row of the pooled figures in `statistics`


def compare(first: MaskAnswers, others: list[MaskAnswers], bench: Bench) -> list[Compared]:
    """Each other model beside the first, image by image: two classes by their Dice, more by the mean IoU of an image.

    Returns:
        One row for each other: differences are first minus other, so "better" is said of the first.
    """
    by = chosen_by(len(bench.data.classes))
    return decided([_one(first, other, bench.groups, by) for other in others])


def _one(first: MaskAnswers, other: MaskAnswers, groups: Array, by: str) -> Compared:
    labelled, place = first.overlaps.labelled, FIGURES.index(by)
    groups = groups[labelled]
    ours, theirs = (one.overlaps.on(labelled) for one in (first, other))

    def both(times: Array) -> Array:
        """(B, 2, 2, M): ours and theirs; mean and pooled figures."""
        return np.stack([statistics(one, times)[:, [0, _POOLED]] for one in (ours, theirs)], axis=1)

    values = both(np.ones((1, len(groups)), dtype=np.int64))[0]
    enough = len(np.unique(groups)) >= FEW_GROUPS
    ends = (
        bootstrap_all(groups, lambda times: np.subtract(*np.moveaxis(both(times), 1, 0))) if enough else None
    )
    metrics = {}
    for kind, suffix in enumerate(("per image", "pooled")):
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
    differences = ours.scores[0][:, place] - theirs.scores[0][:, place]
    return {
        "name": other.name, "version": other.version, "n": len(groups), "by": f"{by} per image", "metrics": metrics,
        "p_value": sign_flip(differences, groups),
        "images_to_settle": images_to_tell(differences, groups) if enough else None,
    }  # fmt: skip

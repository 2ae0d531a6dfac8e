"""What post-processing costs single classes, which a mean over classes hides: a thin one may vanish."""

from dataclasses import dataclass

import numpy as np

from pupila.statistics.intervals import MIN_GROUPS, bootstrap_mean
from pupila.statistics.metrics.segment import iou, is_present, scored_classes
from pupila.statistics.tests import SIGNIFICANT, sign_flip
from pupila.tasks.task import Array

LARGEST_FALL = (
    0.5  # share of a class's pooled IoU that post-processing may cost where too few groups tell more
)


@dataclass(frozen=True, slots=True)
class ClassLoss:
    """The IoU of a class, pooled over the images, before and after post-processing."""

    number: int  # of the class
    before: float
    after: float


def find_largest_loss(before: Array, after: Array, groups: Array) -> ClassLoss | None:
    """The class that loses most of its IoU, of those that vanish, lose over half of it, or significantly; or None.

    Args:
        before: (V, C, C) pixel counts of the raw predictions, see `confusion_counts`.
        after: (V, C, C) of the same images.
        groups: (V,) group numbers.
    """
    pooled = np.stack([iou(counts.sum(axis=0)) for counts in (before, after)])
    vanished, scored = _find_vanished(before, after), scored_classes(before.shape[-1])
    losses = [
        ClassLoss(number, *pooled[:, number].tolist())
        for number in range(before.shape[-1])
        if vanished[number]
        or (
            number in scored
            and pooled[0, number] > pooled[1, number]
            and (
                pooled[1, number] < LARGEST_FALL * pooled[0, number]
                or _falls_significantly(before, after, groups, number)
            )
        )
    ]
    return min(losses, key=lambda loss: loss.after / max(loss.before, 1e-9), default=None)


def _find_vanished(before: Array, after: Array) -> Array:
    """(C,) bool: the classes of the ground truth that were predicted somewhere, right or wrong, and no longer are."""
    labelled = before.any(axis=(0, 2))
    predicted, left = (counts.any(axis=(0, 1)) for counts in (before, after))
    return np.asarray(labelled & predicted & ~left)


def _falls_significantly(before: Array, after: Array, groups: Array, number: int) -> bool:
    """Whether the mean IoU of a class falls, over the images with it in ground truth or in one of the predictions."""
    there = (is_present(before) | is_present(after))[:, number]
    changes = (iou(after) - iou(before))[there, number]
    own = groups[there]
    if len(np.unique(own)) < MIN_GROUPS or sign_flip(changes, own) >= SIGNIFICANT:
        return False
    return bootstrap_mean(own, changes)[1] < 0

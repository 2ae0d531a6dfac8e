"""What counts of right and wrong alone allow: two models on the same images, whatever images each of them got right."""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from pupila.statistics.intervals import Array
from pupila.statistics.tests import SIGNIFICANT, mcnemar

_DRAWS = 4000  # tables of a simulation
ALWAYS_DIFFERENT: Final = "different"
NEVER_DISTINCT: Final = "not distinguishable"
DEPENDS: Final = "depends on the pairing"
PairingVerdict = Literal["different", "not distinguishable", "depends on the pairing"]


def pairing_p_values(
    first: Sequence[int], other: Sequence[int], images: Sequence[int]
) -> tuple[float, float]:
    """The smallest and the largest p-value of McNemar's exact test that the counts allow.

    With a images right in one model and b in the other, out of n, both are right on max(0, a + b - n) to min(a, b);
    the more, the fewer images they differ on, and the smaller the p-value.

    Args:
        first: images that the first model gets right, of each class; one number where classes are unknown.
        other: the same of the other model.
        images: of each class.
    """
    parts = list(zip(first, other, images, strict=True))
    most = sum(min(a, b) for a, b, _ in parts)
    least = sum(max(0, a + b - n) for a, b, n in parts)
    ours, theirs = sum(first), sum(other)
    return mcnemar(ours - most, theirs - most), mcnemar(ours - least, theirs - least)


def pairing_verdict(smallest: float, largest: float) -> PairingVerdict:
    """What holds for every pairing with p-values in this range."""
    if largest < SIGNIFICANT:
        return ALWAYS_DIFFERENT
    return NEVER_DISTINCT if smallest >= SIGNIFICANT else DEPENDS


def simulate_choice(shares: Array, images: Array, score: str) -> float:
    """The mean by which the best score of a table is above what its model is worth, where errors are independent.

    Args:
        shares: (R, C) true share of right images of each model: of negatives and positives, or of all.
        images: (C,) of each class.
        score: "f1" of the last class, or "accuracy".
    """
    rng = np.random.default_rng(0)
    right = rng.binomial(images, shares, (_DRAWS, *shares.shape))
    drawn, true = _score(right, images, score), _score(shares * images, images, score)
    best = drawn.argmax(axis=1)
    return float((drawn[np.arange(_DRAWS), best] - true[best]).mean())


def _score(right: Array, images: Array, score: str) -> Array:
    """(...) scores of (..., C) images that are right."""
    if score == "accuracy":
        return np.asarray(right.sum(axis=-1) / images.sum())
    negatives, positives = right[..., 0], right[..., 1]
    predicted = positives + images[0] - negatives
    return np.asarray(2 * positives / np.maximum(predicted + images[1], 1e-12))

"""How the outcomes of one training are scored in resamples of its images: the part that differs between tasks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.run.outcomes import Outcomes
from pupila.statistics.intervals import Array

_NUMBERS_AT_ONCE = 4_000_000  # of epochs on images in memory
Totals = Callable[[Array], Array]  # (B, V) weights of the images to (B, E, S) sums


@dataclass(frozen=True, slots=True)
class SelectionScorer:
    """The task's validation metric as a function of sums over images."""

    totals: Callable[[Outcomes, int], Totals]  # outcomes of all epochs, and the number of classes
    sums: Callable[[int], int]  # number of classes to S
    score: Callable[[Array], Array]  # (..., S) sums to (...) scores; NaN where it is not measurable


def sum_by_epoch(epochs: int, images: int, sums: int, features: Callable[[slice], Array]) -> Totals:
    """Weighted sums over images, some epochs at a time so that memory stays bounded.

    Args:
        epochs: E.
        images: V.
        sums: S.
        features: some of the epochs to (epochs, V, S): what each image adds to the sums.
    """
    at_once = max(1, _NUMBERS_AT_ONCE // max(1, images * sums))

    def totals(weights: Array) -> Array:
        parts = []
        for start in range(0, epochs, at_once):
            own = features(slice(start, min(start + at_once, epochs)))
            flat = np.moveaxis(own, 0, 1).reshape(images, -1)  # (V, epochs * S)
            parts.append((weights @ flat.astype(np.float64)).reshape(len(weights), len(own), sums))
        return np.concatenate(parts, axis=1)

    return totals

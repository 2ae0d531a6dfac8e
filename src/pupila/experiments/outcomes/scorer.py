"""How the outcomes of images are scored: the part that differs between tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.outcomes import Outcomes
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array, Statistic

_NUMBERS_AT_ONCE = 4_000_000  # of epochs on images in memory
Totals = Callable[[Array], Array]  # (B, V) weights of the images to (B, E, S) sums


@dataclass(frozen=True, slots=True)
class ImageOutcomes:
    """What several runs predicted for the same N images."""

    targets: Array  # (N, ...) as the task scores them
    runs: list[Array]  # of each run (N, ...), as the task scores them


@dataclass(frozen=True, slots=True)
class OutcomeScorer:
    """The task's validation metric: of predictions on any selection of images, and of all epochs of a training."""

    # Of the predictions of runs, to compare them.
    # Tables `oof.parquet` with the same N images in the same order, and the data set, to outcomes.
    read: Callable[[Sequence[pl.DataFrame], Dataset], ImageOutcomes]
    # (M, ...) outcomes and (M, ...) targets to the metric of (B, M) multiplicities.
    statistic: Callable[[Array, Array], Statistic]
    # The first model of an evaluation's report to its metrics by the ids of validation.
    report_metrics: Callable[[Any], dict[str, Estimate]]
    # Of all epochs of a training, as a function of sums over images, to repeat the choice among them.
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

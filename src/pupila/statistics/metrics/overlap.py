"""Overlap metrics of masks, aggregated over images with 95 % intervals: per image, pooled, and per class."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.records import Record
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import MIN_GROUPS, bootstrap_all
from pupila.statistics.metrics.boundary import boundary_iou
from pupila.statistics.metrics.classify import mean_of_present, ratio
from pupila.statistics.metrics.estimates import make_estimate
from pupila.statistics.metrics.segment import (
    METRICS,
    find_occurring,
    is_present,
    pixel_accuracy,
    scored_classes,
    scored_mask,
)

Array = NDArray[Any]

FIGURES = (*METRICS, "boundary_iou")  # M of them, in the order of a report
PER_IMAGE = ("mean", "median", "worst")


class Distribution(Record):
    """One metric over the images."""

    mean: Estimate
    median: Estimate
    worst: Estimate  # its interval ends at the observed worst


class ClassOverlap(Record):
    """The metrics of one class; undefined where it does not occur."""

    images: int  # whose target has it
    groups: int
    per_image: dict[str, Estimate]  # means over the images
    pooled: dict[str, Estimate]


class OverlapSummary(Record):
    """The metrics of masks, by id."""

    images: int  # with a labelled pixel
    groups: int
    unlabelled: int  # images without one, which are ignored
    per_image: dict[str, Distribution]  # of an image: the mean over its classes that count
    pooled: dict[
        str, Estimate
    ]  # from the pixels of all images, the mean over the classes that occur in a target
    pixel_accuracy: Estimate
    classes: dict[str, ClassOverlap]  # those that are scored


@dataclass(frozen=True)
class OverlapCounts:
    """The pixel and boundary counts of N images."""

    regions: Array  # (N, C, C), see `segment.confusion_counts`
    boundaries: Array  # (N, C, 3), see `boundary.boundary_counts`

    @cached_property
    def labelled(self) -> Array:
        """(N,) bool: whether an image has a labelled pixel; other images are ignored."""
        return np.asarray(self.regions.any(axis=(1, 2)))

    @cached_property
    def occurring(self) -> Array:
        """(K,) bool: whether a scored class counts: of several, those that some target has."""
        return find_occurring(self.regions)

    @cached_property
    def figures(self) -> tuple[Array, Array]:
        """(N, K, M) metrics of the K scored classes, and (N, K, M) bool whether they count."""
        values, counting = _figures(self.regions, self.boundaries)
        return values, counting & self.occurring[:, None]

    @cached_property
    def scores(self) -> tuple[Array, Array]:
        """(N, M) means over an image's classes that count, and (N, M) bool whether there is one."""
        values, counting = (np.moveaxis(part, 1, 2) for part in self.figures)
        return mean_of_present(values, counting), np.asarray(counting.any(axis=2))

    def select(self, chosen: Array) -> "OverlapCounts":
        """The counts of some of the images."""
        return OverlapCounts(self.regions[chosen], self.boundaries[chosen])


def summarise_overlaps(counts: OverlapCounts, groups: Array, names: list[str]) -> OverlapSummary:
    """All metrics of N images with their intervals.

    Args:
        counts: of N images, one of which at least has a labelled pixel.
        groups: (N,) group numbers; an interval counts groups, not images.
        names: of the C classes.

    Returns:
        No interval where a class (for a metric of all images: all of them together) has fewer than 10 groups.
    """
    labelled, groups, own = (
        counts.select(counts.labelled),
        groups[counts.labelled],
        scored_classes(len(names)),
    )
    statistic = partial(overlap_statistics, labelled)
    values = statistic(np.ones((1, len(groups)), dtype=np.int64))
    whole = len(np.unique(groups))
    ends = bootstrap_all(groups, statistic) if whole >= MIN_GROUPS else np.concatenate([values, values])
    table = np.concatenate([values, ends])  # (3, rows of `statistics`, M): value, low, high
    has: Array = np.asarray(labelled.regions[:, own].any(axis=2))  # (N, K)
    witnesses = [len(np.unique(groups[column])) for column in has.T]
    there: Array = np.asarray(labelled.figures[1].any(axis=0))  # (K, M)
    everywhere = np.ones(len(FIGURES), dtype=bool)

    def row(place: int, groups: int, counting: Array = everywhere) -> dict[str, Estimate]:
        cells = zip(FIGURES, table[:, place].T.tolist(), counting, strict=True)
        return {
            name: make_estimate(v if counted else None, low, high, groups)
            for name, (v, low, high), counted in cells
        }

    images, first = [row(place, whole) for place in range(len(PER_IMAGE))], len(PER_IMAGE) + 1
    return OverlapSummary(
        images=len(groups),
        groups=whole,
        unlabelled=int((~counts.labelled).sum()),
        per_image={
            name: Distribution(mean=images[0][name], median=images[1][name], worst=images[2][name])
            for name in FIGURES
        },
        pooled=row(first - 1, min((count for count in witnesses if count), default=0)),
        pixel_accuracy=row(-1, whole)[FIGURES[0]],
        classes={
            names[number]: ClassOverlap(
                images=int(has[:, k].sum()),
                groups=witnesses[k],
                per_image=row(first + k, witnesses[k], there[k]),
                pooled=row(first + len(own) + k, witnesses[k], there[k]),
            )
            for k, number in enumerate(own)
        },
    )


def _figures(regions: Array, boundaries: Array) -> tuple[Array, Array]:
    """(..., K, M) metrics and whether they count, of (..., C, C) and (..., C, 3) counts."""
    own = scored_classes(regions.shape[-1])
    there = scored_mask(regions)
    values = [metric(regions) for metric in METRICS.values()] + [boundary_iou(boundaries)]
    # A class whose pixels are all surrounded by unlabelled ones has a region, but no boundary to score.
    counting = [there] * len(METRICS) + [there & (~is_present(regions) | boundaries.any(axis=-1))]
    return np.stack(values, axis=-1)[..., own, :], np.stack(counting, axis=-1)[..., own, :]


def overlap_statistics(counts: OverlapCounts, times: Array) -> Array:
    """All metrics of resampled images.

    Args:
        counts: of N images.
        times: (B, N) int64, how often each image is in a resample.

    Returns:
        (B, R, M); rows: mean, median and worst per image, pooled, means of K classes, K classes pooled, pixel accuracy.
    """
    weights = times.astype(np.float64)

    def weighted_sum(part: Array) -> Array:
        return (weights @ part.reshape(len(part), -1)).reshape(-1, *part.shape[1:])

    (scores, counting), (figures, of_classes) = counts.scores, counts.figures
    regions = weighted_sum(counts.regions)
    pooled, there = _figures(regions, weighted_sum(counts.boundaries))
    there = there & counts.occurring[:, None]
    accuracy = np.repeat(pixel_accuracy(regions)[:, None], len(FIGURES), axis=1)
    rows = [
        ratio(weighted_sum(scores * counting), weighted_sum(counting)), *_middle_and_least(scores, counting, times),
        mean_of_present(np.moveaxis(pooled, 1, 2), np.moveaxis(there, 1, 2)),
        *np.moveaxis(ratio(weighted_sum(figures * of_classes), weighted_sum(of_classes)), 1, 0),
        *np.moveaxis(pooled, 1, 0), accuracy,
    ]  # fmt: skip
    return np.stack(rows, axis=1)


def _middle_and_least(scores: Array, counting: Array, times: Array) -> tuple[Array, Array]:
    """(B, M) median and minimum over the resampled images whose score counts."""
    middle, least = [], []
    for column, there in zip(scores.T, counting.T, strict=True):
        order = np.argsort(column + 2 * ~there, kind="stable")  # those that don't count come last
        reached = np.cumsum((times * there)[:, order], axis=1)
        total = reached[:, -1]
        # The k-th drawn value is the first whose running count is above k; no draw without one lies beyond the last.
        kth = [
            np.minimum((reached <= k[:, None]).sum(axis=1), len(order) - 1)
            for k in ((total - 1) // 2, total // 2)
        ]
        middle.append((column[order[kth[0]]] + column[order[kth[1]]]) / 2)
        least.append(column[order[np.argmax(reached > 0, axis=1)]])
    return np.stack(middle, axis=1), np.stack(least, axis=1)

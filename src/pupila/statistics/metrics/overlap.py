"""How well masks fit, summed up over images with 95 % intervals: per image, pooled, and class by class."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.intervals import FEW_GROUPS, bootstrap_all
from pupila.statistics.metrics.boundary import boundary_iou
from pupila.statistics.metrics.classify import mean_of_present, ratio
from pupila.statistics.metrics.estimates import Valued, valued
from pupila.statistics.metrics.segment import METRICS, judged, pixel_accuracy, present, told

Array = NDArray[Any]

FIGURES = (*METRICS, "boundary IoU")  # M of them, in the order of a report
PER_IMAGE = ("mean", "median", "worst")


@dataclass(frozen=True)
class Overlaps:
    """The pixel counts of N images."""

    regions: Array  # (N, C, C), see `segment.counts`
    boundaries: Array  # (N, C, 3), see `boundary.boundary_counts`

    @cached_property
    def labelled(self) -> Array:
        """(N,) bool: whether an image has a labelled pixel; one without counts nowhere."""
        return np.asarray(self.regions.any(axis=(1, 2)))

    @cached_property
    def figures(self) -> tuple[Array, Array]:
        """(N, K, M) figures of the K judged classes, and (N, K, M) bool whether they count."""
        return _figures(self.regions, self.boundaries)

    @cached_property
    def scores(self) -> tuple[Array, Array]:
        """(N, M) means over an image's classes that count, and (N, M) bool whether there is one."""
        values, counting = (np.moveaxis(part, 1, 2) for part in self.figures)
        return mean_of_present(values, counting), np.asarray(counting.any(axis=2))

    def on(self, chosen: Array) -> "Overlaps":
        """Those of some of the images."""
        return Overlaps(self.regions[chosen], self.boundaries[chosen])


def summary(found: Overlaps, groups: Array, names: list[str]) -> dict[str, Any]:
    """All figures of N images with their intervals.

    Args:
        found: of N images, one of which at least has a labelled pixel.
        groups: (N,) group numbers; an interval counts groups, not images.
        names: of the C classes.

    Returns:
        `images` and `groups` with a labelled pixel, and `unlabelled` images; `per_image`: the mean, the median and the
        worst of each figure over the images (of an image: the mean over its classes that count); `pooled`: from the
        pixels of all images, the mean over the classes; `classes`: of each judged class the `images` and `groups` whose
        truth has it, and both kinds of figures; `pixel accuracy`. No interval where a class (for a figure of all
        images: all of them together) has under 10 groups; the worst's can't reach below what was seen. A value is
        None where a class is nowhere.
    """
    kept, groups, own = found.on(found.labelled), groups[found.labelled], judged(len(names))
    statistic = partial(statistics, kept)
    values = statistic(np.ones((1, len(groups)), dtype=np.int64))
    whole = len(np.unique(groups))
    ends = bootstrap_all(groups, statistic) if whole >= FEW_GROUPS else np.concatenate([values, values])
    table = np.concatenate([values, ends])  # (3, rows of `statistics`, M): value, low, high
    has: Array = np.asarray(kept.regions[:, own].any(axis=2))  # (N, K)
    witnesses = [len(np.unique(groups[column])) for column in has.T]
    there: Array = np.asarray(kept.figures[1].any(axis=0))  # (K, M)
    everywhere = np.ones(len(FIGURES), dtype=bool)

    def row(place: int, groups: int, counting: Array = everywhere) -> dict[str, Valued]:
        cells = zip(FIGURES, table[:, place].T.tolist(), counting, strict=True)
        return {name: valued(v if told else None, low, high, groups) for name, (v, low, high), told in cells}

    images, first = [row(place, whole) for place in range(len(PER_IMAGE))], len(PER_IMAGE) + 1
    return {
        "images": len(groups), "groups": whole, "unlabelled": int((~found.labelled).sum()),
        "per_image": {name: {kind: row[name] for kind, row in zip(PER_IMAGE, images, strict=True)} for name in FIGURES},
        "pooled": row(first - 1, min((count for count in witnesses if count), default=0)),
        "pixel accuracy": row(-1, whole)[FIGURES[0]],
        "classes": {
            names[number]: {
                "images": int(has[:, k].sum()), "groups": witnesses[k],
                "per_image": row(first + k, witnesses[k], there[k]),
                "pooled": row(first + len(own) + k, witnesses[k], there[k]),
            }
            for k, number in enumerate(own)
        },
    }  # fmt: skip


def _figures(regions: Array, boundaries: Array) -> tuple[Array, Array]:
    """(..., K, M) figures and whether they count, of (..., C, C) and (..., C, 3) counts."""
    own = judged(regions.shape[-1])
    there = told(regions)
    values = [metric(regions) for metric in METRICS.values()] + [boundary_iou(boundaries)]
    # A class whose pixels all lie amid unlabelled ones has a region, but no boundary to judge.
    counting = [there] * len(METRICS) + [there & (~present(regions) | boundaries.any(axis=-1))]
    return np.stack(values, axis=-1)[..., own, :], np.stack(counting, axis=-1)[..., own, :]


def statistics(found: Overlaps, times: Array) -> Array:
    """Everything that can be said of drawn images.

    Args:
        found: of N images.
        times: (B, N) int64, how often each image is drawn.

    Returns:
        (B, R, M); rows: mean, median and worst per image, pooled, means of K classes, K classes pooled, pixel accuracy.
    """
    drawn = times.astype(np.float64)

    def summed(part: Array) -> Array:
        return (drawn @ part.reshape(len(part), -1)).reshape(-1, *part.shape[1:])

    (scores, counting), (figures, of_classes) = found.scores, found.figures
    regions = summed(found.regions)
    pooled, there = _figures(regions, summed(found.boundaries))
    accuracy = np.repeat(pixel_accuracy(regions)[:, None], len(FIGURES), axis=1)
    rows = [
        ratio(summed(scores * counting), summed(counting)), *_middle_and_least(scores, counting, times),
        mean_of_present(np.moveaxis(pooled, 1, 2), np.moveaxis(there, 1, 2)),
        *np.moveaxis(ratio(summed(figures * of_classes), summed(of_classes)), 1, 0), *np.moveaxis(pooled, 1, 0),
        accuracy,
    ]  # fmt: skip
    return np.stack(rows, axis=1)


def _middle_and_least(scores: Array, counting: Array, times: Array) -> tuple[Array, Array]:
    """(B, M) median and minimum of the drawn images whose score counts."""
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

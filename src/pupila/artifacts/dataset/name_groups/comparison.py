"""Comparing the images of candidates: a bounded number of them, and nothing twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.name_groups.candidates import Candidate
from pupila.artifacts.dataset.name_groups.likeness import (
    Likeness,
    describe_images,
    find_nearest,
    measure_likeness,
    sum_rows,
)

MOST_IMAGES = 2500  # that are compared for a candidate; of more, stretches of groups
_STRETCHES = 20
_MOST_VIEWS = 8  # samples in memory at once: 10 MB each
_MOST_OF_GROUP = 50
_RARE = 5  # images, below which a class is compared together with the other rare ones
_SEED = 23

Array = NDArray[Any]
Copies = Callable[[list[int]], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Source:
    """What is looked at."""

    images: Sequence[str]  # N paths with `/`
    labels: Sequence[str | None]  # N classes, None where there is none
    strata: Array  # (N,) int: images are compared beyond what those of the same number have in common
    grey: Copies  # rows to (K, 64, 64)
    colour: Copies  # rows to (K, 48, 48, 3)


@dataclass(frozen=True, slots=True)
class View:
    """The images that are compared for a candidate."""

    rows: Array  # (K,)
    strata: Array  # (K,) int from 0
    features: Array  # (K, D)
    nearest: Array  # (K,) of `rows`


def name_classes(shares: Array, classes: Sequence[str]) -> list[str | None]:
    """The class of each image, None where it is not of one class as a whole.

    Args:
        shares: (N, C) share of each image that belongs to each class.
        classes: C names.
    """
    if not shares.size:
        return [None] * len(shares)
    whole = shares == 1
    first, counts = whole.argmax(axis=1).tolist(), whole.sum(axis=1).tolist()
    return [classes[index] if count == 1 else None for index, count in zip(first, counts, strict=True)]


def number_class_sets(shares: Array) -> Array:
    """(N,) int: a number for the set of classes that an image is of as a whole.

    Args:
        shares: (N, C) share of each image that belongs to each class.
    """
    if not shares.size:
        return np.zeros(len(shares), dtype=np.int64)
    packed = np.packbits(shares == 1, axis=1)  # sorted faster than the columns, and in the same order
    return np.asarray(np.unique(packed, axis=0, return_inverse=True)[1]).ravel()


class Comparison:
    """How alike the images of candidates' groups are."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._views: dict[str, View] = {}  # by expression; one for all where every image is compared

    def _view(self, candidate: Candidate) -> View:
        count = len(self._source.images)
        key = candidate.by if count > MOST_IMAGES else ""
        if key not in self._views:
            if len(self._views) == _MOST_VIEWS:
                del self._views[next(iter(self._views))]
            self._views[key] = self._compare(_sample(candidate) if key else np.arange(count))
        return self._views[key]

    def _compare(self, rows: Array) -> View:
        places, strata = rows.tolist(), _strata(self._source.strata[rows])
        features = describe_images(self._source.grey(places), self._source.colour(places), strata)
        return View(rows, strata, features, find_nearest(features))

    def measure(self, candidate: Candidate, least: float) -> Likeness:
        """How often the most similar image is of the same group; see `measure_likeness`."""
        view = self._view(candidate)
        return measure_likeness(view.nearest, _compact(candidate.codes[view.rows]), view.strata, least)

    def border_likeness(self, candidate: Candidate) -> float:
        """Likeness of neighbours across the borders of runs, as a share of that within them."""
        alike, inside = self._neighbours(candidate)
        if inside.all() or not inside.any():
            return 1.0
        return float(alike[~inside].mean() / max(float(alike[inside].mean()), 1e-9))

    def series_likeness(self, candidate: Candidate) -> float:
        """Likeness of neighbours within groups above that of any two images within them."""
        alike, inside = self._neighbours(candidate)
        view = self._view(candidate)
        within = _ratio(*_sum_pairs(view.features, _compact(candidate.codes[view.rows])))
        return float(alike[inside].mean()) - within if inside.any() else 0.0

    def _neighbours(self, candidate: Candidate) -> tuple[Array, Array]:
        """Likeness of images that follow each other, and whether they are of the same group."""
        view = self._view(candidate)
        place = np.full(len(candidate.codes), -1)
        place[view.rows] = np.arange(len(view.rows))
        order = place[candidate.order]
        before, after = order[:-1], order[1:]
        both = (before >= 0) & (after >= 0)
        before, after = before[both], after[both]
        alike = (view.features[before] * view.features[after]).sum(axis=1)
        codes = candidate.codes[view.rows]
        return alike, codes[before] == codes[after]

    def explanation(self, candidate: Candidate) -> float:
        """Likeness within groups above that between them, times the share of images that are not alone in theirs."""
        view = self._view(candidate)
        codes = _compact(candidate.codes[view.rows])
        within, pairs = _sum_pairs(view.features, codes)
        total, all_pairs = _sum_pairs(view.features, np.zeros_like(codes))
        shared = np.bincount(candidate.codes)
        covered = shared[shared > 1].sum() / shared.sum()
        return float(covered * (_ratio(within, pairs) - _ratio(total - within, all_pairs - pairs)))

    def retained_likeness(self, finer: Candidate, coarse: Candidate) -> float:
        """Likeness across finer groups of the same coarser one, as a share of that within the finer groups."""
        view = self._view(coarse)
        inner, outer = _compact(finer.codes[view.rows]), _compact(coarse.codes[view.rows])
        both = _compact(outer * (int(inner.max()) + 1) + inner)
        (within, pairs), (shared, shared_pairs) = (
            _sum_pairs(view.features, both),
            _sum_pairs(view.features, outer),
        )
        total, all_pairs = _sum_pairs(view.features, np.zeros_like(outer))
        other = _ratio(total - shared, all_pairs - shared_pairs)
        across = _ratio(shared - within, shared_pairs - pairs)
        return float((across - other) / max(_ratio(within, pairs) - other, 1e-9))


def _sum_pairs(features: Array, codes: Array) -> tuple[float, float]:
    """Sum of the likeness of all pairs of images in the same group, and their number."""
    sums = sum_rows(features, codes).astype(np.float64)
    sizes = np.bincount(codes).astype(np.float64)
    return float((sums**2).sum() - (features**2).sum()), float((sizes * (sizes - 1)).sum())


def _ratio(value: float, count: float) -> float:
    return value / count if count else 0.0


def _strata(codes: Array) -> Array:
    """(K,) int from 0; rare classes share a number."""
    _, codes, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    return _compact(np.where(sizes[codes] < _RARE, len(sizes), codes))


def _compact(codes: Array) -> Array:
    return np.asarray(np.unique(codes, return_inverse=True)[1])


def _sample(candidate: Candidate) -> Array:
    """Rows of stretches of neighbouring groups, `MOST_IMAGES` at most."""
    sizes = np.bincount(candidate.codes)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    length = max(1, int(MOST_IMAGES / _STRETCHES / min(float(np.mean(sizes)), _MOST_OF_GROUP)))
    rows: list[int] = []
    for block in np.random.default_rng(_SEED).permutation(-(-len(sizes) // length)):
        for group in range(block * length, min((block + 1) * length, len(sizes))):
            rows += candidate.order[starts[group] : starts[group + 1]][:_MOST_OF_GROUP].tolist()
        if len(rows) >= MOST_IMAGES:
            break
    return np.sort(np.array(rows[:MOST_IMAGES]))

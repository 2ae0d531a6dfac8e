"""How alike the images of a group are: whose most similar image is of the same group, against chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PERMUTATIONS = 999
_COMPONENTS = 32  # of each view, equalised
_SEED = 23


@dataclass(frozen=True, slots=True)
class Likeness:
    """How often the most similar other image is of the same group."""

    alike: float  # share of the images, 0..1
    by_chance: float  # the share expected when the groups of each class are shuffled
    p_value: float  # of the permutation test within classes; 1 where it was not needed

    @property
    def excess(self) -> float:
        """What exceeds chance, as a share of what could exceed it: 0 by chance, 1 at most."""
        return (self.alike - self.by_chance) / max(1 - self.by_chance, 1e-9)


def describe_images(grey: Array, colour: Array, strata: Array) -> NDArray[np.float32]:
    """Features whose dot product is the likeness of two images beyond that of their classes.

    Five views: layout, colours, detail, edges and texture; each once as it is and once with equalised principal
    components, so that no view and no direction outweighs the others.

    Args:
        grey: (N, 64, 64) uint8.
        colour: (N, 48, 48, 3) uint8.
        strata: (N,) int class numbers, whose means are removed.

    Returns:
        (N, D) of unit length, or zeros.
    """
    views = [_remove_means(view, strata) for view in _views(grey / np.float32(255), colour / np.float32(255))]
    parts = [_unit(part) for view in views for part in (view, _equalise(view))]
    return np.asarray(np.hstack(parts) / np.sqrt(len(parts)), dtype=np.float32)


def _views(grey: Array, colour: Array) -> list[Array]:
    count = len(grey)
    grey, colour = _pool(grey, 2), _pool(colour, 2)  # (N, 32, 32) and (N, 24, 24, 3)
    layout = _pool(colour, 3).reshape(count, -1)
    levels = np.minimum(colour * 4, 3).astype(np.int16) @ np.array([16, 4, 1], dtype=np.int16)
    colours = np.sqrt(_histograms(levels.reshape(count, -1), None, 64))
    detail = _unit((_pool(grey, 2) - _pool(grey, 4).repeat(2, 1).repeat(2, 2)).reshape(count, -1))
    across, down = np.diff(grey, axis=2)[:, :-1], np.diff(grey, axis=1)[:, :, :-1]
    angles = (np.arctan2(down, across) % np.pi / np.pi * 8).astype(np.int16) % 8
    rows, columns = np.mgrid[0:31, 0:31] // 8
    cells = ((rows * 4 + columns) * 8 + angles).reshape(count, -1)
    edges = np.sqrt(_histograms(cells, np.hypot(across, down).reshape(count, -1), 128))
    spectrum = np.abs(np.fft.rfft2(grey - grey.mean((1, 2), keepdims=True)))[:, :, :16]
    texture = np.log1p(_pool(spectrum, 2)[:, :, :8]).reshape(count, -1)
    return [np.asarray(view, dtype=np.float32) for view in (layout, colours, detail, edges, texture)]


def _pool(images: Array, size: int) -> Array:
    """Means of squares of `size` pixels."""
    count, height, width = images.shape[:3]
    squares = images.reshape(count, height // size, size, width // size, size, *images.shape[3:])
    return np.asarray(squares.mean(axis=(2, 4)))


def _histograms(cells: Array, weights: Array | None, size: int) -> Array:
    """(N, size) counts of each row's cells."""
    places = (cells + size * np.arange(len(cells))[:, None]).ravel()
    counts = np.bincount(places, None if weights is None else weights.ravel(), minlength=size * len(cells))
    return counts.reshape(len(cells), size)


def _remove_means(view: Array, strata: Array) -> Array:
    return np.asarray(view - (sum_rows(view, strata) / np.bincount(strata)[:, None])[strata])


def sum_rows(values: Array, codes: Array) -> Array:
    """(G, D) sums of the rows of each code.

    Args:
        values: (N, D).
        codes: (N,) int, 0..G-1, each of which occurs.
    """
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes))[:-1]])
    return np.asarray(np.add.reduceat(values[np.argsort(codes, kind="stable")], starts, axis=0))


def _equalise(view: Array) -> Array:
    """The first principal components, each of the same variance."""
    values, axes = np.linalg.eigh(view.T @ view)
    first = np.flatnonzero(values > 1e-6 * max(float(values[-1]), 1e-12))[-_COMPONENTS:]
    return np.asarray(view @ (axes[:, first] / np.sqrt(values[first])))


def _unit(view: Array) -> Array:
    return np.asarray(view / np.maximum(np.linalg.norm(view, axis=1, keepdims=True), 1e-9))


def find_nearest(features: Array, apart: Array | None = None) -> Array:
    """(N,) row of the most similar other image.

    Args:
        features: (N, D).
        apart: (N,) int: images of equal numbers are not compared.
    """
    likeness = features @ features.T
    np.fill_diagonal(likeness, -np.inf)
    if apart is not None:
        likeness[apart[:, None] == apart[None]] = -np.inf
    return np.asarray(likeness.argmax(axis=1))


def measure_likeness(nearest: Array, groups: Array, strata: Array, least: float) -> Likeness:
    """How often the nearest image is of the same group; tested by shuffling the groups within each class.

    Args:
        nearest: (N,) row of each image's most similar other image.
        groups: (N,) int.
        strata: (N,) int class numbers.
        least: excess below which no test is needed.
    """
    alike = float((groups[nearest] == groups).mean())
    measured = Likeness(alike, _chance(nearest, groups, strata), 1.0)
    if measured.excess < least:
        return measured
    generator = np.random.default_rng(_SEED)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    shuffled, reached = groups.copy(), 0
    for _ in range(PERMUTATIONS):
        for rows in members:
            shuffled[rows] = generator.permutation(groups[rows])
        reached += float((shuffled[nearest] == shuffled).mean()) >= alike
    return Likeness(alike, measured.by_chance, (1 + reached) / (1 + PERMUTATIONS))


def _chance(nearest: Array, groups: Array, strata: Array) -> float:
    """The share of equal groups that is expected when the groups of each stratum are shuffled."""
    table = np.zeros((int(strata.max()) + 1, int(groups.max()) + 1))
    np.add.at(table, (strata, groups), 1)
    sizes = table.sum(axis=1)
    equal, pairs = table @ table.T, np.outer(sizes, sizes)
    np.fill_diagonal(equal, (table * (table - 1)).sum(axis=1))
    np.fill_diagonal(pairs, sizes * (sizes - 1))
    return float((equal / np.maximum(pairs, 1))[strata, strata[nearest]].mean())

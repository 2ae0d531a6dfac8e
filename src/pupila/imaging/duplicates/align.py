"""Views of small grey copies, and the window of one copy that shows what another one shows."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.imaging.duplicates.signature import SIDE

Array = NDArray[Any]

COARSE_SAMPLES = 16  # samples a side while searching for the alignment
FINE_SAMPLES = 24  # samples a side for the verdict
_UNIT = 80  # margins (top, bottom, left, right) are counted in 1/80 of a side
_MOST = 20  # largest margin: a quarter of a side
_MARGINS = [(low, high) for low in range(0, 9, 2) for high in range(0, 9, 2) if low + high <= 10]
_AXIS_MOVES = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1)])  # an edge, or a shift
_MOVES = np.kron(np.eye(2, dtype=np.int64), _AXIS_MOVES)  # (12, 4): six along the rows, six along the columns
_BEYOND = -2.0  # below every correlation
# Half the climb is spared where a fit after the steps of 4, or of 2, is hopeless: 7,000 real and planted copies,
# crops of 8 % among them, have 0.37 and 0.65 by then. Indexed by the size of the step.
_HOPELESS = np.array([0, _BEYOND, 0.55, 0, 0.3])


def search_alignment(copy: Array, wholes: Array) -> tuple[Array, Array]:
    """The window of one copy that fits each whole best, among all pairs of coarse margins.

    Args:
        copy: (SIDE, SIDE) float32.
        wholes: (K, COARSE, COARSE), each of `unit` length.

    Returns:
        (K,) smooth correlations and (K, 4) margins.
    """
    count, area = len(_MARGINS), COARSE_SAMPLES**2
    squares = (_windows() @ copy @ _windows().T).reshape(count, COARSE_SAMPLES, count, COARSE_SAMPLES)
    views = squares.swapaxes(1, 2).reshape(count**2, area)
    variance = np.einsum("wi,wi->w", views, views) / area - views.mean(axis=1) ** 2
    fits = wholes.reshape(-1, area) @ views.T / (np.sqrt(np.maximum(variance, 1e-6)) * COARSE_SAMPLES)
    best, margins = fits.argmax(axis=1), np.array(_MARGINS)
    return fits.max(axis=1), np.hstack([margins[best // count], margins[best % count]])


def refine_alignment(copies: Array, wholes: Array, margins: Array) -> Array:
    """How well details fit where each window has climbed to, by steps of 4, 2 and 1 of an edge or of both.

    Args:
        copies: (K, SIDE, SIDE) float32.
        wholes: (K, FINE, FINE), `details` of `unit` length.
        margins: (K, 4) from which the windows start.

    Returns:
        (K,) correlations of detail.
    """
    rows, columns = _samplers(margins[:, :2]), _samplers(margins[:, 2:])
    best = _fits(rows @ copies @ columns.swapaxes(1, 2), wholes)
    margins, step = margins.copy(), np.full(len(margins), 4)
    while len(on := np.flatnonzero(step)):
        tried, fits = _neighbours(copies[on], wholes[on], margins[on], step[on])
        top = np.arange(len(on)), fits.argmax(axis=1)
        better = fits[top] > best[on]
        best[on[better]], margins[on[better]] = fits[top][better], tried[top][better]
        stuck = on[~better]
        step[stuck] = np.where(best[stuck] < _HOPELESS[step[stuck]], 0, step[stuck] // 2)
    return best


def _neighbours(copies: Array, wholes: Array, margins: Array, step: Array) -> tuple[Array, Array]:
    """The windows one step away, (K, 12, 4) margins: six along the rows, six along the columns; and their fits."""
    tried = margins[:, None] + _MOVES * step[:, None, None]
    inside = np.clip(tried, 0, _MOST)
    columns, rows = _samplers(margins[:, 2:]), _samplers(margins[:, :2])
    along_rows = _fit_shifts(inside[:, :6, :2], copies @ columns.swapaxes(1, 2), wholes)
    # the same with rows and columns swapped
    along_columns = _fit_shifts(inside[:, 6:, 2:], (rows @ copies).swapaxes(1, 2), wholes.swapaxes(1, 2))
    fits = np.concatenate([along_rows, along_columns], axis=1)
    return tried, np.where((tried == inside).all(axis=2), fits, _BEYOND)


def _fit_shifts(margins: Array, bands: Array, wholes: Array) -> Array:
    """(K, 6): how windows fit that share their columns, bands of (K, SIDE, FINE), and differ in their rows."""
    views = _samplers(margins).reshape(len(bands), -1, SIDE) @ bands
    return _fits(views.reshape(len(bands), -1, FINE_SAMPLES, FINE_SAMPLES), wholes[:, None])


def _fits(views: Array, wholes: Array) -> Array:
    """Correlations of the views' details with wholes of mean 0 and length 1."""
    detail = details(views)
    square = np.einsum("...ij,...ij->...", detail, detail) - detail.mean(axis=(-2, -1)) ** 2 * FINE_SAMPLES**2
    return np.asarray(products(detail, wholes) / (np.sqrt(np.maximum(square, 0)) + 1e-6))


def products(views: Array, others: Array) -> Array:
    """The correlation of views of `unit` length: the sum of the products of their pixels."""
    return np.asarray(np.einsum("...ij,...ij->...", views, others))


def sample_whole(copies: Array, samples: int) -> Array:
    """(..., samples, samples): all that the copies show."""
    return np.asarray(make_sampler(0, 0, samples) @ copies @ make_sampler(0, 0, samples).T)


def details(views: Array) -> Array:
    """(..., FINE, FINE): each pixel minus the mean of its 3 x 3 neighbourhood, edges repeated."""
    return np.asarray(views - blur() @ views @ blur().T)


def unit(views: Array) -> Array:
    """(..., n, n): the views with mean 0 and length 1."""
    centred = views - views.mean(axis=(-2, -1), keepdims=True)
    return np.asarray(centred / (np.sqrt((centred**2).sum(axis=(-2, -1), keepdims=True)) + 1e-6))


@cache
def blur() -> Array:
    """(FINE, FINE) float32: the mean over three neighbours, edges repeated."""
    ends = np.clip(np.arange(FINE_SAMPLES)[:, None] + np.arange(-1, 2), 0, FINE_SAMPLES - 1)
    weights = np.zeros((FINE_SAMPLES, FINE_SAMPLES), np.float32)
    np.add.at(weights, (np.arange(FINE_SAMPLES)[:, None], ends), np.float32(1 / 3))
    return weights


@cache
def _windows() -> Array:
    return np.concatenate([make_sampler(low, high, COARSE_SAMPLES) for low, high in _MARGINS])


def _samplers(margins: Array) -> Array:
    """(..., 2) margins of one axis to (..., FINE, SIDE)."""
    return _table()[margins[..., 0], margins[..., 1]]


@cache
def _table() -> Array:
    ends = range(_MOST + 1)
    return np.stack([np.stack([make_sampler(low, high, FINE_SAMPLES) for high in ends]) for low in ends])


@cache
def make_sampler(low: int, high: int, samples: int) -> Array:
    """(samples, SIDE) float32: rows that average the pixels between the two margins."""
    edges = np.linspace(low / _UNIT * SIDE, SIDE - high / _UNIT * SIDE, samples + 1)
    pixels = np.arange(SIDE)
    cover = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(cover, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)

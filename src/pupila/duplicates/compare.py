"""The second look at two small grey copies: do they show the same picture, perhaps cropped a little?

Smooth correlation alone glues together what is merely alike (two slices of two brains reach 0.98), so the
verdict rests on the correlation of detail (each pixel minus its neighbourhood) at the best alignment.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.duplicates.signature import SIDE

Array = NDArray[Any]

SAME = 0.90  # detail correlation from which two pictures count as one
_COARSE = 16  # samples a side while searching for the alignment
_FINE = 24  # samples a side for the verdict
_UNIT = 80  # margins are counted in 1/80 of a side
_MOST = 20  # largest margin: a quarter of a side
_PROMISING = 0.80  # smooth correlation at the best coarse alignment that is worth a fine search
_COARSE_MARGINS = [(low, high) for low in range(0, 9, 2) for high in range(0, 9, 2) if low + high <= 10]
_FLAT = 1.0  # grey levels: below this detail a picture shows nothing that could be compared

Margins = tuple[int, int, int, int]  # top, bottom, left, right, in 1/_UNIT of the side


def similarity(first: Array, second: Array) -> float:
    """How surely two grey copies show one picture.

    Args:
        first: (SIDE, SIDE) uint8 or float.
        second: the same.

    Returns:
        Correlation of detail at the best alignment, -1..1; 1 is the same picture, `SAME` the border.
        0 where a copy is flat, and for pairs so unlike that no alignment was worth a try.
    """
    a, b = first.astype(np.float32), second.astype(np.float32)
    if flat(a) or flat(b):
        return 0.0
    whole = float((_detail(_view(a, (0, 0, 0, 0))) * _detail(_view(b, (0, 0, 0, 0)))).sum())
    if whole >= 0.98:
        return whole
    return max(whole, _aligned(a, b), _aligned(b, a))


def flat(grey: Array) -> bool:
    """Whether the copy has no detail to compare (one colour, or a smooth gradient)."""
    view = _view(grey.astype(np.float32), (0, 0, 0, 0))
    return float(np.abs(view - _blurred(view)).mean()) * _FINE / 4 < _FLAT


def _aligned(a: Array, b: Array) -> float:
    """The best detail correlation of a window of `a` with the whole of `b`."""
    smooth, start = _coarse(a, b)
    if smooth < _PROMISING:
        return 0.0
    target = _detail(_view(b, (0, 0, 0, 0)))
    best, margins, step = _score(a, target, start), start, 4
    while step:
        moved = max(((_score(a, target, m), m) for m in _neighbours(margins, step)), default=(best, margins))
        if moved[0] > best:
            best, margins = moved
        else:
            step //= 2
    return best


def _score(a: Array, target: Array, margins: Margins) -> float:
    return float((_detail(_view(a, margins)) * target).sum())


def _neighbours(margins: Margins, step: int) -> list[Margins]:
    """Windows one step away: an edge moved, or the window shifted along an axis."""
    moves = [(i, None, d) for i in range(4) for d in (-step, step)]
    shifts = [(i, i + 1, d) for i in (0, 2) for d in (-step, step)]
    found = []
    for grown, shrunk, delta in [*moves, *shifts]:
        moved = list(margins)
        moved[grown] += delta
        if shrunk is not None:
            moved[shrunk] -= delta
        if min(moved) >= 0 and max(moved) <= _MOST:
            found.append((moved[0], moved[1], moved[2], moved[3]))
    return found


def _coarse(a: Array, b: Array) -> tuple[float, Margins]:
    """The window of `a` whose smooth content fits `b` best, among all pairs of coarse margins."""
    n, windows = _COARSE, _windows()
    count = len(_COARSE_MARGINS)
    views = (windows @ a @ windows.T).reshape(count, n, count, n)
    target = _unit(_sampler(0, 0, n) @ b @ _sampler(0, 0, n).T)
    mean = views.mean(axis=(1, 3))
    spread = np.sqrt(np.maximum((views**2).mean(axis=(1, 3)) - mean**2, 1e-6)) * n
    scores = np.einsum("rick,ik->rc", views, target, optimize=True) / spread
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    return float(scores.max()), (*_COARSE_MARGINS[row], *_COARSE_MARGINS[column])


def _view(a: Array, margins: Margins) -> Array:
    top, bottom, left, right = margins
    return np.asarray(_sampler(top, bottom, _FINE) @ a @ _sampler(left, right, _FINE).T)


def _detail(view: Array) -> Array:
    return _unit(view - _blurred(view))


def _blurred(view: Array) -> Array:
    """The mean over 3 x 3 pixels, edges repeated."""
    padded = np.pad(view, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9)


def _unit(view: Array) -> Array:
    """Mean 0, length 1."""
    centred = view - view.mean()
    return np.asarray(centred / (np.sqrt((centred**2).sum()) + 1e-6))


@cache
def _windows() -> Array:
    return np.concatenate([_sampler(low, high, _COARSE) for low, high in _COARSE_MARGINS])


@cache
def _sampler(low: int, high: int, samples: int) -> Array:
    """(samples, SIDE) float32: rows that average the pixels between the two margins."""
    edges = np.linspace(low / _UNIT * SIDE, SIDE - high / _UNIT * SIDE, samples + 1)
    pixels = np.arange(SIDE)
    cover = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(cover, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)

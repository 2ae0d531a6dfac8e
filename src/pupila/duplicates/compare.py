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
_WHOLE: Margins = (0, 0, 0, 0)


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
    whole = float((_details(a, [_WHOLE]) * _details(b, [_WHOLE])).sum())
    if whole >= 0.98:
        return whole
    return max(whole, _aligned(a, b), _aligned(b, a))


def flat(grey: Array) -> bool:
    """Whether the copy has no detail to compare (one colour, or a smooth gradient)."""
    view = _views(grey.astype(np.float32), [_WHOLE])[0]
    return float(np.abs(view - _blur() @ view @ _blur().T).mean()) * _FINE / 4 < _FLAT


def _aligned(a: Array, b: Array) -> float:
    """The best detail correlation of a window of `a` with the whole of `b`."""
    smooth, margins = _coarse(a, b)
    if smooth < _PROMISING:
        return 0.0
    target = _details(b, [_WHOLE])[0]
    best, step = float((_details(a, [margins])[0] * target).sum()), 4
    while step:
        windows = _neighbours(margins, step)
        scores = (_details(a, windows) * target).sum(axis=(1, 2))
        top = int(scores.argmax())
        if scores[top] > best:
            best, margins = float(scores[top]), windows[top]
        else:
            step //= 2
    return best


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


def _views(a: Array, windows: list[Margins]) -> Array:
    """(K, _FINE, _FINE): what each window shows."""
    rows = np.stack([_sampler(top, bottom, _FINE) for top, bottom, _, _ in windows])
    columns = np.stack([_sampler(left, right, _FINE).T for _, _, left, right in windows])
    return np.asarray(rows @ a @ columns)


def _details(a: Array, windows: list[Margins]) -> Array:
    """(K, _FINE, _FINE): each pixel minus the mean of its 3 x 3 neighbourhood, scaled to mean 0 and length 1."""
    views = _views(a, windows)
    detail = views - _blur() @ views @ _blur().T
    detail -= detail.mean(axis=(1, 2), keepdims=True)
    return np.asarray(detail / (np.sqrt((detail**2).sum(axis=(1, 2), keepdims=True)) + 1e-6))


def _unit(view: Array) -> Array:
    """Mean 0, length 1."""
    centred = view - view.mean()
    return np.asarray(centred / (np.sqrt((centred**2).sum()) + 1e-6))


@cache
def _blur() -> Array:
    """(_FINE, _FINE) float32: the mean over three neighbours, edges repeated."""
    ends = np.clip(np.arange(_FINE)[:, None] + np.arange(-1, 2), 0, _FINE - 1)
    weights = np.zeros((_FINE, _FINE), np.float32)
    np.add.at(weights, (np.arange(_FINE)[:, None], ends), np.float32(1 / 3))
    return weights


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

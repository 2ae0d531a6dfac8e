"""The second look at small grey copies: do two of them show the same picture, perhaps cropped a little?

Smooth correlation alone glues together what is merely alike (two slices of two brains reach 0.98), so the
verdict rests on the correlation of detail (each pixel minus its neighbourhood) at the best alignment.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.imaging.duplicates.align import COARSE, FINE, coarse, details, fine, products, unit, whole

Array = NDArray[Any]

SAME = 0.90  # detail correlation from which two pictures count as one
CERTAIN = 0.98  # detail correlation of two wholes from which no alignment is searched for
_PROMISING = 0.80  # smooth correlation at the best coarse alignment that is worth a fine search
_FLAT = 1.0  # grey levels: below this detail a picture shows nothing that could be compared
_AT_ONCE = 32  # fine searches in step: they fit a processor's cache; of 64 each takes twice as long


def similarity(first: Array, second: Array) -> float:
    """How surely two grey copies, (SIDE, SIDE) uint8 or float, show one picture: `similarities` of one pair."""
    return float(similarities(np.stack([first, second]), [(0, 1, False)])[0])


def similarities(copies: Array, pairs: list[tuple[int, int, bool]]) -> Array:
    """How surely the two pictures of each pair are one.

    Args:
        copies: (N, SIDE, SIDE) uint8 or float grey copies.
        pairs: K of (row, row, whether the second copy is mirrored first).

    Returns:
        (K,) float32 correlations of detail at the best alignment, -1..1; 1 is the same picture, `SAME` the
        border. 0 where a copy is flat, and for pairs so unlike that no alignment was worth a try.
    """
    first, second, mirrored = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    copies = copies.astype(np.float32)
    detail = details(whole(copies, FINE))
    sharp, smooth = unit(detail), unit(whole(copies, COARSE))
    shown = _depth(detail) >= _FLAT
    scores = products(sharp[first], _turned(sharp[second], mirrored)) * (shown[first] & shown[second])
    unsure = np.flatnonzero(shown[first] & shown[second] & (scores < CERTAIN))
    # Either may be the crop; and a mirrored crop fits a whole just as the crop fits the mirrored whole.
    crops = np.concatenate([first[unsure], second[unsure]])
    wholes = np.concatenate([second[unsure], first[unsure]])
    turn = np.tile(mirrored[unsure], 2)
    best = _aligned(copies, crops, _turned(smooth[wholes], turn), _turned(sharp[wholes], turn))
    np.maximum.at(scores, np.tile(unsure, 2), best)
    return scores


def uncropped(copies: Array, pairs: list[tuple[int, int, bool]]) -> Array:
    """(K,) bool: whether the wholes show the same, from edge to edge; arguments as those of `similarities`."""
    first, second, mirrored = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    sharp = unit(details(whole(copies.astype(np.float32), FINE)))
    return np.asarray(products(sharp[first], _turned(sharp[second], mirrored)) >= SAME)


def flat(grey: Array) -> bool:
    """Whether the copy has no detail to compare (one colour, or a smooth gradient)."""
    return bool(_depth(details(whole(grey.astype(np.float32), FINE))) < _FLAT)


def _aligned(copies: Array, crops: Array, smooth: Array, sharp: Array) -> Array:
    """(M,): how well windows of `copies[crops]` fit M wholes at best; 0 where none was worth a try."""
    scores, margins = np.zeros(len(crops), np.float32), np.zeros((len(crops), 4), np.int64)
    for row in np.unique(crops):  # the windows of a copy are made once for all its wholes
        own = np.flatnonzero(crops == row)
        scores[own], margins[own] = coarse(copies[row], smooth[own])
    promising = np.flatnonzero(scores >= _PROMISING)
    scores[scores < _PROMISING] = 0
    for start in range(0, len(promising), _AT_ONCE):
        some = promising[start : start + _AT_ONCE]
        scores[some] = fine(copies[crops[some]], sharp[some], margins[some])
    return scores


def _depth(detail: Array) -> Array:
    """(...,) grey levels."""
    return np.asarray(np.abs(detail).mean(axis=(-2, -1)) * FINE / 4)


def _turned(views: Array, mirrored: Array) -> Array:
    """(K, n, n): the views, where said, left to right."""
    return np.where(mirrored[:, None, None] != 0, views[..., ::-1], views)

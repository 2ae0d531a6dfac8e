"""Comparison of small grey copies: whether two of them show the same image, perhaps slightly cropped.

Smooth correlation alone confuses similar images with equal ones (slices of two brains reach 0.98), so the
verdict rests on the correlation of detail (each pixel minus its neighbourhood) at the best alignment.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.imaging.duplicates.align import (
    COARSE_SAMPLES,
    FINE_SAMPLES,
    details,
    products,
    refine_alignment,
    sample_whole,
    search_alignment,
    unit,
)
from pupila.imaging.duplicates.glance import HOPEFUL, glance, make_aims

Array = NDArray[Any]

SAME = 0.90  # detail correlation from which two pictures count as one
CERTAIN = 0.98  # detail correlation of two wholes from which no alignment is searched for
_PROMISING = 0.80  # smooth correlation at the best coarse alignment that is worth a fine search
_MANY = 8  # wholes that promise to fit one copy from which a glance at their details is quicker than to align each
_FLAT = 1.0  # grey levels: below this detail a picture shows nothing that could be compared
_AT_ONCE = 32  # fine searches in step: they fit a processor's cache; of 64 each takes twice as long


def similarity(first: Array, second: Array) -> float:
    """The similarity of two grey copies, (SIDE, SIDE) uint8 or float: `similarities` of one pair."""
    return float(similarities(np.stack([first, second]), [(0, 1, False)])[0])


def similarities(copies: Array, pairs: list[tuple[int, int, bool]]) -> Array:
    """The similarity of the two images of each pair.

    Args:
        copies: (N, SIDE, SIDE) uint8 or float grey copies.
        pairs: K of (row, row, whether the second copy is mirrored first).

    Returns:
        (K,) float32 correlations of detail at the best alignment, -1..1; 1 is the same image, `SAME` the
        threshold. 0 where a copy is flat, and for pairs too different for an alignment.
    """
    rows = np.array(pairs, dtype=np.int64).reshape(-1, 3)
    scores, shown = whole_similarities(copies, rows)
    uncertain = np.flatnonzero(shown & (scores < CERTAIN))
    best = window_similarities(copies, both_directions(rows[uncertain]))
    np.maximum.at(scores, np.tile(uncertain, 2), best)
    return scores


def whole_similarities(copies: Array, pairs: Array) -> tuple[Array, Array]:
    """The similarity of the images of each pair from edge to edge, without any alignment.

    Args:
        copies: (N, SIDE, SIDE) uint8 or float grey copies.
        pairs: (K, 3) int64: row, row, whether the second copy is mirrored first.

    Returns:
        (K,) float32 correlations of detail, and (K,) bool: whether both copies show something; 0 where not.
    """
    first, second, mirrored = pairs.T
    detail = details(sample_whole(copies.astype(np.float32), FINE_SAMPLES))
    sharp, deep = unit(detail), _depth(detail) >= _FLAT
    shown = deep[first] & deep[second]
    return products(sharp[first], _mirror(sharp[second], mirrored)) * shown, shown


def both_directions(pairs: Array) -> Array:
    """(2 K, 3): each pair, then each with its rows swapped.

    Either image may be the crop; and a mirrored crop fits a whole just as the crop fits the mirrored whole.
    """
    return np.concatenate([pairs, pairs[:, [1, 0, 2]]])


def window_similarities(copies: Array, pairs: Array) -> Array:
    """How well the best window of the first copy of each pair fits the whole second one.

    Args:
        copies: (N, SIDE, SIDE) uint8 or float grey copies.
        pairs: (M, 3) int64: row of the crop, row of the whole, whether the whole is mirrored first.

    Returns:
        (M,) float32 correlations of detail; 0 where no coarse fit is promising, or details are hopeless.
    """
    crops, wholes, mirrored = pairs.T
    copies = copies.astype(np.float32)
    sharp = unit(details(sample_whole(copies, FINE_SAMPLES)))
    smooth = unit(sample_whole(copies, COARSE_SAMPLES))
    scores, margins = np.zeros(len(crops), np.float32), np.zeros((len(crops), 4), np.int64)
    for row in np.unique(crops):  # the windows of a copy are made once for all its wholes
        own = np.flatnonzero(crops == row)
        scores[own], margins[own] = search_alignment(copies[row], _mirror(smooth[wholes[own]], mirrored[own]))
        alike = own[scores[own] >= _PROMISING]
        if len(alike) >= _MANY:
            aims = make_aims(copies[wholes[alike]])
            scores[alike[glance(copies[row], _mirror(aims, mirrored[alike])) < HOPEFUL]] = 0
    promising = np.flatnonzero(scores >= _PROMISING)
    scores[scores < _PROMISING] = 0
    for start in range(0, len(promising), _AT_ONCE):
        some = promising[start : start + _AT_ONCE]
        aims = _mirror(sharp[wholes[some]], mirrored[some])
        scores[some] = refine_alignment(copies[crops[some]], aims, margins[some])
    return scores


def are_uncropped(copies: Array, pairs: list[tuple[int, int, bool]]) -> Array:
    """(K,) bool: whether the wholes show the same, from edge to edge; arguments as those of `similarities`."""
    first, second, mirrored = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    sharp = unit(details(sample_whole(copies.astype(np.float32), FINE_SAMPLES)))
    return np.asarray(products(sharp[first], _mirror(sharp[second], mirrored)) >= SAME)


def _depth(detail: Array) -> Array:
    """(...,) grey levels."""
    return np.asarray(np.abs(detail).mean(axis=(-2, -1)) * FINE_SAMPLES / 4)


def _mirror(views: Array, mirrored: Array) -> Array:
    """(K, n, n): the views, flipped left to right where `mirrored`."""
    return np.where(mirrored[:, None, None] != 0, views[..., ::-1], views)

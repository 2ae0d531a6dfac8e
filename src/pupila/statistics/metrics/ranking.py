"""How well scores rank the images of one class above the others: the areas under its curves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def ranking_areas(targets: Array, scores: Array, times: Array) -> tuple[Array, Array]:
    """Average precision and ROC AUC in B resamples; NaN in those where it is not measurable.

    Average precision is the sum of the gains in recall times the precision at each score, highest score first; equal
    scores are one step. ROC AUC is the chance that a positive has a higher score than a negative, ties counting half.

    Args:
        targets: (N,) bool, whether the image shows the class.
        scores: (N,) float.
        times: (B, N) how often each image is drawn; ones for the images themselves.

    Returns:
        (average precision, ROC AUC), each (B,) in 0..1. Average precision needs a positive, ROC AUC a negative too.

    Source: Manning, Raghavan and Schütze 2008, chapter 8, without interpolation; Mann and Whitney 1947.
    """
    if not len(scores):
        nothing = np.full(len(times), np.nan)
        return nothing, nothing
    order = np.argsort(-scores, kind="stable")
    ranked, drawn = scores[order], times[:, order].astype(np.float64)
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)  # the last of equal scores
    above = np.cumsum(drawn, axis=1)[:, ends]
    hits = np.cumsum(drawn * targets[order], axis=1)[:, ends]
    positives = hits[:, -1]
    negatives = above[:, -1] - positives
    gains = np.diff(hits, axis=1, prepend=0.0)
    precise = (gains * hits / np.maximum(above, 1.0)).sum(axis=1)
    misses = above - hits
    below = negatives[:, None] - misses + np.diff(misses, axis=1, prepend=0.0) / 2
    return share(precise, positives), share((gains * below).sum(axis=1), positives * negatives)


def precision_recall(targets: Array, scores: Array) -> tuple[Array, Array]:
    """The precision-recall curve: one point for each score from which the class would be predicted, highest first.

    Args:
        targets: (N,) bool, one of them true.
        scores: (N,) float.

    Returns:
        (recall, precision), each (T,) in 0..1 for T different scores.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.cumsum(targets[order])[ends]
    return hits / hits[-1], hits / (ends + 1)


def share(part: Array, whole: Array) -> Array:
    """Part / whole, of shapes that fit; NaN, not measurable, where the whole is 0."""
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    empty = np.full(shape, np.nan)
    return np.asarray(np.divide(part, whole, out=empty, where=np.broadcast_to(np.asarray(whole) > 0, shape)))

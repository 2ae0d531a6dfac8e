"""How well scores rank the images of one class above the others: the areas under its curves."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The images of one class by falling score; equal scores are one step, and those with a positive matter."""

    places: Array  # (K,) of the images among all, highest score first
    positives: Array  # (P,) of the positives among the K
    firsts: Array  # (S,) of each step with a positive, its first positive among the P
    starts: Array  # (S,) its first image among the K
    ends: Array  # (S,) the first image after it


def rank_images(targets: Array, scores: Array, places: Array) -> Ranking:
    """The ranking of K images by their scores.

    Args:
        targets: (K,) bool, whether the image shows the class.
        scores: (K,) float.
        places: (K,) of the images among all that a resample draws from.
    """
    order = np.argsort(-scores, kind="stable")
    bounds = _steps(scores[order])
    positives = np.flatnonzero(targets[order])
    steps, firsts = np.unique(np.searchsorted(bounds, positives, side="right"), return_index=True)
    return Ranking(places[order], positives, firsts, bounds[steps - 1], bounds[steps])


def ranking_areas(ranking: Ranking, times: Array) -> tuple[Array, Array]:
    """Average precision and ROC AUC in B resamples; NaN in those where it is not measurable.

    Average precision is the sum of the gains in recall times the precision at each score, highest score first. ROC AUC
    is the chance that a positive has a higher score than a negative, ties counting half.

    Args:
        ranking: of one class.
        times: (B, N) how often each image is drawn; ones for the images themselves.

    Returns:
        (average precision, ROC AUC), each (B,) in 0..1. Both need a positive and a negative: among positives alone
        every ranking is right.

    Source: Manning, Raghavan and Schütze 2008, chapter 8, without interpolation; Mann and Whitney 1947.
    """
    if not len(ranking.positives):
        nothing = np.full(len(times), np.nan)
        return nothing, nothing
    drawn = times[:, ranking.places].astype(np.float64)
    ranked = np.zeros((len(times), len(ranking.places) + 1))
    np.cumsum(drawn, axis=1, out=ranked[:, 1:])
    gains = np.add.reduceat(drawn[:, ranking.positives], ranking.firsts, axis=1)
    hits = np.cumsum(gains, axis=1)
    above, before = ranked[:, ranking.ends], ranked[:, ranking.starts]
    positives = hits[:, -1]
    negatives = ranked[:, -1] - positives
    precise = (gains * hits / np.maximum(above, 1.0)).sum(axis=1)
    below = negatives[:, None] - (above - hits + before - hits + gains) / 2
    ranked_apart = np.where(negatives > 0, positives, 0)
    return share(precise, ranked_apart), share((gains * below).sum(axis=1), positives * negatives)


def precision_recall(targets: Array, scores: Array) -> tuple[Array, Array]:
    """The precision-recall curve: one point for each score from which the class would be predicted, highest first.

    Args:
        targets: (N,) bool, one of them true.
        scores: (N,) float.

    Returns:
        (recall, precision), each (T,) in 0..1 for T different scores.
    """
    order = np.argsort(-scores, kind="stable")
    ends = _steps(scores[order])[1:]
    hits = np.cumsum(targets[order])[ends - 1]
    return hits / hits[-1], hits / ends


def _steps(ranked: Array) -> Array:
    """(T + 1,) where the T steps of equal scores begin, and the number of scores."""
    return np.concatenate([[0], np.flatnonzero(ranked[1:] != ranked[:-1]) + 1, [len(ranked)]])


def share(part: Array, whole: Array) -> Array:
    """Part / whole, of shapes that fit; NaN, not measurable, where the whole is 0."""
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    empty = np.full(shape, np.nan)
    return np.asarray(np.divide(part, whole, out=empty, where=np.broadcast_to(np.asarray(whole) > 0, shape)))

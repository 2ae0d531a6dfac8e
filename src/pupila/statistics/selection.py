"""The winner's curse: what the best of many models, chosen on the images that scored it, is worth on others.

Bootstrap bias correction repeats the whole choice in each resample of the groups: the best epoch of each model, then
the best configuration, by the images drawn; it scores the chosen one on the images that were not drawn. The mean over
the resamples is the corrected score. It is slightly pessimistic where the configurations differ, since a resample
chooses by 63 % of the groups.

Source: Tsamardinos, Greasidou and Borboudakis 2018, Machine Learning 107, algorithm BBC-CV.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import NonNegativeInt, PositiveInt

from pupila.core.records import Record
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import (
    MIN_GROUPS,
    RESAMPLES,
    Array,
    percentile_ends,
    resample,
    wilson_interval,
)

_NUMBERS_AT_ONCE = 4_000_000  # sums of resamples in memory
_LEAST_GROUPS = 2  # of one nothing is left to score on


@dataclass(frozen=True, slots=True)
class Fold:
    """The images that validated one training, and its epochs on them."""

    places: Array  # (V,) int, of its images among the N
    # (B, V) float weights of the images to (B, E, S): the S sums that decide the score of each of the E epochs.
    totals: Callable[[Array], Array]
    epochs: int
    sums: int  # S


@dataclass(frozen=True, slots=True)
class Candidate:
    """One trained model; with folds, the models that predict each image out of fold."""

    folds: Sequence[Fold]
    configuration: int  # its number; models that differ by the seed alone share it


class SelectionScore(Record):
    """The score of the winner, as selected and corrected."""

    winner: NonNegativeInt  # number of the configuration with the best mean score of its models
    raw: float  # its mean score on the images that it was chosen by
    corrected: Estimate  # what it is worth on other images; the interval is conservative
    configurations: PositiveInt
    models: PositiveInt  # of all configurations and seeds
    epochs: PositiveInt  # of all models: the number of choices
    images: PositiveInt
    groups: PositiveInt

    @property
    def optimism(self) -> float | None:
        """Raw minus corrected; None where nothing was corrected."""
        return None if self.corrected.value is None else self.raw - self.corrected.value


def correct_selection(
    candidates: Sequence[Candidate],
    score: Callable[[Array], Array],
    groups: Array,
    seed: int = 0,
    repeats: int = RESAMPLES,
    advance: Callable[[float], None] = lambda resamples: None,
) -> SelectionScore:
    """Bootstrap bias correction of the score of the best configuration.

    Args:
        candidates: all that were compared, one or more.
        score: (..., S) sums to (...) scores, higher is better; NaN where it is not measurable.
        groups: (N,) group numbers of the images; groups are resampled whole.
        seed: of the resamples.
        repeats: resamples.
        advance: called with the number of resamples that are finished.

    Returns:
        The corrected score is None where there is only one group, and its interval where there are under 10. It has the
        95 % percentiles of the out-of-bag scores, which vary more than a score on all images: it covers the true value
        in 95 to 100 % of all cases. Where all resamples agree, it is Wilson's for the number of groups.
    """
    count, images = len(np.unique(groups)), len(groups)
    winner, raw = _choose(candidates, score, np.ones((1, images)), np.ones((1, images)))

    def score_left_out(times: Array) -> Array:
        scores = _choose(candidates, score, times, (times == 0).astype(float))[1]
        advance(len(times))
        return scores

    corrected = Estimate(value=None)
    if count >= _LEAST_GROUPS:
        scores = resample(groups, score_left_out, seed, repeats)
        corrected = _estimate(scores[np.isfinite(scores)], count)
    return SelectionScore(
        winner=int(winner[0]), raw=float(raw[0]), corrected=corrected,
        configurations=len({candidate.configuration for candidate in candidates}), models=len(candidates),
        epochs=sum(max(fold.epochs for fold in candidate.folds) for candidate in candidates),
        images=images, groups=count,
    )  # fmt: skip


def _estimate(scores: Array, groups: int) -> Estimate:
    if not len(scores):
        return Estimate(value=None)
    value = float(scores.mean())
    if groups < MIN_GROUPS:
        return Estimate(value=value)
    low, high = percentile_ends(scores).tolist()
    if low == high:  # as where every image is right
        low, high = wilson_interval(value * groups, groups)
    return Estimate(value=value, low=min(low, value), high=max(high, value))


def _choose(
    candidates: Sequence[Candidate], score: Callable[[Array], Array], chosen_by: Array, scored_on: Array
) -> tuple[Array, Array]:
    """The best configuration by some weights of the images, and its score by others.

    Args:
        candidates: as of `correct_selection`.
        score: as of `correct_selection`.
        chosen_by: (B, N) weights.
        scored_on: (B, N) weights.

    Returns:
        (B,) numbers of configurations, and (B,) scores: the mean over the models of the configuration.
    """
    inside, outside = (np.empty((len(chosen_by), len(candidates))) for _ in range(2))
    for number, candidate in enumerate(candidates):
        ours, theirs = _best_epochs(candidate, score, chosen_by, scored_on)
        inside[:, number], outside[:, number] = score(ours), score(theirs)
    numbers, place = np.unique([candidate.configuration for candidate in candidates], return_inverse=True)
    ours, theirs = (
        np.stack([scores[:, place == member].mean(axis=1) for member in range(len(numbers))], axis=1)
        for scores in (inside, outside)
    )
    best = np.nan_to_num(ours, nan=-np.inf).argmax(axis=1)
    return numbers[best], theirs[np.arange(len(best)), best]


def _best_epochs(
    candidate: Candidate, score: Callable[[Array], Array], chosen_by: Array, scored_on: Array
) -> tuple[Array, Array]:
    """(B, S) sums of both weights, over the folds, of the epoch that is best in each fold by the first weights."""
    inside, outside = (np.zeros((len(chosen_by), candidate.folds[0].sums)) for _ in range(2))
    for fold in candidate.folds:
        at_once = max(1, _NUMBERS_AT_ONCE // (fold.epochs * fold.sums))
        for start in range(0, len(chosen_by), at_once):
            part = slice(start, start + at_once)
            totals = fold.totals(chosen_by[part][:, fold.places].astype(float))
            best = np.nan_to_num(score(totals), nan=-np.inf).argmax(axis=1)
            picked = np.arange(len(best)), best
            inside[part] += totals[picked]
            outside[part] += fold.totals(scored_on[part][:, fold.places].astype(float))[picked]
    return inside, outside

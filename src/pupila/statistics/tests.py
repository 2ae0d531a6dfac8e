"""Tests of paired differences, the Holm correction for many comparisons, and the verdict."""

from collections.abc import Callable, Iterator
from math import ceil, sqrt
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from pupila.core.records import Record
from pupila.statistics.intervals import Z_80, Z_95, Statistic

Array = NDArray[Any]
_FLIPS = 10_000  # of a permutation test
_FLIPPED_AT_ONCE = 1_000_000  # signs of a permutation test in memory
SIGNIFICANT = 0.05  # p-value below which a difference is significant
LEAST_GROUPS = 6  # that must differ for a test of flipped signs to reach it: 2 of 2^6 ways to sign them
# Verdicts.
BETTER: Final = "better"
WORSE: Final = "worse"
EQUIVALENT: Final = "equivalent"
NOT_DISTINGUISHABLE: Final = "not distinguishable"
Verdict = Literal["better", "worse", "equivalent", "not distinguishable"]
MARGIN = 0.02  # within which two models count as equivalent


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value that two models are right equally often on the same images.

    Args:
        only_first: images that only the first got right.
        only_second: images that only the second got right.

    Source: McNemar 1947, in the exact form: a fair coin thrown for every image on which they differ.
    """
    from scipy.stats import binomtest

    differ = only_first + only_second
    return 1.0 if differ == 0 else float(binomtest(only_first, differ, 0.5).pvalue)


def sign_flip(differences: Array, groups: Array, seed: int = 0) -> float:
    """Two-sided p-value that paired differences have mean 0, by a permutation test that flips the signs of groups.

    Args:
        differences: (N,) of two models on the same images.
        groups: (N,) group numbers.
        seed: of the permutations.

    Returns:
        Exact where there are at most 10,000 permutations, and for whole differences, such as correct or not; else from
        9,999 random permutations and the observed one. Where each image is its own group, it is McNemar's exact test of
        correct and wrong images.

    Source: Fisher 1935, section 21; Phipson and Smyth 2010 for counting the observed one.
    """
    _, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, differences)
    sums = sums[sums != 0]  # a group without a difference changes nothing
    if 2 ** len(sums) > _FLIPS and (sums == np.round(sums)).all():
        return _flip_exactly(sums.astype(np.int64))
    observed = abs(sums.sum()) * (1 - 1e-9)  # equal sums stay equal in spite of rounding
    extreme = [np.abs(signs @ sums) >= observed for signs in _permute_signs(len(sums), seed)]
    return float(np.concatenate(extreme).mean())


def _flip_exactly(sums: Array) -> float:
    """The share of all 2^G ways to sign G whole numbers whose total is as far from 0 as that of (G,) `sums`.

    The distribution of the total is built up size by size: of k groups of one size, a binomial number is negative.
    """
    from scipy.stats import binom

    sizes, counts = np.unique(np.abs(sums), return_counts=True)
    chances = np.ones(1)  # by the sum of the sizes that are negative
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        step = np.zeros(size * count + 1)
        step[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, step)
    totals = len(chances) - 1 - 2 * np.arange(len(chances))
    return min(1.0, float(chances[np.abs(totals) >= abs(int(sums.sum()))].sum()))


class PairedTest(Record):
    """A model against a baseline on the same images, with a test over their groups."""

    won: int  # images on which the model scores higher
    lost: int  # images on which the baseline does
    groups: int  # in which their scores differ
    p_value: float
    verdict: Verdict


def compare_with_baseline(differences: Array, groups: Array) -> PairedTest:
    """Whether a model is better than a baseline, image by image: `sign_flip`, exact McNemar without groups.

    Args:
        differences: (N,) score of the model minus that of the baseline; -1, 0 or 1 for correct and wrong images.
        groups: (N,) group numbers; fewer than `LEAST_GROUPS` that differ show nothing.
    """
    return make_paired_test(differences, groups, float(differences.mean()), sign_flip(differences, groups))


def make_paired_test(differences: Array, groups: Array, gap: float, p_value: float) -> PairedTest:
    """The counts and the verdict of a test that was made.

    Args:
        differences: as of `compare_with_baseline`.
        groups: (N,) group numbers.
        gap: what was tested: the metric of the model minus that of the baseline.
        p_value: that it is 0.
    """
    significant: Verdict = BETTER if gap > 0 else WORSE
    return PairedTest(
        won=int((differences > 0).sum()), lost=int((differences < 0).sum()),
        groups=len(np.unique(groups[differences != 0])), p_value=p_value,
        verdict=significant if p_value < SIGNIFICANT else NOT_DISTINGUISHABLE,
    )  # fmt: skip


def permutation_test(
    first: Array, other: Array, groups: Array, score: Callable[[Array], Array], seed: int = 0
) -> float:
    """Two-sided p-value that two models score alike, by a permutation test that exchanges their results in groups.

    Args:
        first: (N, K) counts of each image whose sums decide the score of the first model.
        other: (N, K) the same of the other model.
        groups: (N,) group numbers.
        score: (B, K) sums to (B,) scores, such as F1.
        seed: of the permutations.

    Returns:
        As of `sign_flip`.

    Source: Noreen 1989, chapter 2; Yeh 2000 for F1 (approximate randomisation).
    """
    names, place = np.unique(groups, return_inverse=True)
    sums, differences = (first + other).sum(axis=0), np.zeros((len(names), first.shape[1]))
    np.add.at(differences, place, first - other)
    differences = differences[differences.any(axis=1)]

    def gap(total: Array) -> Array:
        return np.asarray(np.abs(score((sums + total) / 2) - score((sums - total) / 2)))

    observed = gap(differences.sum(axis=0, keepdims=True))[0] * (1 - 1e-9)
    extreme = [gap(signs @ differences) >= observed for signs in _permute_signs(len(differences), seed)]
    return float(np.concatenate(extreme).mean())


def exchange_test(statistic: Statistic, groups: Array, differ: Array | None = None, seed: int = 0) -> float:
    """Two-sided p-value that two models score alike, by exchanging their results in groups: any metric of images.

    `permutation_test` is faster for a metric that sums of counts decide; average precision, for one, is none.

    Args:
        statistic: (B, 2N) int64, how often each result counts (those of the first model, then those of the other), to
            (B,) scores.
        groups: (N,) group numbers.
        differ: (N,) bool: whether the two results of an image differ; None: all may.
        seed: of the permutations.

    Returns:
        As of `sign_flip`; 1 where the scores are not measurable.

    Source: as of `permutation_test`.
    """
    _, place = np.unique(groups, return_inverse=True)
    moved = np.unique(
        place if differ is None else place[differ]
    )  # another group changes nothing if exchanged
    column = np.full(place.max(initial=-1) + 1, len(moved))
    column[moved] = np.arange(len(moved))

    def gap(signs: Array) -> Array:
        first = (
            np.concatenate([signs, np.ones((len(signs), 1), dtype=signs.dtype)], axis=1)[:, column[place]] > 0
        )
        chosen = np.concatenate([first, ~first], axis=1).astype(np.int64)
        return np.asarray(np.abs(statistic(chosen) - statistic(1 - chosen)))

    observed = (
        gap(np.ones((1, len(moved)), dtype=np.int64))[0] - 1e-12
    )  # of scores in 0..1: rounding makes no gap
    if not np.isfinite(observed):
        return 1.0
    at_once = max(1, _FLIPPED_AT_ONCE // max(1, len(place)))
    extreme = [
        gap(signs[start : start + at_once]) >= observed
        for signs in _permute_signs(len(moved), seed)
        for start in range(0, len(signs), at_once)
    ]
    return float(np.concatenate(extreme).mean())


def compare_with_rest(values: Array, inside: Array, groups: Array, seed: int = 0) -> float:
    """Two-sided p-value that the images of a slice have the mean score of all others: a sign-flip test over groups.

    What each group contributes to the difference of the two means, if all images had one mean, gets a random sign. A
    group that lies on both sides contributes once, so that what its images have in common is no evidence.

    Args:
        values: (N,) scores.
        inside: (N,) bool, both kinds present.
        groups: (N,) group numbers.
        seed: of the signs.

    Returns:
        As of `sign_flip`.

    Source: Kline and Santos 2012, Journal of Econometric Methods 1 (score bootstrap with groups as units); Cameron,
    Gelbach and Miller 2008 for residuals under the null.
    """
    weights = np.where(inside, 1 / inside.sum(), -1 / (~inside).sum())
    return sign_flip(weights * (values - values.mean()), groups, seed)


def _permute_signs(count: int, seed: int) -> Iterator[Array]:
    """(K, count) signs in parts: all where there are at most 10,000, else the observed ones and 9,999 random ones."""
    if 2**count <= _FLIPS:
        yield 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        return
    yield np.ones((1, count), dtype=np.int64)
    rng, at_once = np.random.default_rng(seed), max(1, _FLIPPED_AT_ONCE // count)
    for start in range(0, _FLIPS - 1, at_once):
        yield 1 - 2 * rng.integers(0, 2, (min(at_once, _FLIPS - 1 - start), count))


def holm(p_values: list[float]) -> list[float]:
    """Adjusted p-values of a family of tests, in the order given.

    Source: Holm 1979.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def verdict(difference: tuple[float, float], p_value: float, margin: float = MARGIN) -> Verdict:
    """The verdict of a comparison.

    Args:
        difference: 95 % interval of second minus first, -1..1.
        p_value: that there is no difference.
        margin: within which they count as equivalent.

    Returns:
        BETTER or WORSE (the interval leaves out 0 and the test agrees), EQUIVALENT (the interval lies inside the
        margin), or NOT_DISTINGUISHABLE.
    """
    low, high = difference
    if p_value < SIGNIFICANT and (low > 0 or high < 0):
        return BETTER if low > 0 else WORSE
    return EQUIVALENT if -margin < low and high < margin else NOT_DISTINGUISHABLE


def reverse(given: Verdict) -> Verdict:
    """The verdict on the second model, from that on the first."""
    if given == BETTER:
        return WORSE
    return BETTER if given == WORSE else given


def images_for_power(only_first: int, only_second: int, n: int, design_effect: float = 1.0) -> int | None:
    """How many images would show such a difference with power 0.8; None where there is no difference.

    Args:
        only_first: images that only the first got right.
        only_second: images that only the second got right.
        n: images compared.
        design_effect: how many images in these groups are worth one independent image.

    Source: Connor 1987, for McNemar's test at 5 %.
    """
    p, q = only_first / n, only_second / n
    if only_first == only_second:
        return None
    share, difference = p + q, abs(p - q)
    root = (Z_95 * sqrt(share) + Z_80 * sqrt(max(share - difference**2, 0.0))) / difference
    return max(n + 1, ceil(root**2 * design_effect))


def images_for_mean_power(differences: Array, groups: Array) -> int | None:
    """How many images, in groups like these, would show such a mean difference with power 0.8; None where it is 0.

    Args:
        differences: (N,) of two models on the same images.
        groups: (N,) group numbers.

    Source: the normal approximation, with the variance of the mean of a cluster sample (Kish 1965).
    """
    mean = float(differences.mean())
    if abs(mean) < 1e-12:
        return None
    _, place = np.unique(groups, return_inverse=True)
    spread = sqrt(float((np.bincount(place, differences - mean) ** 2).sum()))  # of the sum of all
    factor = ((Z_95 + Z_80) * spread / (abs(mean) * len(differences))) ** 2
    return max(len(differences) + 1, ceil(factor * len(differences)))

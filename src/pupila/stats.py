"""Intervals: what a share of n images, or of g groups, can tell."""

from collections.abc import Callable
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point
Z_80 = 0.8416212335729143  # its 80 % point


def wilson_interval(successes: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a share.

    Args:
        successes: 0..n; a fraction is allowed, for planning.
        n: independent trials (images that are each their own group, or groups).
        z: 1.96 for 95 %.

    Returns:
        (low, high), each 0..1; (0, 1) where n is 0.

    Source: Wilson 1927; Brown, Cai and DasGupta 2001 recommend it for small n.
    """
    if n <= 0:
        return 0.0, 1.0
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula gives exactly 0 and 1; rounding must not put the share outside its own interval.
    low = max(0.0, centre - half) if successes > 0 else 0.0
    high = min(1.0, centre + half) if successes < n else 1.0
    return low, high


def finite_interval(successes: float, n: int, population: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of the share in a finite whole, of which n were drawn without putting back.

    Args:
        successes: 0..n; a fraction is allowed, for planning.
        n: drawn at random.
        population: things in the whole, n or more.
        z: 1.96 for 95 %.

    Returns:
        (low, high), each 0..1; the share itself where all were drawn. What was seen bounds it too: successes of the
        whole are no fewer than those drawn.

    Source: Wilson's interval of the n that would tell as much of an endless whole (Cochran 1977, section 2.6).
    """
    if n >= population:
        return (successes / n, successes / n) if n else (0.0, 1.0)
    worth = n * (population - 1) / (population - n)
    low, high = wilson_interval(successes / n * worth, worth, z) if n else (0.0, 1.0)
    return max(low, successes / population), min(high, 1 - (n - successes) / population)


def more_to_halve(successes: int, n: int, population: int) -> int:
    """How many more to draw of the finite whole, at the same share, until the 95 % interval is half as wide.

    Args:
        successes: 0..n.
        n: drawn so far, 1 or more.
        population: things in the whole.

    Returns:
        0 where all were drawn.
    """

    def width(drawn: int) -> float:
        low, high = finite_interval(successes / n * drawn, drawn, population)
        return high - low

    wanted, low, high = width(n) / 2, n, population
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if width(middle) > wanted else (low, middle)
    return low - n


def wilson_width(share: float, n: float) -> float:
    """Width of the 95 % interval, 0..1, that n trials give at this share."""
    low, high = wilson_interval(share * n, n)
    return high - low


def trials_for_width(share: float, width: float) -> int:
    """The fewest trials whose 95 % interval at this share is no wider than `width` (0..1)."""
    low, high = 1, 2
    while wilson_width(share, high) > width:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if wilson_width(share, middle) > width:
            low = middle + 1
        else:
            high = middle
    return low


REPEATS = 2000  # of a bootstrap
FEW_GROUPS = 10  # under which there is no interval
_DRAWN_AT_ONCE = 4_000_000  # multiplicities of a bootstrap in memory
_REPEATS_AT_ONCE = 250  # what a statistic makes of them may be much larger
_FLIPS = 10_000  # of a permutation test
_FLIPPED_AT_ONCE = 1_000_000  # signs of a permutation test in memory
SIGNIFICANT = 0.05  # p-value below which a difference is told
MARGIN = 0.02  # within which two models count as equivalent
Statistic = Callable[[Array], Array]  # (B, N) multiplicities of N units to (B,) values


def bootstrap(
    groups: Array, statistic: Statistic, seed: int = 0, repeats: int = REPEATS
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic when whole groups are drawn with repetition.

    Args:
        groups: (N,) group number of each image.
        statistic: (B, N) int64, how often each image is drawn, to (B,) values.
        seed: decides the draws.
        repeats: B.

    Returns:
        (low, high).

    Source: Efron and Tibshirani 1993, chapter 13; Field and Welsh 2007 for whole clusters.
    """
    low, high = bootstrap_all(groups, statistic, seed, repeats)
    return float(low), float(high)


def bootstrap_all(groups: Array, statistic: Statistic, seed: int = 0, repeats: int = REPEATS) -> Array:
    """(2, ...) low and high ends of many statistics of the same draws: as `bootstrap`, of (B, N) to (B, ...) values."""
    names, number = np.unique(groups, return_inverse=True)
    rng, chances = np.random.default_rng(seed), np.full(len(names), 1 / len(names))
    at_once = min(_REPEATS_AT_ONCE, max(1, _DRAWN_AT_ONCE // len(number)))
    values = np.concatenate([
        statistic(rng.multinomial(len(names), chances, min(at_once, repeats - done))[:, number])
        for done in range(0, repeats, at_once)
    ])  # fmt: skip
    return np.asarray(np.quantile(values, [0.025, 0.975], axis=0))


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
    """Two-sided p-value that paired differences have mean 0, when the signs of whole groups are thrown anew.

    Args:
        differences: (N,) of two models on the same images.
        groups: (N,) group numbers.
        seed: decides the throws.

    Returns:
        Exact, over all throws, where there are no more than these; else of 9,999 of them and the one that was observed.

    Source: Fisher 1935, section 21; Phipson and Smyth 2010 for counting the observed one.
    """
    _, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, differences)
    sums = sums[sums != 0]  # a group without a difference throws nothing
    seen = abs(sums.sum()) * (1 - 1e-9)  # rounding must not part sums that are equal
    if 2 ** len(sums) <= _FLIPS:
        signs = 1 - 2 * ((np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))) & 1)
        return float((np.abs(signs @ sums) >= seen).mean())
    rng, at_once, extreme = np.random.default_rng(seed), max(1, _FLIPPED_AT_ONCE // len(sums)), 1
    for done in range(0, _FLIPS - 1, at_once):
        signs = 1 - 2 * rng.integers(0, 2, (min(at_once, _FLIPS - 1 - done), len(sums)))
        extreme += int((np.abs(signs @ sums) >= seen).sum())
    return extreme / _FLIPS


def paired_interval(only_first: float, only_second: float, n: float) -> tuple[float, float]:
    """The 95 % score interval of the difference of two shares on the same n images, first minus second.

    Args:
        only_first: images that only the first got right; fractions are allowed, for images that tell less than one.
        only_second: images that only the second got right.
        n: images.

    Returns:
        (low, high), each -1..1.

    Source: Tango 1998, Statistics in Medicine 17; it keeps its coverage where few images differ, or none.
    """
    from scipy.optimize import brentq

    b, c = only_first, only_second

    def score(difference: float) -> float:
        linear = -b - c + (2 * n - b + c) * difference
        constant = -c * difference * (1 - difference)
        share = (sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (
            4 * n
        )  # only the second, at this difference
        spread = n * (2 * share + difference * (1 - difference))
        return (b - c - n * difference) / sqrt(spread) if spread > 0 else 0.0

    edge, found = 1 - 1e-12, (b - c) / n
    low = brentq(lambda d: score(d) - Z_95, -edge, found) if score(-edge) > Z_95 else -1.0
    high = brentq(lambda d: score(d) + Z_95, found, edge) if score(edge) < -Z_95 else 1.0
    return float(low), float(high)


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


def verdict(difference: tuple[float, float], p_value: float, margin: float = MARGIN) -> str:
    """The comparison in a word.

    Args:
        difference: 95 % interval of second minus first, -1..1.
        p_value: that there is no difference.
        margin: within which they count as equivalent.

    Returns:
        "better" or "worse" (the interval leaves out 0 and the test agrees), "equivalent" (the interval lies inside
        the margin), or "not distinguishable".
    """
    low, high = difference
    if p_value < SIGNIFICANT and (low > 0 or high < 0):
        return "better" if low > 0 else "worse"
    return "equivalent" if -margin < low and high < margin else "not distinguishable"


def images_to_settle(only_first: int, only_second: int, n: int, design_effect: float = 1.0) -> int | None:
    """How many images would show such a difference with power 0.8; None where there is none to show.

    Args:
        only_first: images that only the first got right.
        only_second: images that only the second got right.
        n: images compared.
        design_effect: how many images of these groups tell as much as one that stands alone.

    Source: Connor 1987, for McNemar's test at 5 %.
    """
    p, q = only_first / n, only_second / n
    if only_first == only_second:
        return None
    share, difference = p + q, abs(p - q)
    wanted = (Z_95 * sqrt(share) + Z_80 * sqrt(max(share - difference**2, 0.0))) / difference
    return max(n + 1, ceil(wanted**2 * design_effect))


def images_to_tell(differences: Array, groups: Array) -> int | None:
    """How many images, in groups like these, would show such a mean difference with power 0.8; None where it is 0.

    Args:
        differences: (N,) of two models on the same images.
        groups: (N,) group numbers.

    Source: the normal approximation, with the variance of the mean when whole groups are drawn (Kish 1965).
    """
    mean = float(differences.mean())
    if abs(mean) < 1e-12:
        return None
    _, place = np.unique(groups, return_inverse=True)
    spread = sqrt(float((np.bincount(place, differences - mean) ** 2).sum()))  # of the sum of all
    wanted = ((Z_95 + Z_80) * spread / (abs(mean) * len(differences))) ** 2
    return max(len(differences) + 1, ceil(wanted * len(differences)))

"""Confidence intervals of shares and statistics of n images in g groups."""

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.estimate import Estimate

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
    """The score interval of the share in a finite population, of which n were drawn without replacement.

    Args:
        successes: 0..n; a fraction is allowed, for planning.
        n: drawn at random.
        population: size of the population, n or more.
        z: 1.96 for 95 %.

    Returns:
        (low, high), each 0..1; the share itself where all were drawn. The sample bounds it too: the population has no
        fewer successes than the sample.

    Source: Wilson's interval with the n that is equivalent in an infinite population (Cochran 1977, section 2.6).
    """
    if n >= population:
        return (successes / n, successes / n) if n else (0.0, 1.0)
    worth = n * (population - 1) / (population - n)
    low, high = wilson_interval(successes / n * worth, worth, z) if n else (0.0, 1.0)
    return max(low, successes / population), min(high, 1 - (n - successes) / population)


def draws_to_halve_width(successes: int, n: int, population: int) -> int:
    """How many more to draw from the finite population, at the same share, until the 95 % interval is half as wide.

    Args:
        successes: 0..n.
        n: drawn so far, 1 or more.
        population: size of the population.

    Returns:
        0 where all were drawn.
    """

    def width(drawn: int) -> float:
        low, high = finite_interval(successes / n * drawn, drawn, population)
        return high - low

    target, low, high = width(n) / 2, n, population
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if width(middle) > target else (low, middle)
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


RESAMPLES = 2000  # of a cluster bootstrap
MIN_GROUPS = 10  # with fewer there is no interval
_WEIGHTS_AT_ONCE = 4_000_000  # multiplicities of a bootstrap in memory
_RESAMPLES_AT_ONCE = 250  # a statistic may turn each into much more
Statistic = Callable[[Array], Array]  # (B, N) multiplicities of N units to (B,) values


def bootstrap(
    groups: Array, statistic: Statistic, seed: int = 0, repeats: int = RESAMPLES
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic by a cluster bootstrap: groups are resampled with replacement.

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


def bootstrap_all(groups: Array, statistic: Statistic, seed: int = 0, repeats: int = RESAMPLES) -> Array:
    """(2, ...) lower and upper ends of many statistics of the same resamples: `bootstrap` for (B, ...) values."""
    return percentile_ends(resample(groups, statistic, seed, repeats))


def median_ratio(above: Array, below: Array) -> Estimate:
    """The median ratio of pairs that were measured together, with the 95 % percentile interval of a bootstrap.

    Args:
        above: (N,) positive.
        below: (N,) positive, each measured beside its partner: what disturbs one disturbs both.
    """
    ratios = above / below
    drawn = np.random.default_rng(0).integers(0, len(ratios), (RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(ratios[drawn], axis=1), [0.025, 0.975])
    return Estimate(value=float(np.median(ratios)), low=float(low), high=float(high))


def bootstrap_mean(groups: Array, values: Array) -> tuple[float, float]:
    """`bootstrap` of the mean of (N,) values."""
    return bootstrap(groups, lambda times: np.asarray(times @ values / times.sum(axis=1)))


def resample(groups: Array, statistic: Statistic, seed: int = 0, repeats: int = RESAMPLES) -> Array:
    """(B, ...) values of a statistic in the resamples of a cluster bootstrap; see `bootstrap`.

    Equal groups and an equal seed give equal resamples, so that two models can be compared in pairs.
    """
    names, number = np.unique(groups, return_inverse=True)
    rng, chances = np.random.default_rng(seed), np.full(len(names), 1 / len(names))
    at_once = min(_RESAMPLES_AT_ONCE, max(1, _WEIGHTS_AT_ONCE // len(number)))
    return np.concatenate([
        statistic(rng.multinomial(len(names), chances, min(at_once, repeats - start))[:, number])
        for start in range(0, repeats, at_once)
    ])  # fmt: skip


def percentile_ends(values: Array) -> Array:
    """(2, ...) ends of the 95 % percentile intervals of (B, ...) values."""
    return np.asarray(np.quantile(values, [0.025, 0.975], axis=0))


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
        # the share that only the second gets right, at this difference
        share = (sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
        spread = n * (2 * share + difference * (1 - difference))
        return (b - c - n * difference) / sqrt(spread) if spread > 0 else 0.0

    edge, observed = 1 - 1e-12, (b - c) / n
    low = brentq(lambda d: score(d) - Z_95, -edge, observed) if score(-edge) > Z_95 else -1.0
    high = brentq(lambda d: score(d) + Z_95, observed, edge) if score(edge) < -Z_95 else 1.0
    return float(low), float(high)

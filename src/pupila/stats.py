"""Intervals: what a share of n images, or of g groups, can tell."""

from math import sqrt

Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point


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
    return max(0.0, centre - half), min(1.0, centre + half)


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

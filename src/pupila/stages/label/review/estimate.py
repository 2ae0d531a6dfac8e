"""The share of correct answers with its interval."""

from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import MIN_GROUPS, finite_interval, wilson_interval


def estimate_share(count: int, n: int, population_size: int | None = None) -> Estimate:
    """The share count / n with its 95 % confidence interval, which is missing below 10 items.

    Args:
        count: 0..n.
        n: items, drawn at random.
        population_size: number of items that they were drawn from; None: infinite.
    """
    value = count / n if n else None
    if n < MIN_GROUPS and n != population_size:
        return Estimate(value=value)
    low, high = (
        wilson_interval(count, n) if population_size is None else finite_interval(count, n, population_size)
    )
    return Estimate(value=value, low=low, high=high)

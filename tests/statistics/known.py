"""Estimates whose interval is known."""

from pupila.statistics.estimate import Estimate


def parts(estimate: Estimate) -> tuple[float, float, float]:
    """Low, value, high."""
    assert estimate.low is not None and estimate.value is not None and estimate.high is not None
    return estimate.low, estimate.value, estimate.high


def width(estimate: Estimate) -> float:
    """Of the interval."""
    low, _, high = parts(estimate)
    return high - low

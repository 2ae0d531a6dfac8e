"""Figures as table cells, and as they stand in sentences."""

from typing import Any

from pupila.core.messages import number, percent, say


def estimate_cells(row: dict[str, Any], digits: int = 3) -> list[str]:
    """A value and its confidence interval."""
    if row["value"] is None:
        return ["", ""]
    if row["low"] is None:
        return [number(row["value"], digits), say("too few groups")]
    return [number(row["value"], digits), interval(row["low"], row["high"], digits)]


def interval(low: float, high: float, digits: int = 3) -> str:
    """The ends of a confidence interval: "0.898 to 0.992"."""
    return say("{low} to {high}", low=number(low, digits), high=number(high, digits))


def signed_number(value: float, digits: int = 3) -> str:
    """A difference with its sign: "+0.012"."""
    return f"{_plus(value)}{number(value, digits)}"


def signed_percent(share: float, digits: int = 1) -> str:
    """A relative change with its sign: "+3.2 %"."""
    return f"{_plus(share)}{percent(share, digits)}"


def p_text(p: float) -> str:
    """A p-value as journals print it: "p = 0.031", or "p < 0.001"."""
    if p < 0.001:
        return say("p < {limit}", limit=number(0.001))
    digits = 4 if 0.045 <= p < 0.055 else 3  # so that the text shows on which side of 0.05 it lies
    return say("p = {p}", p=number(p, digits))


def _plus(value: float) -> str:
    return "" if value < 0 else "+"

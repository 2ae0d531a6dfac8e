"""Figures with their 95 % confidence intervals, and how they are written."""

from typing import Self

from pupila.core.messages import number, percent, say, signed_number, signed_percent
from pupila.core.records import Record


class Estimate(Record):
    """A figure with its 95 % confidence interval."""

    value: float | None  # None: undefined, as of a class that does not occur
    low: float | None = None  # ends of the interval; None where there are too few groups for one
    high: float | None = None

    def value_text(self, digits: int = 3) -> str:
        """The figure alone: "0.952"; empty where it is undefined."""
        return "" if self.value is None else number(self.value, digits)

    def percent_text(self) -> str:
        """The figure alone, a share, as a percentage: "95.2 %"; empty where it is undefined."""
        return "" if self.value is None else percent(self.value)

    def interval_text(self, digits: int = 3) -> str:
        """The interval alone: "0.898 to 0.992", or "too few groups"; empty where the figure is undefined."""
        if self.value is None:
            return ""
        if self.low is None or self.high is None:
            return say("too few groups")
        return say("{low} to {high}", low=number(self.low, digits), high=number(self.high, digits))

    def percent_interval_text(self) -> str:
        """The interval alone, of a share: "89.8 % to 99.2 %"; otherwise as `interval_text`."""
        if self.value is None or self.low is None or self.high is None:
            return self.interval_text()
        return say("{low} to {high}", low=percent(self.low), high=percent(self.high))

    def text(self, digits: int = 3) -> str:
        """Both: "0.952 (95 % CI 0.898 to 0.992)", or "0.952 (too few groups for a confidence interval)"."""
        if self.value is None:
            return ""
        if self.low is None:
            return say("{value} (too few groups for a confidence interval)", value=self.value_text(digits))
        return say(
            "{value} (95 % CI {interval})", value=self.value_text(digits), interval=self.interval_text(digits)
        )

    def cells(self, digits: int = 3) -> list[str]:
        """Both, as two cells of a table."""
        return [self.value_text(digits), self.interval_text(digits)]

    def measured_cells(self) -> list[str]:
        """Both, as two cells of a table in which an undefined figure says that nothing was measured."""
        return [say("not measurable"), ""] if self.value is None else self.cells()


class Difference(Record):
    """A metric of two models on the same images, with the 95 % confidence interval of first minus other."""

    first: float
    other: float
    change: float | None  # of the first, relative to the other; None where that one is 0
    low: float | None  # ends of the interval; None where there are too few groups for one
    high: float | None

    @classmethod
    def between(cls, first: float, other: float, low: float | None, high: float | None) -> Self:
        """Of two values, with the ends of the interval of first minus other."""
        change = (first - other) / other if other else None
        return cls(first=first, other=other, change=change, low=low, high=high)

    def reverse(self) -> Self:
        """Of the other minus the first."""
        ends = (None, None) if self.low is None or self.high is None else (-self.high, -self.low)
        return self.between(self.other, self.first, *ends)

    def interval_text(self) -> str:
        """The interval alone: "-0.012 to +0.034", or "too few groups"."""
        if self.low is None or self.high is None:
            return say("too few groups")
        return say("{low} to {high}", low=signed_number(self.low), high=signed_number(self.high))

    def cells(self) -> list[str]:
        """Both values, the relative change, and the interval, as four cells of a table."""
        change = "" if self.change is None else signed_percent(self.change)
        return [number(self.first), number(self.other), change, self.interval_text()]


def p_text(p: float) -> str:
    """A p-value as journals print it: "p = 0.031", or "p < 0.001"."""
    if p < 0.001:
        return say("p < {limit}", limit=number(0.001))
    digits = 4 if 0.045 <= p < 0.055 else 3  # so that the text shows on which side of 0.05 it lies
    return say("p = {p}", p=number(p, digits))

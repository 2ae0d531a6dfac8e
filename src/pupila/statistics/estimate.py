"""A figure with its 95 % confidence interval, and how it is written."""

from pupila.core.messages import number, say
from pupila.core.records import Record


class Estimate(Record):
    """A figure with its 95 % confidence interval."""

    value: float | None  # None: undefined, as of a class that does not occur
    low: float | None = None  # ends of the interval; None where there are too few groups for one
    high: float | None = None

    def value_text(self, digits: int = 3) -> str:
        """The figure alone: "0.952"; empty where it is undefined."""
        return "" if self.value is None else number(self.value, digits)

    def interval_text(self, digits: int = 3) -> str:
        """The interval alone: "0.898 to 0.992", or "too few groups"; empty where the figure is undefined."""
        if self.value is None:
            return ""
        if self.low is None or self.high is None:
            return say("too few groups")
        return say("{low} to {high}", low=number(self.low, digits), high=number(self.high, digits))

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

"""Figures as cells of a table."""

from typing import Any

from pupila.core.messages import say


def told(row: dict[str, Any], digits: int = 3) -> list[str]:
    """A value and its interval as cells."""
    if row["value"] is None:
        return ["", ""]
    interval = (
        say("too few groups")
        if row["low"] is None
        else f"{row['low']:.{digits}f} .. {row['high']:.{digits}f}"
    )
    return [f"{row['value']:.{digits}f}", interval]

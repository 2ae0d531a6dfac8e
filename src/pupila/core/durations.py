"""Durations with a unit: `90s`, `15m`, `2h`, `30d`."""

import re

from pupila.core.errors import PupilaError
from pupila.core.messages import say

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_seconds(text: str, problem: str) -> float:
    """The time in seconds.

    Args:
        text: a positive number with its unit.
        problem: of the error: which setting is wrong.

    Raises:
        PupilaError: anything else.
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhd])", str(text).strip(), re.ASCII)
    if not match or not float(match[1]):
        raise PupilaError(problem, actual=repr(text), expected=say("a time such as 90s, 15m, 2h or 30d"))
    return float(match[1]) * UNITS[match[2]]

"""How many requests a client may send: a moving window for each of them."""

import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from pupila.core.errors import PupilaError
from pupila.core.messages import say

_MOST_CLIENTS = 65_536  # whose requests are counted; above it the one that was silent longest is forgotten
_MOST_REQUESTS = 1_000_000  # of one window: the time of each is in memory
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many requests in any period of so many seconds."""

    requests: int
    seconds: int


def parse_rate(text: str) -> Rate:
    """The rate of a text such as `60/min`.

    Raises:
        PupilaError: anything else.
    """
    match = re.fullmatch(r"(\d{1,9})\s*/\s*([a-z]+)", str(text).strip(), re.ASCII)
    if not match or match[2] not in _UNITS or not 1 <= int(match[1]) <= _MOST_REQUESTS:
        raise PupilaError(
            say("Invalid rate"), actual=repr(text), expected=say("requests for a unit of time, such as 60/min, 5/s "
                                                                 "or 1000/h, at most {n}", n=_MOST_REQUESTS),
        )  # fmt: skip
    return Rate(int(match[1]), _UNITS[match[2]])


class MovingWindow:
    """The latest requests of each client; for the event loop.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._longest = 0  # period of a rate, seconds
        self._times: OrderedDict[str, deque[float]] = (
            OrderedDict()
        )  # the last client to be counted is the last

    def admit(self, client: str, rate: Rate) -> float:
        """Count a request of the client where the rate allows it.

        Returns:
            Seconds until the next request is allowed: 0 where this one is, and was counted.
        """
        now = self._clock()
        self._longest = max(self._longest, rate.seconds)
        times = self._times.setdefault(client, deque())
        self._times.move_to_end(client)
        while times and times[0] <= now - rate.seconds:
            times.popleft()
        if len(times) >= rate.requests:
            return times[len(times) - rate.requests] + rate.seconds - now
        times.append(now)
        self._forget(now)
        return 0.0

    def take_back(self, client: str) -> None:
        """Count the latest request of the client no longer."""
        if times := self._times.get(client):
            times.pop()

    def _forget(self, now: float) -> None:
        """Forget clients that were silent for the longest period, and above the limit those that were longest."""
        for _ in range(2):
            oldest = next(iter(self._times.values()))
            is_recent = bool(oldest) and oldest[-1] > now - self._longest
            if is_recent and len(self._times) <= _MOST_CLIENTS:
                return
            self._times.popitem(last=False)

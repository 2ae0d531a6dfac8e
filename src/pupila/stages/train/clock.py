"""The clock of a command: seconds since it began, and how much slower than alone the machine is."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_SLOWEST = 5.0  # times; a disk that is read for the first time is no slow machine


@dataclass(frozen=True, slots=True)
class CommandClock:
    """Seconds of the wall and of the processor since a command began."""

    wall: Callable[[], float]
    processor: Callable[[], float]  # of all threads

    @classmethod
    def start_now(cls) -> "CommandClock":
        """The command begins with this call."""
        wall, processor = time.monotonic(), time.process_time()
        return cls(lambda: time.monotonic() - wall, lambda: time.process_time() - processor)

    @classmethod
    def start_with_process(cls) -> "CommandClock":
        """The command began with its process: loading of libraries counts."""
        began = time.monotonic() - _process_age()
        return cls(lambda: time.monotonic() - began, time.process_time)

    def slowness(self) -> float:
        """How many times longer the command takes so far than its processor time: 1 on a machine without other work."""
        return min(_SLOWEST, max(1.0, self.wall() / max(self.processor(), 1e-3)))


def _process_age() -> float:
    """Seconds since this process began; where the system does not tell, at least its processor time."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError, AttributeError):
        return time.process_time()

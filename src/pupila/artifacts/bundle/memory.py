"""Bound the memory of a model from elsewhere while it is loaded, and give back that of a model that is freed."""

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

_FLOOR = 8 * 2**30  # bytes of addresses: activations of the largest inputs
_COPIES = 16  # of the file: its tensors, packed again for the processor
_A_CORE = 256 * 2**20  # bytes of addresses that a thread of a pool reserves


@contextlib.contextmanager
def limit_growth(size: int) -> Iterator[None]:
    """Within it this process can't grow beyond what a model of this size takes: an allocation fails instead.

    Only on Linux, and only where no other Python thread runs: the limit is that of the whole process.

    Args:
        size: of the model's files, bytes.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + _FLOOR + _COPIES * size + _A_CORE * (os.cpu_count() or 1)
    if any(limit not in (resource.RLIM_INFINITY, -1) and limit <= most for limit in (soft, hard)):
        yield  # a narrower limit holds already
        return
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def return_freed_memory() -> None:
    """Give the memory of freed models back to the system: glibc keeps it in pieces that no next model fits into."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)

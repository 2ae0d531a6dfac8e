"""Keep freed memory for the next step: of a training step on a CPU, page faults of new memory take a third."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # parameters of mallopt(3)
_MOST = 2**31 - 1  # a C int
# What glibc adapts its thresholds to by itself, in bytes, and the number of mappings that it allows.
_USUAL = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20, _MMAP_MAX: 65536}


@contextmanager
def reused_memory() -> Iterator[None]:
    """Within it memory that is freed stays with the process, and is given back at the end.

    glibc maps each block of many megabytes for itself and unmaps it when it is freed, so that the kernel fills every
    activation of every step with zeros first. Other C libraries are left as they are.
    """
    glibc = _find_glibc()
    if glibc is None:
        yield
        return
    glibc.mallopt(_MMAP_MAX, 0)
    glibc.mallopt(_TRIM_THRESHOLD, _MOST)
    try:
        yield
    finally:
        for parameter, value in _USUAL.items():
            glibc.mallopt(parameter, value)
        glibc.malloc_trim(0)


def _find_glibc() -> Any:
    """The C library of this process, if it is glibc."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None

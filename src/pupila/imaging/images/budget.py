"""The memory that all threads of the process share for decoding images, and its return to the system."""

import contextlib
import ctypes
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

_SHARE = 4  # of the machine's memory, one part: what decoding may take where no number is set
_LEAST = 1_000_000_000  # bytes, on a small machine
_LARGE = 48_000_000  # bytes of a decoding after which memory is returned: less is soon used again
_CGROUP = Path("/sys/fs/cgroup/memory.max")  # what a container may use


class NoMemory(Exception):
    """A decoding that is not begun.

    Args:
        needed: bytes.
        total: bytes that all decodings together may take.
        busy: whether others took the memory for too long; else it would never fit.
    """

    def __init__(self, needed: int, total: int, busy: bool) -> None:
        super().__init__(needed, total, busy)
        self.needed, self.total, self.busy = needed, total, busy


class DecodeBudget:
    """Bytes that threads take while they decode, in the order in which they ask.

    Args:
        total: bytes.
        strict: whether an image that takes more than all is refused, instead of being decoded alone.
        patience: seconds to wait for others; None: until they are done.
    """

    def __init__(self, total: int, strict: bool = False, patience: float | None = None) -> None:
        self.total, self.strict, self.patience = total, strict, patience
        self._taken, self._changed, self._queue = 0, threading.Condition(), deque[object]()

    def take(self, needed: int) -> int:
        """Wait until the bytes are free, and take them: how many were taken.

        Raises:
            NoMemory: they would never be free, or were not in time.
        """
        if needed > self.total and self.strict:
            raise NoMemory(needed, self.total, busy=False)
        taken, ticket = min(needed, self.total), object()
        with self._changed:
            self._queue.append(ticket)
            try:
                free = self._changed.wait_for(
                    lambda: self._queue[0] is ticket and self._taken + taken <= self.total, self.patience
                )
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
            if not free:
                raise NoMemory(needed, self.total, busy=True)
            self._taken += taken
        return taken

    def give_back(self, taken: int) -> None:
        """Free bytes that were taken."""
        with self._changed:
            self._taken -= taken
            self._changed.notify_all()

    @property
    def taken(self) -> int:
        """Bytes that are taken now."""
        return self._taken

    @property
    def waiting(self) -> int:
        """How many threads wait for bytes."""
        return len(self._queue)


class _Held:
    """What a thread keeps of its decodings, such as pixels that are about to be resized."""

    def __init__(self) -> None:
        self.bytes, self.peak = 0, 0


_HELD: ContextVar[_Held | None] = ContextVar("held", default=None)


def _default_total() -> int:
    """A share of the memory of the machine or the container, bytes."""
    if not hasattr(os, "sysconf"):
        return 2 * _LEAST
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # "max": no limit
        total = min(total, int(_CGROUP.read_text()))
    return max(_LEAST, total // _SHARE)


_budget: DecodeBudget | None = None
_FIRST = threading.Lock()


def budget() -> DecodeBudget:
    """The budget of this process: a quarter of the memory, where nothing was set."""
    global _budget
    with _FIRST:
        if _budget is None:
            _budget = DecodeBudget(_default_total())
        return _budget


def set_decode_memory(total: int | None, strict: bool = False, patience: float | None = None) -> None:
    """Set what all threads may take together; None: a quarter of the memory. No thread decodes meanwhile."""
    global _budget
    _budget = DecodeBudget(total or _default_total(), strict, patience)


@contextlib.contextmanager
def reserve(needed: int, retained: int) -> Iterator[None]:
    """Within it, bytes are taken for one decoding.

    A thread that holds memory never waits for more, or two could wait for each other.

    Args:
        needed: at the peak.
        retained: of the result, which stay taken where the caller is within `hold`.

    Raises:
        NoMemory: more than there ever is, or not in time.
    """
    shared, held = budget(), _HELD.get()
    if held is not None and held.bytes:
        yield
        return
    taken = shared.take(needed)
    left = min(retained, taken) if held is not None else 0
    try:
        yield
    except BaseException:
        left = 0
        raise
    finally:
        shared.give_back(taken - left)
        if held is not None:
            held.bytes, held.peak = left, needed
        elif needed >= _LARGE:
            return_memory()


@contextlib.contextmanager
def hold() -> Iterator[None]:
    """Within it, the memory of a decoded image stays taken: until its pixels are no longer used."""
    if _HELD.get() is not None:
        yield
        return
    shared, held = budget(), _Held()
    token = _HELD.set(held)
    try:
        yield
    finally:
        _HELD.reset(token)
        if held.bytes:
            shared.give_back(held.bytes)
        if held.peak >= _LARGE:
            return_memory()


def return_memory() -> None:
    """Give freed memory back to the system, where the C library keeps it: the GNU one, for each thread."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)

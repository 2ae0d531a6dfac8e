"""Prefetching in threads, whose number never changes the result."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from pupila.core import files

Item = TypeVar("Item")
Result = TypeVar("Result")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
STORE_READERS = 16  # concurrent reads from a store: they wait for the network and not for a core


def reader_threads(uri: str) -> int:
    """How many threads read from the address: one per core from a disk, more from a store."""
    return max(CORES, STORE_READERS) if files.is_remote(uri) else CORES


def prefetch(items: Iterable[Item], make: Callable[[Item], Result], workers: int = CORES) -> Iterator[Result]:
    """`make(item)` for each item, in order; up to 2 x workers results are prefetched, none with 0 workers."""
    if workers == 0:
        yield from map(make, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(copy_context().run, make, item))
                if len(waiting) >= 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

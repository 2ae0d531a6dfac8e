"""Work made ahead in threads, whose number never changes the result."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from pupila.core import files

Item = TypeVar("Item")
Made = TypeVar("Made")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
JOURNEYS = 16  # reads from a store that are under way at once: each waits for the network and not for a core


def readers(uri: str) -> int:
    """How many threads read what lies at the address: one per core of a disk, more of a store."""
    return max(CORES, JOURNEYS) if files.is_remote(uri) else CORES


def ahead(items: Iterable[Item], make: Callable[[Item], Made], workers: int = CORES) -> Iterator[Made]:
    """What `make` makes of each item, in order; up to 2 x workers are made ahead, 0 makes each when it is asked for."""
    if workers == 0:
        yield from map(make, items)
        return
    waiting: deque[Future[Made]] = deque()
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

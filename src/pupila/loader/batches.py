"""Batches: which images in which order, made ahead in threads, whose number never changes the result."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Item = TypeVar("Item")
Made = TypeVar("Made")


def order(count: int, seed: int, epoch: int, chances: Array | None = None) -> Array:
    """(count,) int64: the places of one epoch, decided by (seed, epoch) alone.

    Args:
        count: images of the training split.
        seed: of the run.
        epoch: from 0.
        chances: (count,) how likely each place is to be drawn, with repetition; None: each once, shuffled.
    """
    rng = np.random.default_rng([seed, epoch])
    if chances is None:
        return rng.permutation(count)
    return rng.choice(count, size=count, p=chances / chances.sum())


def chunks(places: Array, size: int) -> list[list[int]]:
    """The places in batches; a last batch of a single place joins the one before, for batch norm needs two."""
    batches = [places[start : start + size].tolist() for start in range(0, len(places), size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        last = batches.pop()
        batches[-1] += last
    return batches


def ahead(items: list[Item], make: Callable[[Item], Made], workers: int) -> Iterator[Made]:
    """What `make` makes of each item, in order; up to 2 x workers are made ahead, 0 makes each when it is asked for."""
    if workers == 0:
        yield from map(make, items)
        return
    waiting: deque[Future[Made]] = deque()
    left = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in left:
                waiting.append(pool.submit(make, item))
                if len(waiting) >= 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

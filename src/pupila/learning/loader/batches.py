"""Batches: which images in which order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def order(count: int, seed: int, epoch: int, chances: Array | None = None) -> Array:
    """(count,) int64: the places of one epoch, decided by (seed, epoch) alone.

    Args:
        count: images of the training split.
        seed: of the run.
        epoch: from 0.
        chances: (count,) relative probability of each place, with replacement; None: each once, shuffled.
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

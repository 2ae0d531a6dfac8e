"""Sharing out components so that every part gets its share of every class.

A component (duplicates and group members that stay together) goes whole to one part. The cost is chi-square-like:
squared distance from the wanted count over the wanted count, summed over parts and classes, and one more for
every class that a part lacks. Greedy from the largest component down, then single moves while they help.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ABSENT = 1.0  # cost of a class that a part lacks
_PASSES = 8
_IMPROVE_BELOW = 5_000  # components; above it the greedy result is balanced to a fraction of a percent


def allocate(counts: Array, shares: list[float], seed: int) -> Array:
    """Share out M components to P parts.

    Args:
        counts: (M, C) images of each class in each component.
        shares: P shares that sum to 1; a part with share 0 stays empty.
        seed: decides between equals.

    Returns:
        (M,) part number of each component.
    """
    parts = np.flatnonzero(np.array(shares) > 0)
    if len(counts) == 0:
        return np.empty(0, dtype=np.int64)
    # Besides its classes a component has a size, so that parts get their share of images too.
    load = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1).astype(np.float64)
    wanted = np.maximum(np.outer(np.array(shares)[parts], load.sum(axis=0)), 1e-9)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(load))
    rarity = load / np.maximum(load.sum(axis=0), 1)
    order = order[np.argsort(-rarity[order].sum(axis=1), kind="stable")]
    held = np.zeros_like(wanted)
    place = np.zeros(len(load), dtype=np.int64)
    for component in order:
        place[component] = _cheapest(held, wanted, load[component])
        held[place[component]] += load[component]
    if len(load) <= _IMPROVE_BELOW:
        _improve(place, held, wanted, load, order)
    return parts[place]


def _cheapest(held: Array, wanted: Array, more: Array) -> int:
    return int(np.argmin(_added_cost(held, wanted, more)))


def _added_cost(held: Array, wanted: Array, more: Array) -> Array:
    """(P,) what each part's cost grows by when it takes `more`."""
    before, after = held - wanted, held + more - wanted
    absent = ABSENT * ((held <= 0) & (more > 0))
    return np.asarray(((after**2 - before**2) / wanted - absent).sum(axis=1))


def _improve(place: Array, held: Array, wanted: Array, load: Array, order: Array) -> None:
    """Move single components, in place, while the whole cost falls."""
    for _ in range(_PASSES):
        moved = False
        for component in order[::-1]:
            here = place[component]
            held[here] -= load[component]
            best = _cheapest(held, wanted, load[component])
            cost = _added_cost(held, wanted, load[component])
            if cost[best] >= cost[here] - 1e-9:
                best = here
            held[best] += load[component]
            place[component] = best
            moved |= best != here
        if not moved:
            return

"""Stratified allocation of components, so that every part gets its share of every class.

A component (duplicates and group members) is never divided. The cost is chi-square-like: squared distance from the
target count over the target count, summed over parts and classes, plus one for every class that a part lacks.
Greedy from the largest component down, then single moves while they lower the cost.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ABSENT = 1.0  # cost of a class that a part lacks
_PASSES = 8
IMPROVE_BELOW = 5_000  # components; above it the greedy result is balanced to a fraction of a percent


def allocate(counts: Array, shares: list[float], seed: int) -> Array:
    """Allocate M components to P parts.

    Args:
        counts: (M, C) images of each class in each component.
        shares: P shares that sum to 1; a part with share 0 stays empty.
        seed: breaks ties.

    Returns:
        (M,) part number of each component.
    """
    parts = np.flatnonzero(np.array(shares) > 0)
    if len(counts) == 0:
        return np.empty(0, dtype=np.int64)
    # Besides its classes a component has a size, so that parts get their share of images too.
    load = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1).astype(np.float64)
    targets = np.maximum(np.outer(np.array(shares)[parts], load.sum(axis=0)), 1e-9)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(load))
    rarity = load / np.maximum(load.sum(axis=0), 1)
    order = order[np.argsort(-rarity[order].sum(axis=1), kind="stable")]
    held = np.zeros_like(targets)
    part_of = np.zeros(len(load), dtype=np.int64)
    for component in order:
        part_of[component] = _cheapest_part(held, targets, load[component])
        held[part_of[component]] += load[component]
    if len(load) <= IMPROVE_BELOW:
        improve(part_of, held, targets, load, order)
    return parts[part_of]


def _cheapest_part(held: Array, targets: Array, more: Array) -> int:
    return int(np.argmin(_added_cost(held, targets, more)))


def _added_cost(held: Array, targets: Array, more: Array, absent: Array | float = ABSENT) -> Array:
    """(P,) increase of the cost of each part that takes `more`."""
    before, after = held - targets, held + more - targets
    gained = absent * ((held <= 0) & (more > 0))
    return np.asarray(((after**2 - before**2) / targets - gained).sum(axis=1))


def improve(
    part_of: Array, held: Array, targets: Array, load: Array, order: Array, absent: Array | float = ABSENT
) -> None:
    """Move single components, in place, while the total cost falls.

    Args:
        part_of: (M,) part number of each component.
        held: (P, K) what each part holds of each of K counts.
        targets: (P, K) what it should hold.
        load: (M, K) what each component holds.
        order: (M,) components; the last one is moved first.
        absent: cost of a count that a part lacks, or (K,) of each.
    """
    for _ in range(_PASSES):
        moved = False
        for component in order[::-1]:
            current = part_of[component]
            held[current] -= load[component]
            cost = _added_cost(held, targets, load[component], absent)
            best = int(np.argmin(cost))
            if cost[best] >= cost[current] - 1e-9:
                best = current
            held[best] += load[component]
            part_of[component] = best
            moved |= best != current
        if not moved:
            return

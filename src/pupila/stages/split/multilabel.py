"""Allocation of components with several labels per image: the rarest class first, so that it can stand in every part.

Iterative stratification with components as units: the class with the fewest images left is dealt first, each of its
components to the part that still wants the most of that class. Then single components move while that evens out the
parts. A class that is unknown for an image counts as nothing there, neither present nor absent.

Source: Sechidis, Tsoumakas and Vlahavas 2011, On the Stratification of Multi-Label Data, ECML PKDD.
"""

from collections.abc import Iterator

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.split.allocate import IMPROVE_BELOW, Array, improve
from pupila.tasks.label_text import ABSENT, PRESENT

_MISSING = 1e6  # cost of a part that shows a class nowhere: more than any deviation


def allocate_labels(data: Dataset, rows: Array, component: Array, shares: list[float], seed: int) -> Array:
    """(M,) part number of each component, from the labels of its images; see `ALLOCATORS`."""
    labels, blank = data.label_matrix, data.images["target"].is_null().to_numpy()
    columns = np.column_stack([labels == PRESENT, labels == ABSENT, blank, np.ones_like(blank)])
    load = np.zeros((int(component.max()) + 1, columns.shape[1]))
    np.add.at(load, component, columns[rows])
    return allocate_rarest_first(load, shares, seed)


def allocate_rarest_first(load: Array, shares: list[float], seed: int) -> Array:
    """Allocate M components to P parts.

    Args:
        load: (M, 2C + 2) images of each component: those that show each of C classes, those that do not show it, those
            without a label, and all.
        shares: P shares that sum to 1; a part with share 0 stays empty.
        seed: breaks ties.

    Returns:
        (M,) part number of each component.
    """
    parts = np.flatnonzero(np.array(shares) > 0)
    load = load.astype(np.float64)
    classes = load.shape[1] // 2 - 1
    targets = np.maximum(np.outer(np.array(shares)[parts], load.sum(axis=0)), 1e-9)
    held, part_of = np.zeros_like(targets), np.full(len(load), -1)
    order = []
    for component, column, left in _deal(load, classes, np.random.default_rng(seed).permutation(len(load))):
        part = _neediest_part(held, targets, column, left)
        part_of[component] = part
        held[part] += load[component]
        order.append(component)
    if len(load) <= IMPROVE_BELOW:
        # That a part lacks what does not show a class costs one component: it is worth no part of another size.
        absent = np.r_[[_MISSING] * classes, [load[:, -1].mean()] * classes, 0.0, 0.0]
        improve(part_of, held, targets, load, np.array(order), absent)
    return np.asarray(parts[part_of])


def _deal(load: Array, classes: int, shuffled: Array) -> Iterator[tuple[int, int, int]]:
    """Each component once, with the column that it is dealt for, and the components that are left in that column.

    What shows no class comes last: images without a label, then the rest, which lack every class.
    """
    waiting = np.ones(len(load), dtype=bool)
    for columns in (np.arange(classes), np.array([2 * classes]), np.array([2 * classes + 1])):
        while (left := load[waiting][:, columns].sum(axis=0)).any():
            column = int(columns[np.argmin(np.where(left > 0, left, np.inf))])
            members = shuffled[waiting[shuffled] & (load[shuffled, column] > 0)]
            members = members[np.argsort(-load[members, column], kind="stable")]
            waiting[members] = False
            for place, component in enumerate(members.tolist()):
                yield component, column, len(members) - place


def _neediest_part(held: Array, targets: Array, column: int, left: int) -> int:
    """The part that lacks the most of the column; one without any, where only as many components are left."""
    missing = targets - held
    without = held[:, column] <= 0
    places = np.flatnonzero(without) if left <= without.sum() else np.arange(len(held))
    of = missing[places]
    return int(places[np.lexsort((-of[:, -1], -np.round(of[:, column], 9)))[0]])

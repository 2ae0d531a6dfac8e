"""How components are shared out, by what is true of an image, and one literal dict of it."""

from collections.abc import Callable

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.split.allocate import Array, allocate
from pupila.stages.split.multilabel import allocate_labels
from pupila.tasks.task import Target

# Takes the data, (K,) rows to share out, (K,) component number 0..M-1 of each of them, the shares of the parts, and the
# seed; gives the (M,) part number of each component.
Allocator = Callable[[Dataset, Array, Array, list[float], int], Array]


def allocate_shares(data: Dataset, rows: Array, component: Array, shares: list[float], seed: int) -> Array:
    """(M,) part number of each component, from what each class has of its images."""
    of, blank = data.shares, data.images["target"].is_null().to_numpy()
    counts = np.zeros((int(component.max()) + 1, of.shape[1] + 1))  # the last column: images without a label
    np.add.at(counts, component, np.column_stack([of, blank])[rows])
    return allocate(counts, shares, seed)


ALLOCATORS: dict[Target, Allocator] = {
    "class": allocate_shares,
    "classes": allocate_labels,
    "mask": allocate_shares,
}


def find_allocator(data: Dataset) -> Allocator:
    """The allocator of the data's targets; data without labels are shared out by their number."""
    return ALLOCATORS[data.target or "class"]

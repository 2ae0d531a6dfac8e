"""Which images belong to which class, where numbers such as the brightness are compared between classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Membership:
    """The classes of N images that numbers are compared between, the largest class first."""

    names: list[str]  # none, where images do not belong to classes
    members: Array  # (N, C) bool
    codes: Array  # (N,) int class of each image, -1 for none, and for all where an image may have several


def several_classes(data: Dataset) -> Membership:
    """Images that each belong to every class that they have, the largest class first."""
    counts = data.class_counts()
    names = sorted(counts, key=lambda name: (-counts[name], name))
    members = (data.shares > 0)[:, [data.classes.index(name) for name in names]]
    return Membership(names, members, np.full(len(data), -1))


def one_class(data: Dataset) -> Membership:
    """Images that belong to at most one class, the largest class first."""
    several = several_classes(data)
    if not several.names:
        return several
    codes = np.where(several.members.any(axis=1), several.members.argmax(axis=1), -1)
    return Membership(several.names, several.members, codes)


def no_classes(data: Dataset) -> Membership:
    """Images that belong to no class as a whole."""
    return Membership([], np.zeros((len(data), 0), dtype=bool), np.full(len(data), -1))

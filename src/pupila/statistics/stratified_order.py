"""An order of groups of images whose every beginning is stratified."""

import numpy as np

from pupila.statistics.intervals import Array

_PARTS = 3  # by how much of an image a class takes, for masks


def order_groups(groups: Array, shares: Array, seed: int) -> list[int]:
    """The groups in an order whose every beginning is stratified.

    Args:
        groups: (N,) group number of each image.
        shares: (N, C) of each class in the image: 1 for its label; of its pixels with masks.
        seed: of the order.
    """
    names, place = np.unique(groups, return_inverse=True)
    images = np.bincount(place)
    means = np.zeros((len(names), shares.shape[1]))
    np.add.at(means, place, shares)
    means /= images[:, None]
    strata = _stratify(means)
    rng, positions = np.random.default_rng([seed, len(names)]), np.empty(len(names))
    for stratum in np.unique(strata, axis=0):
        members = rng.permutation(np.flatnonzero((strata == stratum).all(axis=1)))
        before = np.cumsum(images[members]) - images[members]
        positions[members] = (before + images[members] * rng.random()) / images[members].sum()
    firsts = [int(positions[strata[:, 0] == number].argmin()) for number in np.unique(strata[:, 0])]
    for number, first in zip(np.unique(strata[:, 0]), firsts, strict=True):
        positions[np.flatnonzero(strata[:, 0] == number)[first]] -= 1  # each class from the beginning
    return [int(names[number]) for number in np.argsort(positions, kind="stable")]


def _stratify(means: Array) -> Array:
    """(G, 2) stratum of each group: its rarest class, and with masks how much of the images it takes."""
    common = (means > 0).sum(axis=0)
    rarity = np.where(means > 0, common, len(means) + 1)
    classes = rarity.argmin(axis=1)
    amounts = means[np.arange(len(means)), classes]
    parts = np.zeros(len(means), dtype=np.int64)
    for number in np.unique(classes):
        own = classes == number
        ends = np.unique(np.quantile(amounts[own], np.arange(1, _PARTS) / _PARTS))
        parts[own] = np.searchsorted(ends, amounts[own], side="left")
    return np.stack([classes, parts], axis=1)

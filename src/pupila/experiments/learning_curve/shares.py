"""Nested shares of the training split: stratified, and with complete groups of related images."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import Assignment, SplitFile
from pupila.artifacts.sweep.definition import Share
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.statistics.stratified_order import order_groups

LEFT_OUT = "left out"  # split of the training images that a share leaves out


def check_split(splits: SplitFile) -> None:
    """Refuse a split without training or validation images.

    Raises:
        PupilaError: it has none, as where there are folds alone.
    """
    counts = {name: len(splits.in_split(name)) for name in (TRAIN, VALIDATION)}
    if all(counts.values()):
        return
    raise PupilaError(
        say("A learning curve needs a validation split"),
        actual=say_count("{n} validation image", "{n} validation images", counts[VALIDATION]),
        expected=say("training and validation images"), remedy="pupila split DATA --replace",
    )  # fmt: skip


def split_share(splits: SplitFile, data: Dataset, share: Share) -> SplitFile:
    """The split with a share of the training images; validation and test stay as they are.

    The shares of one repeat are nested: a smaller one is part of a larger one. Each has the classes of the whole in
    their proportions, as far as complete groups allow, and at least one group of each class. With all images, all
    repeats are equal.

    Args:
        splits: of the data set.
        data: the data set.
        share: how large, and which draw.
    """
    rows = [
        row
        for row, a in enumerate(splits.images)
        if a.split == TRAIN and data.images["target"][row] is not None
    ]
    order = order_groups(
        np.array([splits.images[row].component for row in rows]), data.shares[rows], share.repeat
    )
    retained = set(take_share(order, [splits.images[row].component for row in rows], share.share))

    def assign(image: Assignment) -> Assignment:
        leaves = image.split == TRAIN and image.component not in retained
        return replace(image, split=LEFT_OUT) if leaves else image

    return replace(splits, images=[assign(image) for image in splits.images])


def take_share(order: Sequence[int], groups: Sequence[int], share: float) -> list[int]:
    """The beginning of the ordered groups whose number of images is nearest to the share; at least one group."""
    names, counts = np.unique(np.asarray(groups), return_counts=True)
    size = dict(zip(names.tolist(), counts.tolist(), strict=True))
    totals = np.cumsum([size[group] for group in order])
    return list(order[: int(np.abs(totals - share * totals[-1]).argmin()) + 1])

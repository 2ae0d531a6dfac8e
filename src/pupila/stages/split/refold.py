"""The same test split with other folds, in memory: for trainings that compare numbers of folds."""

from dataclasses import replace

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import Assignment, SplitFile
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import TEST, TRAIN, UNUSED
from pupila.stages.split.make import allocate_folds


def change_folds(data: Dataset, splits: SplitFile, folds: int | None) -> SplitFile:
    """The split with so many folds of all images outside its test split; nothing is written.

    Args:
        data: the data set.
        splits: made from it; groups of related images stay together as it has them.
        folds: their number; None: none, with the one validation split that it has.

    Raises:
        PupilaError: no folds, where the split has folds and no validation images; or too few groups.
    """
    there = splits.settings.folds
    if folds == there:
        return splits
    if folds is None:
        raise PupilaError(
            say("The split has {n} folds, and no validation split", n=there), expected=say("a number of folds"),
            remedy=say("pupila split DATA --replace draws a split without folds"),
        )  # fmt: skip
    settings = splits.settings.model_copy(update={"folds": folds})
    components = np.array([a.component for a in splits.images])
    numbers = allocate_folds(data, [a.split for a in splits.images], components, settings)
    images = [
        Assignment(a.image, a.sha256, a.split if a.split in (TEST, UNUSED) else TRAIN, fold, a.component)
        for a, fold in zip(splits.images, numbers, strict=True)
    ]
    return replace(splits, settings=settings, images=images)

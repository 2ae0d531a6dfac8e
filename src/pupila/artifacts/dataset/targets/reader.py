"""How the targets of one task are read and counted, and what reading gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.listing import Listing, Oddity
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.imaging.masks.label_map import LabelMap
from pupila.tasks.task import Task

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset

Array = NDArray[Any]
KnownLabels = Mapping[
    str, bool
]  # class name -> whether the image shows it; a class without a name is unknown


@dataclass(frozen=True, slots=True)
class ReadTargets:
    """The usable images with their targets read."""

    images: pl.DataFrame  # the rows, with what else is known of their targets
    oddities: list[Oddity]  # all of the data set
    label_map: LabelMap | None = None  # of masks
    notes: list[str] = field(default_factory=list)  # sentences for the user


def share_of_whole(data: "Dataset", rows: Array) -> NDArray[np.float64]:
    """(C,) share of each class in what the rows have of all classes, where one class excludes the others."""
    own = data.shares[rows].sum(axis=0)
    whole = float(own.sum())
    return own / whole if whole else np.full(len(own), np.nan)


def _as_it_is(target: str, classes: Sequence[str]) -> str:
    return target


@dataclass(frozen=True, slots=True)
class TargetReader:
    """How the targets of one task are read and counted.

    `read` takes the layout's listing, the rows of all its files, those of the usable images, the oddities so far, and
    how the data are read.
    """

    task: Task  # that learns from them
    read: Callable[[Listing, pl.DataFrame, pl.DataFrame, list[Oddity], ReadSettings], ReadTargets]
    classes: Callable[["Dataset"], list[str]]  # names in order
    shares: Callable[
        ["Dataset"], NDArray[np.float64]
    ]  # (N, C) share of each image that belongs to each class
    # (C,) share of each class among some of the rows, NaN where it is never known; see `Dataset.class_shares`.
    class_shares: Callable[["Dataset", Array], NDArray[np.float64]]
    # What the hash of the data covers beside path, bytes, target, group and split: columns, and further lines.
    identity: Callable[["Dataset"], tuple[list[pl.Expr], list[str]]]
    # The known classes of a row's image, by name: whether the image shows it.
    labels: Callable[["Dataset", int], dict[str, bool]]
    # The targets of images whose known classes are given by name; None for an image without a label, and for one that
    # can't have such a target. None instead of the function: no names of classes make such a target.
    from_labels: Callable[[Sequence[KnownLabels | None]], list[str | None]] | None = None
    describe: Callable[[str, Sequence[str]], str] = (
        _as_it_is  # a target in words, of a data set with these classes
    )

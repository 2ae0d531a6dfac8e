"""Several classes for each image: each is present, absent or unknown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.listing import Listing, Oddity
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.artifacts.dataset.targets.reader import KnownLabels, ReadTargets, TargetReader
from pupila.core.messages import say
from pupila.tasks.label_text import PRESENT, describe_labels, read_labels, write_labels
from pupila.tasks.multilabel import MULTILABEL

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset


def _read(
    source: Listing, frame: pl.DataFrame, good: pl.DataFrame, oddities: list[Oddity], settings: ReadSettings
) -> ReadTargets:
    """The rows as they are; classes that no usable image is labelled for are oddities."""
    lost = _class_names(frame["target"]) - _class_names(good["target"])
    emptied = [Oddity(name, "empty-class", say("none of its images can be read")) for name in sorted(lost)]
    return ReadTargets(good, oddities + emptied)


def _class_names(targets: pl.Series) -> set[str]:
    return {name for text in targets.drop_nulls().unique() for name in read_labels(text)}


def _classes(data: "Dataset") -> list[str]:
    """The classes that any image is labelled for, present or absent, sorted."""
    return sorted(_class_names(data.images["target"]))


def _shares(data: "Dataset") -> NDArray[np.float64]:
    """1 for each class that the image shows; 0 for one that it does not show, and for an unknown one."""
    return np.asarray(data.label_matrix == PRESENT, dtype=np.float64)


def _class_shares(data: "Dataset", rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Of the images where it is known whether they show the class, those that show it."""
    labels = data.label_matrix[rows]
    known, present = (labels >= 0).sum(axis=0), (labels == PRESENT).sum(axis=0)
    return np.where(known > 0, present / np.maximum(known, 1), np.nan)


def _labels(data: "Dataset", row: int) -> dict[str, bool]:
    """The classes that are known to be present or absent."""
    target = data.images["target"][row]
    return {} if target is None else read_labels(target)


def _from_labels(rows: Sequence[KnownLabels | None]) -> list[str | None]:
    """The known classes of each image as text."""
    return [None if labels is None else write_labels(labels) for labels in rows]


CLASSES = TargetReader(
    MULTILABEL,
    _read,
    _classes,
    _shares,
    _class_shares,
    identity=lambda data: ([], []),
    labels=_labels,
    from_labels=_from_labels,
    describe=describe_labels,
)

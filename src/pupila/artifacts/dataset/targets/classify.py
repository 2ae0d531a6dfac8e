"""One class for each image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.listing import Listing, Oddity
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.artifacts.dataset.targets.reader import KnownLabels, ReadTargets, TargetReader, share_of_whole
from pupila.core.messages import say
from pupila.tasks.classify import CLASSIFY

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset


def _read(
    source: Listing, frame: pl.DataFrame, good: pl.DataFrame, oddities: list[Oddity], settings: ReadSettings
) -> ReadTargets:
    """The rows as they are; classes without a single usable image are oddities."""
    lost = set(frame["target"].drop_nulls()) - set(good["target"].drop_nulls())
    emptied = [Oddity(name, "empty-class", say("none of its images can be read")) for name in sorted(lost)]
    return ReadTargets(good, oddities + emptied)


def _classes(data: "Dataset") -> list[str]:
    """The labels that occur, sorted."""
    return data.images["target"].drop_nulls().unique().sort().to_list()


def _shares(data: "Dataset") -> NDArray[np.float64]:
    """1 for the label of the image."""
    names = np.array(data.classes, dtype=object)
    return np.asarray(data.images["target"].to_numpy()[:, None] == names[None], dtype=np.float64)


def _labels(data: "Dataset", row: int) -> dict[str, bool]:
    """The class of the image, and that it is none of the others."""
    target = data.images["target"][row]
    return {} if target is None else {name: name == target for name in data.classes}


def _from_labels(rows: Sequence[KnownLabels | None]) -> list[str | None]:
    """The class that each image shows, if it shows exactly one."""
    present = [[name for name, shown in (labels or {}).items() if shown] for labels in rows]
    return [names[0] if len(names) == 1 else None for names in present]


CLASS = TargetReader(
    CLASSIFY,
    _read,
    _classes,
    _shares,
    share_of_whole,
    identity=lambda data: ([], []),
    labels=_labels,
    from_labels=_from_labels,
)

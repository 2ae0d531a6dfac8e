"""The record that describes what the explore page shows of the targets of one task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fingerprint
from pupila.artifacts.report.page import PageImage, Section

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class TargetView:
    """What the page shows of the targets of one task."""

    classes: Callable[[Fingerprint], Section | None]  # counts and shares
    samples: Callable[[Dataset, list[str] | None], Section]  # takes the split of each row, where there is one
    picture: Callable[[Dataset, int, bool], PageImage]  # of a row; whether its caption shows the label
    points: Callable[
        [Dataset], tuple[Array, list[str]]
    ]  # (N,) class of each point of the map, -1: none; their names
    shares_title: Callable[[], str]  # of the chart of the splits

"""The record that describes what the explore page shows of the targets of one task."""

from collections.abc import Callable
from dataclasses import dataclass

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fingerprint, SeveralLabels
from pupila.artifacts.report.page import PageImage, Section
from pupila.stages.explore.membership import Array, Membership

Sentence = Callable[[Fingerprint], str | None]  # a conclusion, None where it does not apply


@dataclass(frozen=True, slots=True)
class TargetView:
    """What the page shows of the targets of one task."""

    classes: Callable[[Fingerprint], Section | None]  # counts and shares
    samples: Callable[[Dataset, list[str] | None], Section]  # takes the split of each row, where there is one
    picture: Callable[[Dataset, int, bool], PageImage]  # of a row; whether its caption shows the label
    membership: Callable[[Dataset], Membership]
    points: Callable[
        [Dataset], tuple[Array, list[str]]
    ]  # (N,) class of each point of the map, -1: none; their names
    shares_title: Callable[[], str]  # of the chart of the splits
    sentences: tuple[Sentence, ...]  # about the classes, the most important first
    # Whether two labellers agree, from their labels of one image; None: labels of this kind are not compared.
    agree: Callable[[str, str], bool] | None
    # Of the data, (N,) values of numbers that a class could explain, by name, and (N,) component numbers.
    several_labels: Callable[[Dataset, dict[str, Array], Array], SeveralLabels | None] = lambda *_: None

"""The interface of a labeller, and its possible outcomes for an image."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import listing, say


@dataclass(frozen=True, slots=True)
class ProposedLabel:
    """The label that a labeller gives an image."""

    target: (
        str | None
    )  # as the column `target` has it; the path of a mask is relative to the data; None: unsure
    classes: tuple[str, ...]  # that the image shows, by this label
    confidence: float | None = None  # 0..1
    votes: str = ""  # JSON: how often each answer was given
    cost: float | None = None  # US dollars
    seconds: float | None = None  # that it took
    unknown: tuple[str, ...] = ()  # of several labels, the classes that it was not certain of


@dataclass(frozen=True, slots=True)
class NoLabel:
    """Why an image got no label."""

    code: Literal["failed", "abstained", "has_mask", "not_requested"]  # not_requested: budget or run ended
    reason: str = ""  # of a failure, for the user


Outcome = ProposedLabel | NoLabel
Outcomes = Generator[tuple[int, Outcome], None, None]  # row and outcome


class _Prediction(Protocol):
    @property
    def confidence(self) -> float: ...
    @property
    def abstained(self) -> bool: ...


def is_uncertain(prediction: _Prediction, min_confidence: float) -> bool:
    """Whether the model abstained, or its confidence in the whole prediction is too low for a label."""
    return prediction.abstained or prediction.confidence < min_confidence


def unknown_class(label: str, names: Sequence[str]) -> NoLabel:
    """The failure of a label with a class that it may not have."""
    return NoLabel(
        "failed", say("class '{label}' is not one of {names}", label=label, names=listing(list(names), 8))
    )


class Labeller(ABC):
    """Gives labels to images."""

    name: str  # in the label history
    note: str = ""  # identifies its prompt; another prompt counts as another labeller
    annotator: bool = False  # whether an annotator gave the labels

    def rows(self, data: Dataset) -> Sequence[int]:
        """The rows that it can label."""
        return range(len(data))

    def repeats(self, row: int, previous: str | None) -> bool:
        """Whether it would only repeat its `previous` label of the row."""
        return True

    def forecast(self, data: Dataset, rows: Sequence[int]) -> list[str]:
        """Sentences on the requests and cost of labelling these rows, before it starts."""
        return []

    def remarks(self) -> list[str]:
        """Sentences on the finished run that its counts do not contain."""
        return []

    @property
    def spent(self) -> float | None:
        """US dollars that this run cost; None: unknown."""
        return None

    @abstractmethod
    def outcomes(self, data: Dataset, rows: Sequence[int]) -> Outcomes:
        """Yield the outcome of each row as it arrives.

        Raises:
            PupilaError: the labeller can't continue; earlier outcomes stay valid.
        """

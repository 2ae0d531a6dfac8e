"""What a labeller is, and what it can say of an image."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

from pupila.artifacts.dataset.manifest import Dataset


@dataclass(frozen=True, slots=True)
class Said:
    """A labeller's answer to one image."""

    target: str | None  # a class, or the path of a mask below the data's root; None: unsure
    classes: tuple[str, ...]  # that it counts for: its class, or those that occur in the mask
    confidence: float | None = None  # 0..1
    votes: str = ""  # JSON: answer to how often it was given
    cost: float | None = None  # US dollars
    seconds: float | None = None  # that the answer took


@dataclass(frozen=True, slots=True)
class Left:
    """Why an image got no answer."""

    kind: Literal[
        "failed", "below", "kept", "unasked"
    ]  # below: too unsure; kept: it has a mask; unasked: the cap
    reason: str = ""  # of a failure, for the user


Outcome = Said | Left
Outcomes = Generator[tuple[int, Outcome], None, None]  # row and outcome


class Labeller(ABC):
    """Says of images what they show."""

    name: str  # as the history calls it
    note: str = ""  # what it was asked; another question is another labeller
    person: bool = False  # whether a person stands behind it

    def rows(self, data: Dataset) -> Sequence[int]:
        """The rows that it can say something of."""
        return range(len(data))

    def repeats(self, row: int, said: str | None) -> bool:
        """Whether it would only say again what the history holds of it."""
        return True

    def forecast(self, data: Dataset, rows: Sequence[int]) -> list[str]:
        """Sentences on what asking these rows takes, before anything is asked."""
        return []

    def remarks(self) -> list[str]:
        """Sentences on how it went, where there is more to say than counts."""
        return []

    @property
    def spent(self) -> float | None:
        """US dollars that this run cost; None: nothing is known of costs."""
        return None

    @abstractmethod
    def outcomes(self, data: Dataset, rows: Sequence[int]) -> Outcomes:
        """What it says of each row, as it comes.

        Raises:
            PupilaError: nothing more can be had from it; what was said before counts.
        """

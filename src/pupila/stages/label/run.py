"""Labelling: which images are asked, and how the answers get into the history."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from pupila.artifacts.dataset.labels import Label, append
from pupila.artifacts.dataset.manifest import UNUSABLE, Dataset
from pupila.core.messages import say, say_count
from pupila.core.progress import progress
from pupila.stages.label.choose import Chosen, passed_over
from pupila.stages.label.labellers.labeller import Labeller, Left, Outcome, Said

SAVE_EVERY = 3.0  # seconds of work that an interruption may lose
SAVE_AT = 256  # labels that wait at most


@dataclass
class Labelled:
    """How a labelling went."""

    labeller: str
    asked: int
    chosen: Chosen
    classes: Counter[str] = field(default_factory=Counter)  # images of each class
    labelled: int = 0  # that got a class or a mask
    unsure: int = 0
    below: int = 0  # whose answer was too unsure to count
    kept: int = 0  # whose mask was left alone
    unasked: int = 0  # that the cost cap kept from being asked
    failed: list[tuple[str, str]] = field(default_factory=list)  # image, reason
    cost: float | None = None  # US dollars that this run took
    seconds: float = 0.0
    remarks: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        names = ("labeller", "asked", "labelled", "unsure", "below", "kept", "unasked", "cost")
        return {
            **{name: getattr(self, name) for name in names},
            "classes": dict(sorted(self.classes.items())),
            "failed": [{"image": image, "reason": reason} for image, reason in self.failed],
            "skipped": {name: getattr(self.chosen, name) for name in ("by_person", "given", "before")},
            "seconds": round(self.seconds, 3),
            "remarks": self.remarks,
        }


@dataclass(frozen=True)
class Labelling:
    """A labelling that is decided and not begun."""

    data: Dataset
    labeller: Labeller
    chosen: Chosen  # as `choose` gives it

    def forecast(self) -> list[str]:
        """Sentences on which pictures are passed over, and on what asking the others takes."""
        asked = self.labeller.forecast(self.data, self.chosen.rows) if self.chosen.rows else []
        count = self.data.set_aside.filter(pl.col("code").is_in(UNUSABLE)).height
        aside = say_count("One file can't be read: pupila doctor says why.",
                          "{n} files can't be read: pupila doctor says why.", count)  # fmt: skip
        return [*([aside] if count else []), *passed_over(self.chosen), *asked]

    def run(self, clock: Callable[[], float] = time.monotonic) -> Labelled:
        """Ask, and append the answers to the history as they come; what was said before an interruption stays.

        Args:
            clock: seconds.

        Raises:
            PupilaError: nothing more can be had from the labeller; what it said before is in the history.
        """
        data, labeller, rows = self.data, self.labeller, self.chosen.rows
        done = Labelled(labeller.name, len(rows), self.chosen)
        waiting: list[Label] = []
        start = saved = clock()
        with (
            progress(say("labelling"), len(rows)) as advance,
            closing(labeller.outcomes(data, rows)) as outcomes,
        ):
            try:
                for row, outcome in outcomes:
                    _count(done, data, row, outcome)
                    if isinstance(outcome, Said):
                        waiting.append(_label(data, labeller, row, outcome))
                    if len(waiting) >= SAVE_AT or clock() - saved >= SAVE_EVERY:
                        append(data.home, waiting)
                        waiting, saved = [], clock()
                    advance(1)
            finally:
                append(data.home, waiting)
        done.seconds, done.cost = clock() - start, labeller.spent
        done.remarks = labeller.remarks()
        return done


def _count(done: Labelled, data: Dataset, row: int, outcome: Outcome) -> None:
    if isinstance(outcome, Left):
        if outcome.kind == "failed":
            done.failed.append((data.images["image"][row], outcome.reason))
        else:
            setattr(done, outcome.kind, getattr(done, outcome.kind) + 1)
    elif outcome.target is None:
        done.unsure += 1
    else:
        done.labelled += 1
        done.classes.update(outcome.classes)


def _label(data: Dataset, labeller: Labeller, row: int, said: Said) -> Label:
    image, digest = data.images.select("image", "sha256").row(row)
    return Label(
        image, digest, labeller.name, labeller.person, said.target,
        datetime.now(UTC).isoformat(timespec="seconds"), said.confidence, said.votes, said.cost, said.seconds,
        labeller.note,
    )  # fmt: skip

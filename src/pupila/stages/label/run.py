"""Runs a labeller over the selected images, and appends its labels to the history."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from pupila.artifacts.dataset.labels import Label, append_labels
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.understood import UNUSABLE
from pupila.artifacts.dataset.versions.labelled import record_labels
from pupila.core.display import Displayed, Summary, count_classes
from pupila.core.messages import say, say_count, say_images
from pupila.core.progress import progress
from pupila.stages.label.choose import Selection, describe_skipped
from pupila.stages.label.labellers.labeller import Labeller, NoLabel, Outcome, ProposedLabel

SAVE_EVERY = 3.0  # seconds; an interruption loses at most the labels of this time
SAVE_AT = 256  # labels, at most, between two writes


@dataclass(repr=False)
class LabellingResult(Displayed):
    """The result of a labelling run."""

    labeller: str
    selected: int
    selection: Selection
    classes: Counter[str] = field(default_factory=Counter)  # images of each class
    unknown: Counter[str] = field(
        default_factory=Counter
    )  # labelled images whose label leaves each class open
    labelled: int = 0  # images that got a class or a mask
    unsure: int = 0
    abstained: int = 0  # images whose confidence was too low
    has_mask: int = 0  # images that had a mask already
    not_requested: int = 0  # images that the budget did not cover
    failed: list[tuple[str, str]] = field(default_factory=list)  # image, reason
    cost: float | None = None  # US dollars
    seconds: float = 0.0
    remarks: list[str] = field(default_factory=list)

    def summary(self) -> Summary:
        """How many images were labelled, and with which classes."""
        parts = [say_count("{n} of the selected images labelled", "{n} of the selected images labelled", self.labelled),
                 count_classes(dict(sorted(self.classes.items())))]  # fmt: skip
        facts = {say("labeller"): self.labeller, say("failed"): str(len(self.failed))}
        return Summary("LabellingResult", ", ".join(filter(None, parts)), facts)

    def as_dict(self) -> dict[str, object]:
        """The result as plain data."""
        names = (
            "labeller",
            "selected",
            "labelled",
            "unsure",
            "abstained",
            "has_mask",
            "not_requested",
            "cost",
        )
        return {
            **{name: getattr(self, name) for name in names},
            "classes": dict(sorted(self.classes.items())),
            "unknown": dict(sorted(self.unknown.items())),
            "failed": [{"image": image, "reason": reason} for image, reason in self.failed],
            "skipped": {
                name: getattr(self.selection, name) for name in ("by_annotator", "given", "labelled_before")
            },
            "seconds": round(self.seconds, 3),
            "remarks": self.remarks,
        }


@dataclass(frozen=True, repr=False)
class LabellingJob(Displayed):
    """A labelling run that has not started."""

    data: Dataset
    labeller: Labeller
    selection: Selection  # from `select_images`

    def summary(self) -> Summary:
        """The labeller, and how many images it would label."""
        count = say_images(len(self.selection.rows))
        facts = {f"{number}.": line for number, line in enumerate(self.forecast(), start=1)}
        return Summary("LabellingJob", f"{self.labeller.name}: {count}", facts)

    def forecast(self) -> list[str]:
        """Sentences on the skipped images, and on the cost of labelling the others."""
        forecast = self.labeller.forecast(self.data, self.selection.rows) if self.selection.rows else []
        count = self.data.skipped.filter(pl.col("code").is_in(UNUSABLE)).height
        unusable = say_count("One file can't be read; run pupila doctor for the reason.",
                          "{n} files can't be read; run pupila doctor for the reasons.", count)  # fmt: skip
        return [*([unusable] if count else []), *describe_skipped(self.selection), *forecast]

    def run(self, clock: Callable[[], float] = time.monotonic) -> LabellingResult:
        """Label the images, and append the labels to the history as they arrive; an interruption keeps them.

        Args:
            clock: seconds.

        Raises:
            PupilaError: the labeller can't continue; earlier labels are in the history.
        """
        data, labeller, rows = self.data, self.labeller, self.selection.rows
        result = LabellingResult(labeller.name, len(rows), self.selection)
        waiting: list[Label] = []
        start = saved = clock()
        with (
            progress(say("labelling"), len(rows)) as advance,
            closing(labeller.outcomes(data, rows)) as outcomes,
        ):
            try:
                for row, outcome in outcomes:
                    _count(result, data, row, outcome)
                    if isinstance(outcome, ProposedLabel):
                        waiting.append(_make_label(data, labeller, row, outcome))
                    if len(waiting) >= SAVE_AT or clock() - saved >= SAVE_EVERY:
                        append_labels(data.home, waiting)
                        waiting, saved = [], clock()
                    advance(1)
            finally:
                append_labels(data.home, waiting)
        result.seconds, result.cost = clock() - start, labeller.spent
        result.remarks = labeller.remarks()
        if result.labelled or result.unsure:
            result.remarks += record_labels(data)
        return result


def _count(result: LabellingResult, data: Dataset, row: int, outcome: Outcome) -> None:
    if isinstance(outcome, NoLabel):
        if outcome.code == "failed":
            result.failed.append((data.images["image"][row], outcome.reason))
        else:
            setattr(result, outcome.code, getattr(result, outcome.code) + 1)
    elif outcome.target is None:
        result.unsure += 1
    else:
        result.labelled += 1
        result.classes.update(outcome.classes)
        result.unknown.update(outcome.unknown)


def _make_label(data: Dataset, labeller: Labeller, row: int, proposed: ProposedLabel) -> Label:
    image, digest = data.images.select("image", "sha256").row(row)
    return Label(
        image, digest, labeller.name, labeller.annotator, proposed.target,
        datetime.now(UTC).isoformat(timespec="seconds"), proposed.confidence, proposed.votes, proposed.cost,
        proposed.seconds,
        labeller.note,
    )  # fmt: skip

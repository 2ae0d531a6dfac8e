"""A review: one question after another to a reviewer; each answer is saved in the label history at once."""

import getpass
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from pupila.artifacts.dataset.labels import RETRACTED, Label, append_labels, read_history, require_history
from pupila.stages.label.review.review_task import Answer, Choice, ReviewTask
from pupila.stages.label.review.sample import ReviewItem

REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ReviewContext:
    """Who reviews, for which purpose, and where the answers are saved."""

    home: str  # folder of the data set's own files
    reviewer: str  # name; "": the user of this machine
    purpose: str  # "audit" or "suspect"
    since: int  # rows of the history before the first question


OnAnswer = Callable[[ReviewItem, Label], None]  # the item, and the history row that was just written


class Review:
    """The items of a review and their answers; both are read from files, so an interrupted review resumes.

    Args:
        items: in the order of the questions.
        task: how its labels are reviewed.
        context: of the reviewer.
        on_answer: called after each answer and each undo has been saved in the history.
    """

    def __init__(
        self,
        items: Sequence[ReviewItem],
        task: ReviewTask,
        context: ReviewContext,
        on_answer: OnAnswer = lambda item, label: None,
    ) -> None:
        self.items, self.task = list(items), task
        self.context, self._on_answer = context, on_answer
        self._numbers = {item.sha256: number for number, item in enumerate(self.items)}
        require_history(context.home)
        given = read_answers(read_history(context.home), context.since, context.purpose)
        self.answers = {
            self._numbers[digest]: answer for digest, answer in given.items() if digest in self._numbers
        }
        self._lock = threading.Lock()

    @property
    def current(self) -> int | None:
        """Number of the first unanswered item."""
        return next((n for n in range(len(self.items)) if n not in self.answers), None)

    def answer(self, number: int, choice: Choice | None) -> bool:
        """Save an answer; return False, and save nothing, if another item is the current one.

        Args:
            number: of the item.
            choice: that the task accepts; None: unsure.
        """
        with self._lock:
            if number != self.current:
                return False
            item = self.items[number]
            target, rejected = (None, False) if choice is None else self.task.read_choice(item, choice)
            label = self._append(item, target, REJECTED if rejected else "")
            self.answers[number] = Answer(target, rejected, label.labeller, label.time)
            return True

    def undo(self) -> bool:
        """Retract the last answer, so that the previous label is in force again; return False if there is none."""
        with self._lock:
            if not self.answers:
                return False
            number = list(self.answers)[-1]
            self._append(self.items[number], None, RETRACTED)
            del self.answers[number]
            return True

    def last(self) -> Answer | None:
        """The answer that `undo` would retract."""
        return self.answers[list(self.answers)[-1]] if self.answers else None

    def _append(self, item: ReviewItem, target: str | None, more: str) -> Label:
        label = Label(
            item.image, item.sha256, f"annotator:{self.context.reviewer or _user_name()}", True, target,
            datetime.now(UTC).isoformat(timespec="seconds"), note=_note(self.context.purpose, more),
        )  # fmt: skip
        append_labels(self.context.home, [label])
        self._on_answer(item, label)
        return label


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container that has no name for its user
        return "anonymous"


def _note(purpose: str, more: str) -> str:
    return f"{purpose}: {more}" if more else purpose


def read_answers(labels: pl.DataFrame, since: int, purpose: str) -> dict[str, Answer]:
    """The answers of a review by the hash of the image, in the order in which they were given.

    Args:
        labels: the whole history.
        since: rows of it before the first question.
        purpose: the prefix of the notes of the answers.
    """
    notes = [_note(purpose, more) for more in ("", REJECTED, RETRACTED)]
    rows = labels.slice(since).filter(pl.col("annotator") & pl.col("note").is_in(notes))
    given: dict[str, Answer] = {}
    for digest, target, note, reviewer, time in rows.select(
        "sha256", "target", "note", "labeller", "time"
    ).iter_rows():
        given.pop(digest, None)
        if note != notes[2]:
            given[digest] = Answer(target, note == notes[1], reviewer, time)
    return given

"""A review: questions to a person, one after the other, each answer in the history as soon as it is given."""

import getpass
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from pupila.artifacts.dataset.labels import TAKEN_BACK, Label, append, history
from pupila.stages.label.review.sample import Question

REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person said of one picture."""

    target: str | None  # a class, or the path of an accepted mask
    rejected: bool = False  # of a mask; a target of None is unsure otherwise
    by: str = ""  # "person:NAME"
    time: str = ""  # ISO 8601, UTC


@dataclass(frozen=True, slots=True)
class Whose:
    """Who answers, why, and where it is written."""

    home: str  # folder of the data set's own files
    name: str  # of the person; "": the user's of this machine
    why: str  # "audit" or "suspect"
    since: int  # rows of the history before the first question


Heard = Callable[[Question, Label], None]  # the row of the history that was just written


class Review:
    """The questions, and which of them are answered: both come from files, so a killed review goes on where it was.

    Args:
        questions: in their order.
        choices: classes, or none where masks are accepted or rejected.
        whose: who answers.
        heard: told of each answer, and of each that is taken back, after it is in the history.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        choices: Sequence[str],
        whose: Whose,
        heard: Heard = lambda question, label: None,
    ) -> None:
        self.questions, self.choices, self.whose, self._heard = list(questions), list(choices), whose, heard
        self._numbers = {one.sha256: number for number, one in enumerate(self.questions)}
        given = answers(history(whose.home), whose.since, whose.why)
        self.answers = {
            self._numbers[digest]: one for digest, one in given.items() if digest in self._numbers
        }
        self._lock = threading.Lock()

    @property
    def current(self) -> int | None:
        """Number of the first question without an answer."""
        return next((n for n in range(len(self.questions)) if n not in self.answers), None)

    def answer(self, number: int, choice: int | None) -> bool:
        """Note an answer; False, and nothing noted, where another question is the current one.

        Args:
            number: of the question.
            choice: number of the class; of masks 0 accepts and 1 rejects; None: unsure.
        """
        with self._lock:
            if number != self.current:
                return False
            question = self.questions[number]
            if self.choices or choice is None:
                target, rejected = None if choice is None else self.choices[choice], False
            else:
                target, rejected = (None, True) if choice else (question.said, False)
            told = self._say(question, target, REJECTED if rejected else "")
            self.answers[number] = Answer(target, rejected, told.labeller, told.time)
            return True

    def take_back(self) -> bool:
        """Take the last answer back: what was in force before it counts again; False where there is none."""
        with self._lock:
            if not self.answers:
                return False
            number = list(self.answers)[-1]
            self._say(self.questions[number], None, TAKEN_BACK)
            del self.answers[number]
            return True

    def last(self) -> Answer | None:
        """The answer that would be taken back."""
        return self.answers[list(self.answers)[-1]] if self.answers else None

    def _say(self, question: Question, target: str | None, more: str) -> Label:
        label = Label(
            question.image, question.sha256, f"person:{self.whose.name or _user()}", True, target,
            datetime.now(UTC).isoformat(timespec="seconds"), note=_note(self.whose.why, more),
        )  # fmt: skip
        append(self.whose.home, [label])
        self._heard(question, label)
        return label


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container that has no name for its user
        return "anonymous"


def _note(why: str, more: str) -> str:
    return f"{why}: {more}" if more else why


def answers(told: pl.DataFrame, since: int, why: str) -> dict[str, Answer]:
    """The answers of a review by the hash of the picture, in the order in which they were given.

    Args:
        told: the whole history.
        since: rows of it before the first question.
        why: what the answers' notes begin with.
    """
    notes = [_note(why, more) for more in ("", REJECTED, TAKEN_BACK)]
    rows = told.slice(since).filter(pl.col("person") & pl.col("note").is_in(notes))
    found: dict[str, Answer] = {}
    for digest, target, note, by, time in rows.select(
        "sha256", "target", "note", "labeller", "time"
    ).iter_rows():
        found.pop(digest, None)
        if note != notes[2]:
            found[digest] = Answer(target, note == notes[1], by, time)
    return found

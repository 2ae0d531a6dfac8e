"""The record of what evaluating differs in from task to task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.page import Section
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.predictions import Answers, Reader

OUT_OF_FOLD = "out-of-fold"  # in place of a split's name
Evaluation = dict[str, Any]  # what report.json holds
Judged = dict[str, Any]  # of one model
Compared = dict[str, Any]  # of the first model with another one


@dataclass(frozen=True)
class Bench:
    """What answers are judged by."""

    data: Dataset
    rows: list[int]  # N row numbers of the data set
    groups: Array  # (N,) group numbers; an interval counts groups, not images


Tuned = dict[str, Any]
Known = tuple[Answers, Bench]


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be written down."""

    evaluation: Evaluation
    answers: Sequence[Answers]  # of the models
    beside: dict[str, bytes] = field(default_factory=dict)  # files beside the report


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How a report is told."""

    verdict: Callable[[Evaluation], list[str]]  # the most important first, comparisons included
    warnings: Callable[[Evaluation], list[str]]
    sections: Callable[[Evaluation, Dataset, Sequence[Answers]], list[Section]]
    footnote: Callable[[], str]  # how intervals were made


@dataclass(frozen=True, slots=True, kw_only=True)
class Story(Telling):
    """One task's part of the story that an evaluation tells; `evaluate.run` tells the rest."""

    reader: Reader
    judge: Callable[[Answers, Bench], Judged]
    compare: Callable[[Answers, list[Answers], Bench], list[Compared]]  # differences are first minus other
    check_tunable: Callable[[Bench, Answers | None], None]  # raises where no threshold can be tuned
    tuned: Callable[[str, Known, Known], Tuned]  # objective, answers on validation, answers that are judged

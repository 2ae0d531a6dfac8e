"""The story of an evaluation, as it goes for classification."""

from typing import cast

import numpy as np

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.classify import compare, model_report, page, sentences
from pupila.stages.evaluate.classify.predictions import ClassAnswers, ClassReader
from pupila.stages.evaluate.evaluator import Bench, Compared, Judged, Known, Story, Tuned
from pupila.stages.evaluate.predictions import Answers


def _truth(bench: Bench) -> Array:
    numbers = {name: number for number, name in enumerate(bench.data.classes)}
    targets = bench.data.images["target"].to_list()
    return np.array([numbers[targets[row]] for row in bench.rows])


def _judge(answers: Answers, bench: Bench) -> Judged:
    return model_report.judge(cast(ClassAnswers, answers), _truth(bench), bench.groups, bench.data.classes)


def _compare(first: Answers, others: list[Answers], bench: Bench) -> list[Compared]:
    ours, theirs = cast(ClassAnswers, first), cast(list[ClassAnswers], others)
    return compare.compare(ours, theirs, _truth(bench), bench.groups, len(bench.data.classes))


def _check_tunable(bench: Bench, answers: Answers | None) -> None:
    sure = answers is None or cast(ClassAnswers, answers).probabilities is not None
    if len(bench.data.classes) != 2 or not sure:
        raise PupilaError(
            say("A threshold needs two classes and probabilities"),
            found=say("{n} classes", n=len(bench.data.classes)), wanted="2", remedy=say("leave --threshold out"),
        )  # fmt: skip


def _tuned(objective: str, validation: Known, judged: Known) -> Tuned:
    (known, on_validation), (asked, bench) = validation, judged
    return model_report.tuned(
        objective, bench.data.classes, (cast(ClassAnswers, known), _truth(on_validation)),
        (cast(ClassAnswers, asked), _truth(bench), bench.groups),
    )  # fmt: skip


CLASSIFY = Story(
    reader=ClassReader(), judge=_judge, compare=_compare, check_tunable=_check_tunable, tuned=_tuned,
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections,
    footnote=page.footnote,
)  # fmt: skip

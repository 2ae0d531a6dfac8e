"""The story of an evaluation, as it goes for segmentation."""

from typing import NoReturn, cast

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.evaluate.evaluator import Bench, Compared, Judged, Known, Story
from pupila.stages.evaluate.predictions import Answers
from pupila.stages.evaluate.segment import compare, model_report, page, sentences
from pupila.stages.evaluate.segment.predictions import MaskAnswers, MaskReader, counted


def _judge(answers: Answers, bench: Bench) -> Judged:
    return model_report.judge(cast(MaskAnswers, answers), bench)


def _compare(first: Answers, others: list[Answers], bench: Bench) -> list[Compared]:
    return compare.compare(cast(MaskAnswers, first), cast(list[MaskAnswers], others), bench)


def no_threshold(bench: Bench, answers: Answers | None) -> NoReturn:
    """Refuse a threshold of masks."""
    raise PupilaError(
        say("No threshold of masks is tuned here"), found="--threshold",
        wanted=say("answered masks, as they are: training tunes their threshold on validation"),
        remedy=say("leave --threshold out"),
    )  # fmt: skip


def _tuned(objective: str, validation: Known, judged: Known) -> NoReturn:
    raise AssertionError(objective)  # refused by `no_threshold`


SEGMENT = Story(
    reader=MaskReader(counted), judge=_judge, compare=_compare, check_tunable=no_threshold, tuned=_tuned,
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections,
    footnote=page.footnote,
)  # fmt: skip

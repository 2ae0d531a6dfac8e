"""The story of an evaluation, as it goes for segmentation."""

from typing import NoReturn, cast

from pupila.errors import PupilaError
from pupila.evaluate.answers import Answers
from pupila.evaluate.segment import compare, judge, page, sentences
from pupila.evaluate.segment.answers import MaskAnswers, MaskReader, counted
from pupila.evaluate.story import Bench, Compared, Judged, Known, Story
from pupila.messages import say


def _judge(answers: Answers, bench: Bench) -> Judged:
    return judge.judge(cast(MaskAnswers, answers), bench)


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

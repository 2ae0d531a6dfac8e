"""The evaluator for segmentation."""

from typing import NoReturn, cast

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.evaluate.evaluator import (
    Comparison,
    EvaluationSet,
    LabelledPredictions,
    ModelReport,
    TaskEvaluator,
)
from pupila.stages.evaluate.predictions import Predictions
from pupila.stages.evaluate.segment import compare, model_report, page, sentences
from pupila.stages.evaluate.segment.predictions import MaskPredictions, MaskReader, count_pixels


def _report_model(predictions: Predictions, on: EvaluationSet) -> ModelReport:
    return model_report.report_model(cast(MaskPredictions, predictions), on)


def _compare(first: Predictions, others: list[Predictions], on: EvaluationSet) -> list[Comparison]:
    return compare.compare(cast(MaskPredictions, first), cast(list[MaskPredictions], others), on)


def refuse_threshold(on: EvaluationSet, predictions: Predictions | None) -> NoReturn:
    """Refuse to tune a threshold for masks."""
    raise PupilaError(
        say("--threshold does not apply to masks"), actual="--threshold",
        expected=say("no threshold: training already tunes it on validation"),
        remedy=say("leave --threshold out"),
    )  # fmt: skip


def _report_threshold(
    objective: str, validation: LabelledPredictions, evaluated: LabelledPredictions
) -> NoReturn:
    raise AssertionError(objective)  # refused by `refuse_threshold`


SEGMENT = TaskEvaluator(
    reader=MaskReader(count_pixels), report_model=_report_model, compare=_compare,
    check_tunable=refuse_threshold, report_threshold=_report_threshold,
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections,
    footnote=page.footnote,
)  # fmt: skip

"""The evaluator for segmentation."""

from typing import cast

from pupila.stages.evaluate.evaluator import (
    Comparison,
    EvaluationSet,
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


SEGMENT = TaskEvaluator(
    reader=MaskReader(count_pixels), report_model=_report_model, compare=_compare,
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections,
    footnote=page.footnote,
)  # fmt: skip

"""The evaluator for segmentation."""

from collections.abc import Sequence
from typing import cast

from pupila.artifacts.report.evaluation.segment import SegmentReport
from pupila.stages.evaluate.evaluation_set import describe_model
from pupila.stages.evaluate.evaluator import Evaluated, TaskEvaluator
from pupila.stages.evaluate.refused_threshold import refuse_threshold
from pupila.stages.evaluate.segment import compare, model_report, page, sentences, stress
from pupila.stages.evaluate.segment.predictions import MaskPredictions, MaskReader, count_pixels


def _report(evaluated: Evaluated) -> SegmentReport:
    on, models = evaluated.on, cast(Sequence[MaskPredictions], evaluated.models)
    return SegmentReport(
        **dict(evaluated.head),
        models=[model_report.report_model(model, on, describe_model(model, on)) for model in models],
        comparisons=compare.compare(models[0], models[1:], on),
    )


SEGMENT = TaskEvaluator(
    reader=MaskReader(count_pixels), report=_report, check_tunable=refuse_threshold,
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections,
    footnote=page.footnote, stress=stress.SCORER,
)  # fmt: skip

"""The evaluator for segmentation."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from pupila.artifacts.report.evaluation.segment import SegmentReport
from pupila.stages.evaluate.evaluation_set import describe_model
from pupila.stages.evaluate.evaluator import Evaluated, EvaluationSet, TaskEvaluator
from pupila.stages.evaluate.image_scores import ImageScores
from pupila.stages.evaluate.predictions import Predictions
from pupila.stages.evaluate.refused_threshold import refuse_threshold
from pupila.stages.evaluate.segment import compare, model_report, page, sentences, stress
from pupila.stages.evaluate.segment.predictions import MaskPredictions, MaskReader, count_pixels
from pupila.statistics.metrics.overlap import FIGURES
from pupila.statistics.metrics.ranking import share
from pupila.statistics.metrics.segment import selection_metric
from pupila.tasks.segment import foreground_classes


def _report(evaluated: Evaluated) -> SegmentReport:
    on, models = evaluated.on, cast(Sequence[MaskPredictions], evaluated.models)
    return SegmentReport(
        **dict(evaluated.head),
        models=[model_report.report_model(model, on, describe_model(model, on)) for model in models],
        comparisons=compare.compare(models[0], models[1:], on),
    )


def _image_scores(on: EvaluationSet, predictions: Predictions) -> ImageScores:
    metric = selection_metric(len(on.data.classes))
    values, counting = (
        part[:, FIGURES.index(metric)] for part in cast(MaskPredictions, predictions).overlaps.scores
    )
    pixels, own = on.data.class_pixels[on.rows], list(foreground_classes(on.data.classes))
    return ImageScores(
        "images", on.rows, on.groups, {f"mean_{metric}": np.where(counting, values, np.nan)},
        sizes=share(pixels[:, own].sum(axis=1), pixels.sum(axis=1)),
    )  # fmt: skip


def _worst_rows(report: SegmentReport) -> list[int]:
    return [example.row for example in report.models[0].examples.worst]


SEGMENT = TaskEvaluator(
    reader=MaskReader(count_pixels), image_scores=_image_scores, report=_report, check_tunable=refuse_threshold,
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections,
    footnote=page.footnote, stress=stress.SCORER, worst_rows=_worst_rows,
)  # fmt: skip

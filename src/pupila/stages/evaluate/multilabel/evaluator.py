"""The evaluator for several labels on one image."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from pupila.artifacts.report.evaluation.multilabel import MultilabelReport
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.evaluate.evaluation_set import describe_model
from pupila.stages.evaluate.evaluator import Evaluated, EvaluationSet, TaskEvaluator
from pupila.stages.evaluate.image_scores import ImageScores
from pupila.stages.evaluate.multilabel import compare, model_report, page, sentences, stress
from pupila.stages.evaluate.multilabel.baselines import predict_baselines
from pupila.stages.evaluate.multilabel.predictions import LabelPredictions, LabelReader
from pupila.stages.evaluate.predictions import Predictions
from pupila.stages.evaluate.refused_threshold import refuse_threshold
from pupila.statistics.metrics.label_estimates import LabelCells, resample_metrics
from pupila.statistics.metrics.multilabel import image_f1


def _prepare(on: EvaluationSet) -> EvaluationSet:
    """Without images of which no class is known."""
    rows = [row for row in on.rows if (on.data.label_matrix[row] >= 0).any()]
    if not rows:
        raise PupilaError(
            say("No class of the images is known"), actual=say("labels that are all unknown"),
            expected=say("labelled images to evaluate on"),
        )  # fmt: skip
    return on.select(rows)


def _report(evaluated: Evaluated) -> MultilabelReport:
    on, models = evaluated.on, cast(Sequence[LabelPredictions], evaluated.models)
    cells = LabelCells(on.data.label_matrix[on.rows], on.groups)
    baselines, unfitted = predict_baselines(on, evaluated.head.validation_based)
    first, *others = (
        (model, resample_metrics(cells, model.decisions, model.probabilities))
        for model in (*models, *baselines)
    )
    rivals = len(models) - 1
    return MultilabelReport(
        **dict(evaluated.head),
        models=[
            model_report.report_model(model, metrics, cells, on.data.classes, describe_model(model, on))
            for model, metrics in (first, *others[:rivals])
        ],
        comparisons=compare.compare(first, others[:rivals], others[rivals:], cells),
        known=int((cells.targets >= 0).sum()), unknown=int((cells.targets < 0).sum()),
        images_without_labels=_count_unlabelled(on), unfitted_baselines=unfitted,
    )  # fmt: skip


def _image_scores(on: EvaluationSet, predictions: Predictions) -> ImageScores:
    decisions = cast(LabelPredictions, predictions).decisions
    return ImageScores(
        "images", on.rows, on.groups, {"sample_f1": image_f1(on.data.label_matrix[on.rows], decisions)}
    )


def _count_unlabelled(on: EvaluationSet) -> int:
    """Images of the evaluated splits of which no class is known."""
    splits = {on.splits.images[row].split for row in on.rows}
    unlabelled = np.flatnonzero((on.data.label_matrix < 0).all(axis=1))
    return sum(on.splits.images[row].split in splits for row in unlabelled)


def _worst_rows(report: MultilabelReport) -> list[int]:
    return [error.row for error in report.models[0].worst_errors]


MULTILABEL = TaskEvaluator(
    reader=LabelReader(), image_scores=_image_scores, report=_report, prepare=_prepare, check_tunable=refuse_threshold,
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections, footnote=page.footnote,
    stress=stress.SCORER,
    worst_rows=_worst_rows,
)  # fmt: skip

"""The evaluator for classification."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from pupila.artifacts.report.evaluation.classify import ClassifyReport, ThresholdReport
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.classify import compare, model_report, page, sentences, stress
from pupila.stages.evaluate.classify.predictions import ClassPredictions, ClassReader
from pupila.stages.evaluate.evaluation_set import describe_model
from pupila.stages.evaluate.evaluator import (
    Evaluated,
    EvaluationSet,
    LabelledPredictions,
    TaskEvaluator,
)
from pupila.stages.evaluate.image_scores import ImageScores
from pupila.stages.evaluate.predictions import Predictions


def _target_indices(on: EvaluationSet) -> Array:
    numbers = {name: number for number, name in enumerate(on.data.classes)}
    targets = on.data.images["target"].to_list()
    return np.array([numbers[targets[row]] for row in on.rows])


def _report(evaluated: Evaluated) -> ClassifyReport:
    on, classes = evaluated.on, evaluated.on.data.classes
    models, targets = cast(Sequence[ClassPredictions], evaluated.models), _target_indices(on)
    return ClassifyReport(
        **dict(evaluated.head),
        models=[
            model_report.report_model(model, targets, on.groups, classes, describe_model(model, on))
            for model in models
        ],
        comparisons=compare.compare(models[0], models[1:], targets, on.groups, len(classes)),
        threshold=cast(ThresholdReport | None, evaluated.threshold),
    )


def _image_scores(on: EvaluationSet, predictions: Predictions) -> ImageScores:
    correct = cast(ClassPredictions, predictions).class_indices == _target_indices(on)
    return ImageScores("images", on.rows, on.groups, {"accuracy": correct.astype(np.float64)})


def _check_tunable(on: EvaluationSet, predictions: Predictions | None) -> None:
    has_probabilities = predictions is None or cast(ClassPredictions, predictions).probabilities is not None
    if len(on.data.classes) != 2 or not has_probabilities:
        raise PupilaError(
            say("A threshold can only be tuned for two classes with probabilities"),
            actual=say_count(
                "{n} class",
                "{n} classes",
                len(on.data.classes),
            ), expected="2", remedy=say("leave --threshold out"),
        )  # fmt: skip


def _report_threshold(
    objective: str, validation: LabelledPredictions, evaluated: LabelledPredictions
) -> ThresholdReport:
    (validation_predictions, on_validation), (predictions, on) = validation, evaluated
    return model_report.report_threshold(
        objective, on.data.classes, (cast(ClassPredictions, validation_predictions), _target_indices(on_validation)),
        (cast(ClassPredictions, predictions), _target_indices(on), on.groups),
    )  # fmt: skip


def _worst_rows(report: ClassifyReport) -> list[int]:
    return [error.row for error in report.models[0].worst_errors]


CLASSIFY = TaskEvaluator(
    reader=ClassReader(), image_scores=_image_scores, report=_report,
    check_tunable=_check_tunable, report_threshold=_report_threshold,
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections,
    footnote=page.footnote, stress=stress.SCORER, worst_rows=_worst_rows,
)  # fmt: skip

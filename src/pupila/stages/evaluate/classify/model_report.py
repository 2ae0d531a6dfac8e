"""The report on a classifier: every metric with its 95 % confidence interval, and the majority-class baseline."""

import numpy as np

from pupila.artifacts.report.evaluation.classify import (
    ClassError,
    ClassifyModel,
    ThresholdEffect,
    ThresholdReport,
)
from pupila.artifacts.report.evaluation.report import ModelReport
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.calibration import (
    Scored,
    bootstrap_images,
    report_calibration,
    thin_risk_coverage,
)
from pupila.stages.evaluate.classify.predictions import ClassPredictions
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.classify import confusion, majority_baseline, roc_auc
from pupila.statistics.metrics.estimates import estimate_overall, estimate_per_class
from pupila.statistics.metrics.threshold import parse_objective
from pupila.statistics.tests import compare_with_baseline
from pupila.tasks.tuning.classify import positive_class, select_threshold

SHOWN_ERRORS = 12  # the most confident first


def report_model(
    predictions: ClassPredictions, targets: Array, groups: Array, classes: list[str], header: ModelReport
) -> ClassifyModel:
    """Evaluate a classifier.

    Args:
        predictions: N.
        targets: (N,) class numbers.
        groups: (N,) group numbers.
        classes: names.
        header: name and version of the model.
    """
    shares, correct = predictions.probabilities, predictions.class_indices == targets
    confidence = None if shares is None else shares[np.arange(len(targets)), predictions.class_indices]
    baseline = majority_baseline(targets, classes)
    gain = correct.astype(float) - (targets == classes.index(baseline.name))
    return ClassifyModel(
        **dict(header),
        correct=int(correct.sum()),
        metrics=estimate_overall(targets, predictions.class_indices, groups, len(classes)),
        baseline=baseline,
        baseline_test=compare_with_baseline(gain, groups),
        classes=estimate_per_class(targets, predictions.class_indices, groups, classes),
        confusion=confusion(targets, predictions.class_indices, len(classes)).tolist(),
        roc_auc={} if shares is None else _roc_auc(shares, targets, groups, classes),
        calibration=None
        if shares is None
        else report_calibration(
            None if predictions.uncalibrated is None else _most_probable(predictions.uncalibrated, targets),
            _most_probable(shares, targets),
            groups,
        ),
        risk_coverage=[] if confidence is None else thin_risk_coverage(confidence, correct),
        worst_errors=[]
        if confidence is None
        else _worst_errors(predictions, confidence, np.flatnonzero(~correct), targets, classes),
    )


def _most_probable(probabilities: Array, targets: Array) -> Scored:
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == targets


def _worst_errors(
    predictions: ClassPredictions, confidence: Array, wrong: Array, targets: Array, classes: list[str]
) -> list[ClassError]:
    """The most confident of the wrong predictions, whose numbers are given."""
    return [
        ClassError(
            row=predictions.rows[i], target=classes[targets[i]],
            prediction=classes[predictions.class_indices[i]], confidence=float(confidence[i]),
        )
        for i in wrong[np.argsort(-confidence[wrong], kind="stable")][:SHOWN_ERRORS]
    ]  # fmt: skip


def _roc_auc(probabilities: Array, targets: Array, groups: Array, classes: list[str]) -> dict[str, Estimate]:
    """Area under the ROC curve: of two classes that of the second, else of each against the rest."""
    numbers = [1] if len(classes) == 2 else range(len(classes))

    def area(number: int) -> Estimate:
        return bootstrap_images(
            groups, lambda drawn: roc_auc(targets[drawn] == number, probabilities[drawn, number])
        )

    areas = {classes[number]: area(number) for number in numbers}
    return {name: estimate for name, estimate in areas.items() if estimate.value is not None}


def report_threshold(
    objective_text: str,
    classes: list[str],
    validation: tuple[ClassPredictions, Array],
    evaluated: tuple[ClassPredictions, Array, Array],
) -> ThresholdReport:
    """Evaluate a threshold that was tuned on validation, beside the predictions without it.

    Args:
        objective_text: see `metrics.threshold.parse_objective`; of the rarer class on validation unless it names one.
        classes: two.
        validation: predictions and targets.
        evaluated: predictions, targets and groups.
    """
    validation_predictions, validation_targets = validation
    predictions, targets, groups = evaluated
    probabilities = np.asarray(validation_predictions.probabilities)
    _, objective = parse_objective(objective_text, classes)
    positive = positive_class(objective_text, validation_targets, classes)
    threshold = select_threshold(objective_text, probabilities, validation_targets, classes)
    with_threshold = np.where(
        np.asarray(predictions.probabilities)[:, positive] >= threshold, positive, 1 - positive
    )

    def effect(class_indices: Array) -> ThresholdEffect:
        matrix = confusion(targets, class_indices, 2)
        row = estimate_per_class(targets, class_indices, groups, classes)[classes[positive]]
        return ThresholdEffect(
            false_negatives=int(matrix[positive, 1 - positive]),
            false_positives=int(matrix[1 - positive, positive]), recall=row.recall, precision=row.precision,
        )  # fmt: skip

    return ThresholdReport(
        objective=objective, positive=classes[positive], threshold=threshold,
        without_threshold=effect(predictions.class_indices), with_threshold=effect(with_threshold),
    )  # fmt: skip

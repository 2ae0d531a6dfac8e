"""The report on a classifier: every metric with its 95 % confidence interval, and the majority-class baseline."""

from collections.abc import Callable

import numpy as np

from pupila.artifacts.report.evaluation.classify import (
    Calibration,
    ClassError,
    ClassifyModel,
    ThresholdEffect,
    ThresholdReport,
)
from pupila.artifacts.report.evaluation.report import ModelReport
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.classify.predictions import ClassPredictions
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import MIN_GROUPS, bootstrap
from pupila.statistics.metrics.calibration import calibration_error, reliability_bins
from pupila.statistics.metrics.classify import confusion, majority_baseline, risk_coverage, roc_auc
from pupila.statistics.metrics.estimates import estimate_overall, estimate_per_class, make_estimate
from pupila.statistics.metrics.threshold import parse_objective
from pupila.tasks.tuning.classify import positive_class, select_threshold

SHOWN_ERRORS = 12  # the most confident first
FEWER_RESAMPLES = 400  # of the bootstraps that go image by image
_CURVE = 25  # points of the risk-coverage curve


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
    return ClassifyModel(
        **dict(header),
        correct=int(correct.sum()),
        metrics=estimate_overall(targets, predictions.class_indices, groups, len(classes)),
        baseline=majority_baseline(targets, classes),
        classes=estimate_per_class(targets, predictions.class_indices, groups, classes),
        confusion=confusion(targets, predictions.class_indices, len(classes)).tolist(),
        roc_auc={} if shares is None else _roc_auc(shares, targets, groups, classes),
        calibration=None if shares is None else _calibration(predictions, shares, targets, groups),
        risk_coverage=[] if confidence is None else _risk_coverage(confidence, correct),
        worst_errors=[]
        if confidence is None
        else _worst_errors(predictions, confidence, np.flatnonzero(~correct), targets, classes),
    )


def _calibration(predictions: ClassPredictions, shares: Array, targets: Array, groups: Array) -> Calibration:
    before = predictions.uncalibrated
    return Calibration(
        before=None
        if before is None
        else _bootstrap(groups, lambda drawn: _calibration_error(before, targets, drawn)),
        after=_bootstrap(groups, lambda drawn: _calibration_error(shares, targets, drawn)),
        bins=reliability_bins(shares.max(axis=1), shares.argmax(axis=1) == targets),
    )


def _risk_coverage(confidence: Array, correct: Array) -> list[tuple[float, float]]:
    """A few points of the curve."""
    coverage, risk = risk_coverage(confidence, correct)
    points = np.unique(np.linspace(0, len(correct) - 1, _CURVE).astype(int))
    return [(float(coverage[i]), float(risk[i])) for i in points]


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


def _calibration_error(probabilities: Array, targets: Array, drawn: Array) -> float:
    given = probabilities[drawn]
    return calibration_error(given.max(axis=1), given.argmax(axis=1) == targets[drawn])


def _roc_auc(probabilities: Array, targets: Array, groups: Array, classes: list[str]) -> dict[str, Estimate]:
    """Area under the ROC curve: of two classes that of the second, else of each against the rest."""
    numbers = [1] if len(classes) == 2 else range(len(classes))

    def area(number: int) -> Estimate:
        return _bootstrap(
            groups, lambda drawn: roc_auc(targets[drawn] == number, probabilities[drawn, number])
        )

    areas = {classes[number]: area(number) for number in numbers}
    return {name: estimate for name, estimate in areas.items() if estimate.value is not None}


def _bootstrap(groups: Array, metric: Callable[[Array], float | None]) -> Estimate:
    """A metric (0..1) of drawn images; bootstrap over groups, or Wilson's interval where no draw differs."""
    value, group_count = metric(np.arange(len(groups))), len(set(groups.tolist()))
    if value is None or group_count < MIN_GROUPS:
        return Estimate(value=value)

    def statistic(times: Array) -> Array:
        drawn = (metric(np.repeat(np.arange(len(groups)), row)) for row in times)
        return np.array([value if score is None else score for score in drawn])

    # Drawing with repetition makes a calibration error larger: the interval is stretched to what was measured.
    return make_estimate(value, *bootstrap(groups, statistic, repeats=FEWER_RESAMPLES), group_count)


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

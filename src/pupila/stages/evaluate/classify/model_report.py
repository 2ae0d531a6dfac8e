"""The report on a classifier: every metric with its 95 % confidence interval, and the majority-class baseline."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pupila.core.records import Record
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.classify.predictions import ClassPredictions
from pupila.stages.evaluate.evaluator import ModelReport
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
    predictions: ClassPredictions, targets: Array, groups: Array, classes: list[str]
) -> ModelReport:
    """Evaluate a classifier.

    Args:
        predictions: N.
        targets: (N,) class numbers.
        groups: (N,) group numbers.
        classes: names.
    """
    baseline = majority_baseline(targets, classes)
    correct = predictions.class_indices == targets
    report: ModelReport = {
        "correct": int(correct.sum()),
        "metrics": _dump(estimate_overall(targets, predictions.class_indices, groups, len(classes))),
        "baseline": {"class": baseline.name, **baseline.metrics},
        "classes": _dump(estimate_per_class(targets, predictions.class_indices, groups, classes)),
        "confusion": confusion(targets, predictions.class_indices, len(classes)).tolist(),
        "worst_errors": [],
    }
    if predictions.probabilities is None:
        return report
    confidence = predictions.probabilities[np.arange(len(targets)), predictions.class_indices]
    report["roc_auc"] = _roc_auc(predictions.probabilities, targets, groups, classes)
    report["calibration"] = {
        **(
            {}
            if predictions.uncalibrated is None
            else {
                "before": _bootstrap(
                    groups, lambda drawn: _calibration_error(predictions.uncalibrated, targets, drawn)
                )
            }
        ),
        "after": _bootstrap(
            groups, lambda drawn: _calibration_error(predictions.probabilities, targets, drawn)
        ),
        "bins": reliability_bins(
            predictions.probabilities.max(axis=1), predictions.probabilities.argmax(axis=1) == targets
        ),
    }
    coverage, risk = risk_coverage(confidence, correct)
    points = np.unique(np.linspace(0, len(targets) - 1, _CURVE).astype(int))
    report["risk_coverage"] = [[float(coverage[i]), float(risk[i])] for i in points]
    wrong = np.flatnonzero(~correct)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:SHOWN_ERRORS]
    report["worst_errors"] = [
        {
            "row": predictions.rows[i], "target": classes[targets[i]],
            "prediction": classes[predictions.class_indices[i]],
            "confidence": float(confidence[i]),
        }
        for i in worst
    ]  # fmt: skip
    return report


def _dump(records: Mapping[str, Record]) -> dict[str, Any]:
    return {name: record.model_dump() for name, record in records.items()}


def _calibration_error(probabilities: Array | None, targets: Array, drawn: Array) -> float:
    given = np.asarray(probabilities)[drawn]
    return calibration_error(given.max(axis=1), given.argmax(axis=1) == targets[drawn])


def _roc_auc(probabilities: Array, targets: Array, groups: Array, classes: list[str]) -> dict[str, Any]:
    """Area under the ROC curve: of two classes that of the second, else of each against the rest."""
    numbers = [1] if len(classes) == 2 else range(len(classes))
    areas = {}
    for number in numbers:
        area = _bootstrap(
            groups, lambda drawn, k=number: roc_auc(targets[drawn] == k, probabilities[drawn, k])
        )
        if area["value"] is not None:
            areas[classes[number]] = area
    return areas


def _bootstrap(groups: Array, metric: Any) -> dict[str, Any]:
    """A metric (0..1) of drawn images; bootstrap over groups, or Wilson's interval where no draw differs."""
    value, group_count = metric(np.arange(len(groups))), len(set(groups.tolist()))
    if value is None or group_count < MIN_GROUPS:
        return {"value": value, "low": None, "high": None}

    def statistic(times: Array) -> Array:
        drawn = (metric(np.repeat(np.arange(len(groups)), row)) for row in times)
        return np.array([value if score is None else score for score in drawn])

    # Drawing with repetition makes a calibration error larger: the interval is stretched to what was measured.
    return make_estimate(
        value, *bootstrap(groups, statistic, repeats=FEWER_RESAMPLES), group_count
    ).model_dump()


def report_threshold(
    objective_text: str,
    classes: list[str],
    validation: tuple[ClassPredictions, Array],
    evaluated: tuple[ClassPredictions, Array, Array],
) -> ModelReport:
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
    both = (predictions.class_indices, with_threshold)
    plain, moved = (confusion(targets, a, 2) for a in both)
    tables = [estimate_per_class(targets, a, groups, classes)[classes[positive]].model_dump() for a in both]
    return {
        "objective": objective, "positive": classes[positive], "threshold": threshold,
        "false_negatives": [int(m[positive, 1 - positive]) for m in (plain, moved)],
        "false_positives": [int(m[1 - positive, positive]) for m in (plain, moved)],
        **{name: [table[name] for table in tables] for name in ("recall", "precision")},
    }  # fmt: skip

"""The report on a model of several labels: metrics with intervals, thresholds, curves, calibration and errors."""

from typing import Any

import numpy as np

from pupila.artifacts.report.evaluation.multilabel import (
    ErrorPair,
    LabelError,
    LabelThreshold,
    MultilabelModel,
)
from pupila.artifacts.report.evaluation.report import ModelReport
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.calibration import report_calibration, thin_risk_coverage
from pupila.stages.evaluate.multilabel.predictions import LabelPredictions
from pupila.statistics.metrics.label_estimates import (
    LabelCells,
    ResampledMetrics,
    estimate_label_means,
    estimate_labels,
)
from pupila.statistics.metrics.ranking import precision_recall

SHOWN_ERRORS = 12  # the most confident first
SHOWN_PAIRS = 10  # the most frequent first
_POINTS = 50  # of a precision-recall curve


def report_model(
    predictions: LabelPredictions,
    metrics: ResampledMetrics,
    cells: LabelCells,
    classes: list[str],
    header: ModelReport,
) -> MultilabelModel:
    """Evaluate a model of several labels.

    Args:
        predictions: for N images.
        metrics: of these predictions.
        cells: the ground truth.
        classes: C names.
        header: name and version of the model.
    """
    probabilities, targets = predictions.probabilities, cells.targets
    return MultilabelModel(
        **dict(header),
        metrics=estimate_label_means(cells, metrics),
        classes=estimate_labels(cells, predictions.decisions, metrics, classes),
        thresholds={
            name: LabelThreshold(threshold=threshold, shared=name in predictions.shared_threshold)
            for name, threshold in zip(classes, predictions.thresholds, strict=bool(predictions.thresholds))
        },
        error_pairs=_find_error_pairs(predictions.decisions, targets, classes),
        **(
            {"calibration": None, "precision_recall": {}, "risk_coverage": [], "worst_errors": []}
            if probabilities is None
            else _report_probabilities(predictions, probabilities, cells, classes)
        ),
    )


def _report_probabilities(
    predictions: LabelPredictions, probabilities: Array, cells: LabelCells, classes: list[str]
) -> dict[str, Any]:
    """The fields that need probabilities."""
    known, positive = cells.targets >= 0, cells.targets == 1
    before, decisions = predictions.uncalibrated, predictions.decisions
    certainty = np.where(decisions, probabilities, 1 - probabilities)
    errors = known & (decisions != positive)
    return {
        "calibration": report_calibration(
            None if before is None else (before[known], positive[known]),
            (probabilities[known], positive[known]),
            np.broadcast_to(cells.groups[:, None], known.shape)[known],
        ),
        "precision_recall": {
            name: _curve(positive[known[:, column], column], probabilities[known[:, column], column])
            for column, name in enumerate(classes)
            if positive[:, column].any()
        },
        "risk_coverage": thin_risk_coverage(certainty.min(axis=1), ~errors.any(axis=1)),
        "worst_errors": _worst_errors(predictions, certainty, errors, classes),
    }


def _curve(targets: Array, scores: Array) -> list[tuple[float, float]]:
    """A few points (recall, precision) of the curve, lowest recall first."""
    recall, precision = precision_recall(targets, scores)
    points = np.unique(np.linspace(0, len(recall) - 1, _POINTS).astype(int))
    return [(float(recall[i]), float(precision[i])) for i in points]


def _find_error_pairs(decisions: Array, targets: Array, classes: list[str]) -> list[ErrorPair]:
    """For two classes: how often the one is predicted although it is absent, where the other is present."""
    present, absent = (targets == 1).astype(np.int64), (targets == 0).astype(np.int64)
    false = absent * decisions
    both, images = present.T @ false, present.T @ absent
    elsewhere, images_elsewhere = absent.T @ false, absent.T @ absent
    pairs = [
        ErrorPair(
            present=classes[i], predicted=classes[j], false_positives=int(both[i, j]), images=int(images[i, j]),
            false_positives_elsewhere=int(elsewhere[i, j]), images_elsewhere=int(images_elsewhere[i, j]),
        )
        for i, j in zip(*np.nonzero(both), strict=True) if i != j
    ]  # fmt: skip
    return sorted(pairs, key=lambda pair: -pair.false_positives)[:SHOWN_PAIRS]


def _worst_errors(
    predictions: LabelPredictions, certainty: Array, errors: Array, classes: list[str]
) -> list[LabelError]:
    """The most confident wrong label of each image."""
    confidence = np.where(errors, certainty, -1.0)
    worst = confidence.argmax(axis=1)
    highest = confidence.max(axis=1, initial=-1.0)
    order = [i for i in np.argsort(-highest, kind="stable") if highest[i] >= 0][:SHOWN_ERRORS]
    return [
        LabelError(
            row=predictions.rows[i], class_name=classes[worst[i]],
            present=not predictions.decisions[i, worst[i]], confidence=float(highest[i]),
        )
        for i in order
    ]  # fmt: skip

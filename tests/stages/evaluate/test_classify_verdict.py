"""The verdict of a classifier: the baseline in pairs, classes that are never recognised, and what a mean is over."""

import numpy as np
import pytest

from pupila.artifacts.report.evaluation.classify import ClassifyReport
from pupila.artifacts.report.evaluation.report import ModelReport
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.classify.model_report import report_model
from pupila.stages.evaluate.classify.predictions import ClassPredictions
from pupila.stages.evaluate.classify.sentences import verdict
from pupila.statistics.metrics.estimates import estimate_per_class

CLASSES = ["blowhole", "crack", "fray", "none"]


def report(targets: Array, predictions: Array, groups: Array) -> ClassifyReport:
    """Of a table without probabilities."""
    n, count = len(targets), len(set(groups.tolist()))
    model = ClassPredictions("ours", "", list(range(n)), np.zeros(n, dtype=bool), predictions)
    header = ModelReport(name="ours", version="", n=n, groups=count, seen_in_training=0)
    return ClassifyReport(
        task="classify", classes=CLASSES, data_hash="", splits_hash="", leaking=False, validation_based=False,
        split="test", test_accesses=1, models=[report_model(model, targets, groups, CLASSES, header)], comparisons=[],
        threshold=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        (
            6,
            "Accuracy 100.0 % is significantly above the majority-class baseline of 50.0 % (class 'blowhole'; 18 "
            "images won, 0 lost; sign-flip test over groups, p = 0.031).",
        ),
        (
            5,
            "Accuracy 100.0 %, majority-class baseline 50.0 % (class 'blowhole'; 18 images won, 0 lost): there are "
            "too few groups for a verdict.",
        ),
        (
            36,
            "Accuracy 100.0 % is significantly above the majority-class baseline of 50.0 % (class 'blowhole'; 18 "
            "images won, 0 lost; exact McNemar test, p < 0.001).",
        ),
    ],
)
def test_eighteen_images_won_and_none_lost(groups: int, says: str) -> None:
    # half of the images of each group are of the majority class
    targets, place = np.repeat([3, 0], 18), np.arange(36) % groups
    place = place if groups == 36 else np.tile(np.arange(18) % groups, 2)
    texts = verdict(report(targets, targets.copy(), place))
    assert texts[2] == says


def test_a_model_that_wins_and_loses_as_much_is_not_above_the_baseline() -> None:
    targets, predictions = np.repeat([3, 0], [20, 12]), np.repeat([3, 0, 0, 3], [14, 6, 8, 4])
    says = verdict(report(targets, predictions, np.arange(32)))[2]
    # 8 of 14: 2 * P(at least 8 of 14) = 0.79
    assert "is not significantly above" in says
    assert "8 images won, 6 lost; exact McNemar test, p = 0.791" in says
    assert "is significantly below" in verdict(report(targets, np.ones_like(targets), np.arange(32)))[2]


def test_classes_that_are_never_recognised_stand_in_the_verdict() -> None:
    targets = np.repeat([0, 1, 2, 3], [30, 40, 9, 50])
    predictions = np.where(targets == 2, 3, targets)
    says = verdict(report(targets, predictions, np.arange(129)))
    few = "too few groups for a confidence interval"
    assert f"The model never recognises 'fray' (recall 0 of 9, {few})." in says
    low, high = (
        estimate_per_class(targets, np.full(129, 3), np.arange(129), CLASSES)["crack"].recall.low,
        0.088,
    )
    assert low == 0.0
    both = verdict(report(targets, np.full(129, 3), np.arange(129)))[3]
    assert f"'crack' (recall 0 of 40, 95 % CI 0.000 to {high}), 'fray' (recall 0 of 9" in both


def test_a_class_without_an_image_is_not_one_that_is_never_recognised() -> None:
    targets = np.repeat([0, 1, 3], 20)
    says = verdict(report(targets, targets.copy(), np.arange(60)))
    assert says[3:] == ["No image of 'fray' was evaluated: their recall is not measurable."]
    assert says[1].startswith("Macro F1 (mean over 3 classes) 1.000 (95 % CI ")


def test_a_mean_over_classes_without_an_interval_is_named_too() -> None:
    targets = np.repeat([0, 1, 2, 3], [30, 40, 9, 50])
    says = verdict(report(targets, targets.copy(), np.arange(129)))[1]
    assert says == (
        "Macro F1 (mean over classes: 4) 1.000; no confidence interval, because class 'fray' has only 9 groups."
    )

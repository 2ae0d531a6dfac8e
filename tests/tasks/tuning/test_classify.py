"""Tuning of classifiers, on logits made by hand."""

import numpy as np
import pytest

from pupila.core.errors import PupilaError
from pupila.tasks.classify import softmax
from pupila.tasks.task import Array, PostProcessing
from pupila.tasks.tuning.classify import positive_class, select_threshold, tune_classes

CLASSES = ["calm", "warned"]
TARGETS = np.array([0] * 6 + [1] * 4)
# Probabilities of "warned": two of the four fires look calm at 0.5.
WARNED = np.array([0.05, 0.1, 0.1, 0.2, 0.2, 0.3, 0.4, 0.45, 0.8, 0.9])


def to_logits(probabilities: Array) -> Array:
    return np.asarray(np.log(np.stack([1 - probabilities, probabilities], axis=1)), np.float32)


def test_a_threshold_for_the_recall_is_found_for_the_rarer_class() -> None:
    start = PostProcessing(abstain_below=0.2)
    calibration = tune_classes(to_logits(WARNED), TARGETS, CLASSES, start, "recall>=1")
    post_processing = calibration.post_processing
    assert (post_processing.positive, post_processing.objective) == ("warned", "recall>=1")
    assert post_processing.abstain_below == 0.2 and post_processing.threshold is not None
    calibrated = softmax(to_logits(WARNED) / calibration.temperature)[:, 1]
    assert ((calibrated >= post_processing.threshold) == (TARGETS == 1)).all()


def test_an_objective_that_no_threshold_reaches_is_named_without_one() -> None:
    hopeless = WARNED[::-1]  # the most confident images are calm
    calibration = tune_classes(
        to_logits(hopeless), TARGETS, CLASSES, PostProcessing(), "warned:precision>=0.9"
    )
    assert calibration.post_processing == PostProcessing(positive="warned", objective="warned:precision>=0.9")
    with pytest.raises(PupilaError, match="No threshold reaches"):
        select_threshold(
            "warned:precision>=0.9", np.stack([1 - hopeless, hopeless], axis=1), TARGETS, CLASSES
        )


@pytest.mark.parametrize("objective", [None, "f1"])
def test_without_objective_or_images_nothing_is_tuned(objective: str | None) -> None:
    rows = 10 if objective is None else 0
    calibration = tune_classes(to_logits(WARNED)[:rows], TARGETS[:rows], CLASSES, PostProcessing(), objective)
    assert calibration.post_processing == PostProcessing()
    assert (calibration.temperature == 1.0) == (rows == 0)


def test_the_positive_class_is_the_named_or_the_rarer_one() -> None:
    assert positive_class("f1", TARGETS, CLASSES) == 1
    assert positive_class("f1", 1 - TARGETS, CLASSES) == 0
    assert positive_class("calm:f1", TARGETS, CLASSES) == 0

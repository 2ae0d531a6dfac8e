"""The classifier two-sample test: valid p-values, power, the images that stand out, unknown values."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pupila.statistics.drift.classifier_test import _measure_auc, compare_samples


def test_the_area_is_that_of_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, (80, 5)).astype(float)
    labels = (rng.random((80, 5)) < 0.3).astype(float)
    theirs = [roc_auc_score(labels[:, k], scores[:, k]) for k in range(5)]
    np.testing.assert_allclose(_measure_auc(scores, labels), theirs)


def test_p_values_of_like_samples_are_uniform() -> None:
    rng = np.random.default_rng(1)
    p = [
        compare_samples(rng.normal(size=(40, 4)), rng.normal(size=(20, 4)), seed).p_value
        for seed in range(100)
    ]
    assert np.mean(np.array(p) <= 0.1) <= 0.19  # P = 0.002 above it
    assert 0.4 < np.mean(p) < 0.6


def test_a_shift_is_detected_and_the_strangest_images_score_highest() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(200, 6)), rng.normal(size=(80, 6))
    second[:, 3] += 1.0
    second[:3, 3] += 5.0
    result = compare_samples(first, second)
    assert result.p_value == pytest.approx(0.001)  # none of 999 permutations
    assert result.auc > 0.7
    assert {*np.argsort(-result.scores)[:3].tolist()} == {0, 1, 2}
    assert compare_samples(first, second).p_value == result.p_value


def test_unknown_and_constant_values_say_nothing() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    second[:, 0] = np.nan
    first[:, 1] = second[:, 1] = 7.0
    result = compare_samples(first, second)
    assert np.isfinite(result.scores).all()
    assert result.p_value > 0.01

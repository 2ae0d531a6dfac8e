"""Accuracy without labels: by hand, true to labels that the confidence promises, few groups."""

import numpy as np
import pytest

from pupila.statistics.drift.cbpe import estimate_accuracy


def test_the_estimate_is_the_mean_confidence_and_few_groups_have_no_interval() -> None:
    own = estimate_accuracy(np.array([0.9, 0.7]), np.array([0.6, 0.4]))
    assert own.reference.value == pytest.approx(0.8)
    assert own.stream.value == pytest.approx(0.5)
    assert own.difference is not None
    assert own.difference.first - own.difference.other == pytest.approx(-0.3)
    assert own.stream.low is None and own.difference.low is None


def test_the_interval_is_that_of_a_mean_and_the_samples_are_independent() -> None:
    rng = np.random.default_rng(0)
    reference, stream = rng.uniform(0.6, 1, 400), rng.uniform(0.4, 1, 400)
    own = estimate_accuracy(reference, stream)
    half = 1.96 * stream.std() / 20
    assert own.stream.low == pytest.approx(stream.mean() - half, abs=0.004)
    assert own.stream.high == pytest.approx(stream.mean() + half, abs=0.004)
    assert own.difference is not None
    half = 1.96 * np.sqrt(stream.var() + reference.var()) / 20
    assert own.difference.high is not None and own.difference.low is not None
    assert own.difference.high - own.difference.low == pytest.approx(2 * half, abs=0.008)
    same = estimate_accuracy(stream, stream)
    assert (
        same.difference is not None and same.difference.low is not None and same.difference.low < 0
    )  # one sample is no copy of the other


def test_what_is_unknown_is_left_out_and_nothing_known_is_no_figure() -> None:
    known, unknown = np.linspace(0.5, 1, 20), np.full(20, np.nan)
    own = estimate_accuracy(unknown, known)
    assert own.reference.value is None and own.difference is None
    assert own.stream == estimate_accuracy(known, np.concatenate([known, unknown])).stream
    assert estimate_accuracy(known, unknown).stream.value is None


def test_labels_that_the_confidence_promises_are_as_many_as_estimated() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.3, 1, 2000)
    correct = rng.random(2000) < confidence
    own = estimate_accuracy(confidence, confidence).stream
    assert own.value == pytest.approx(correct.mean(), abs=0.03)

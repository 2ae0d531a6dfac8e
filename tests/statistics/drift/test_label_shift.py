"""Class shares by expectation maximisation: by hand, beside QuaPy, with intervals that hold."""

import warnings

import numpy as np
import pytest

from pupila.statistics.drift.label_shift import estimate_priors, prior_interval

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from quapy.method.aggregative import EMQ


def test_certain_predictions_are_counted() -> None:
    outputs = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    np.testing.assert_allclose(estimate_priors(outputs, np.array([0.5, 0.5])), [0.75, 0.25])


def test_outputs_that_are_the_reference_leave_it_as_it_is() -> None:
    reference = np.array([0.2, 0.3, 0.5])
    np.testing.assert_allclose(estimate_priors(np.tile(reference, (7, 1)), reference), reference)


def test_the_likeliest_share_of_two_kinds_of_images() -> None:
    # three images with 0.8 and one with 0.2, under even shares: the likelihood of a share q is
    # (0.2 + 0.6 q)^3 (0.8 - 0.6 q), whose derivative is 0 where 3 (0.8 - 0.6 q) = 0.2 + 0.6 q: q = 2.2 / 2.4
    outputs = np.array([[0.8, 0.2]] * 3 + [[0.2, 0.8]])
    shares = estimate_priors(outputs, np.array([0.5, 0.5]), 1e-12)
    np.testing.assert_allclose(shares, [2.2 / 2.4, 0.2 / 2.4], atol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_the_shares_are_those_of_quapy(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EMQ, "MAX_ITER", 10_000)
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 9))
    outputs = rng.dirichlet(np.full(classes, 0.5), 250)
    reference = rng.dirichlet(np.full(classes, 4.0))
    for tolerance in (1e-4, 1e-8):
        theirs, _ = EMQ.EM(reference, outputs, epsilon=tolerance)
        np.testing.assert_allclose(estimate_priors(outputs, reference, tolerance), theirs, atol=1e-6)


def test_a_class_that_the_reference_lacks_and_a_certain_contradiction_are_no_error() -> None:
    outputs = np.array([[1.0, 0.0, 0.0], [0.6, 0.4, 0.0]])
    shares = estimate_priors(outputs, np.array([0.5, 0.5, 0.0]))
    assert shares[2] == 0 and shares.sum() == pytest.approx(1)
    contradicted = estimate_priors(np.array([[0.0, 1.0]] * 5), np.array([1.0, 0.0]))
    np.testing.assert_allclose(contradicted, [0, 1], atol=1e-6)


def test_the_interval_holds_the_true_share() -> None:
    rng = np.random.default_rng(1)

    def draw(share: float, count: int) -> np.ndarray:
        feature = rng.normal(size=count) + np.where(rng.random(count) < share, 1.0, -1.0)
        present = 1 / (1 + np.exp(-2 * feature))  # exact under even shares
        return np.stack([present, 1 - present], axis=1)

    held = 0
    for _ in range(60):
        reference, stream = draw(0.5, 300), draw(0.8, 150)
        estimate = estimate_priors(stream, reference.mean(axis=0))
        low, high = prior_interval(stream, reference, estimate)
        assert (low <= high).all()
        held += low[0] <= 0.8 <= high[0]
    assert held >= 52  # of 60: 95 % less what chance takes, P = 0.01

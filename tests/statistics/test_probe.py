"""The probe of features: R2 of what is there, of noise, of what only a group knows, and the comparison of two."""

import numpy as np
import pytest

from pupila.statistics.probe import compare_probes, probe_errors, probe_hits

RNG = np.random.default_rng(3)
CLASSES = np.arange(60) % 3
TARGETS = np.eye(3)[CLASSES]
ALONE = np.arange(60)


def r2(features: np.ndarray, targets: np.ndarray = TARGETS, groups: np.ndarray = ALONE) -> float:
    return 1 - float(probe_errors(features, targets, groups).mean())


def test_features_that_are_the_targets_are_predicted_and_noise_is_not() -> None:
    assert r2(np.hstack([TARGETS, TARGETS])) > 0.9
    assert r2(RNG.normal(size=(60, 200))) < 0.1


def test_what_only_a_group_knows_is_worth_nothing() -> None:
    groups = ALONE // 6  # ten groups, each of one class, each with a feature of its own
    targets = np.eye(2)[groups % 2]
    features = np.eye(10)[groups]
    assert r2(features, targets, groups) < 0.1
    assert r2(features, targets) > 0.9  # the same features, where images of one group are on both sides


def test_an_unknown_target_costs_nothing() -> None:
    targets = TARGETS.copy()
    targets[::4] = np.nan
    errors = probe_errors(RNG.normal(size=(60, 5)), targets, ALONE)
    assert (errors[::4] == 0).all()
    assert (errors[1::4] > 0).all()


def test_a_probe_is_the_same_each_time() -> None:
    features = RNG.normal(size=(60, 8))
    assert probe_errors(features, TARGETS, ALONE).tolist() == probe_errors(features, TARGETS, ALONE).tolist()


def test_two_probes_are_compared_over_groups() -> None:
    first, second = np.array([1.0, 1.0, 0.5, 0.5]), np.array([0.4, 0.4, 0.5, 0.5])
    # gains 0.6, 0.6, 0, 0: mean 0.3; from it +0.3, +0.3, -0.3, -0.3; of two groups the sums are +0.6 and -0.6
    alone, together = (
        compare_probes(first, second, np.array(groups)) for groups in ([0, 1, 2, 3], [0, 0, 1, 1])
    )
    assert alone.first == pytest.approx(0.25)
    assert alone.second == pytest.approx(0.55)
    assert alone.standard_error == pytest.approx(0.6 / 4)
    assert together.standard_error == pytest.approx(np.sqrt(0.72) / 4)
    assert alone.second_is_better
    assert together.second_is_better
    assert not compare_probes(second, first, np.array([0, 1, 2, 3])).second_is_better


def test_hits_count_the_class_with_the_largest_prediction() -> None:
    good, noise = np.hstack([TARGETS, TARGETS]), RNG.normal(size=(60, 200))
    assert probe_hits([good], TARGETS, ALONE).mean() == 1.0
    assert probe_hits([noise], TARGETS, ALONE).mean() < 0.6


def test_views_that_show_another_class_cost_hits_and_equal_ones_do_not() -> None:
    good = np.hstack([TARGETS, TARGETS]) + 0.1 * RNG.normal(size=(60, 6))
    turned = np.roll(good, 1, axis=1)
    assert probe_hits([good, good, good], TARGETS, ALONE).mean() == 1.0
    plain, wrong = (1 - probe_hits(views, TARGETS, ALONE) for views in ([good], [good, turned, turned]))
    assert compare_probes(wrong, plain, ALONE).second_is_far_better
    assert not compare_probes(plain, wrong, ALONE).second_is_far_better


def test_hits_of_several_labels_are_means_over_the_known_ones() -> None:
    targets = np.column_stack([CLASSES == 0, CLASSES != 1]).astype(float)
    targets[::6, 1] = np.nan
    hits = probe_hits([np.hstack([np.eye(3)[CLASSES]] * 2)], targets, ALONE)
    assert hits == pytest.approx(np.ones(60))

"""Intervals of metrics: groups are the witnesses, few of them say nothing, and no value lies outside its interval."""

import numpy as np
import pytest

from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import MIN_GROUPS, wilson_interval
from pupila.statistics.metrics.classify import OVERALL, PER_CLASS, Array, accuracy, confusion, f1, macro_f1
from pupila.statistics.metrics.estimates import (
    estimate_means,
    estimate_overall,
    estimate_per_class,
    resampled_metric,
)
from tests.statistics.known import parts, width


def random_predictions(n: int, classes: int, share: float, seed: int = 0) -> tuple[Array, Array]:
    """Targets, and predictions of which about this share is right."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, n)
    return targets, np.where(rng.random(n) < share, targets, rng.integers(0, classes, n))


def ends(row: Estimate) -> tuple[float | None, float | None]:
    return row.low, row.high


@pytest.mark.parametrize("groups", [1, MIN_GROUPS - 1, MIN_GROUPS, MIN_GROUPS + 1])
def test_few_groups_have_no_interval_however_many_images(groups: int) -> None:
    targets, predictions = random_predictions(20 * groups, 2, 0.8)
    result = estimate_overall(targets, predictions, np.repeat(np.arange(groups), 20), 2)
    assert {row.low is None for row in result.values()} == {groups < MIN_GROUPS}
    assert {row.high is None for row in result.values()} == {groups < MIN_GROUPS}
    assert result["accuracy"].value == pytest.approx((targets == predictions).mean())


def test_independent_images_have_wilsons_interval() -> None:
    # R3's best: 76 of 78
    targets = np.arange(78) % 2
    predictions = np.where(np.arange(78) < 2, 1 - targets, targets)
    result = estimate_overall(targets, predictions, np.arange(78), 2)
    assert ends(result["accuracy"]) == wilson_interval(76, 78)
    assert ends(result["accuracy"]) == pytest.approx((0.911, 0.993), abs=5e-4)
    row = estimate_per_class(targets, predictions, np.arange(78), ["a", "b"])["b"].recall
    assert ends(row) == wilson_interval(38, 39)


@pytest.mark.parametrize("name", sorted(OVERALL))
def test_ten_photos_of_one_product_do_not_count_as_ten(name: str) -> None:
    targets, predictions = (np.repeat(part, 10) for part in random_predictions(40, 3, 0.7))
    grouped = estimate_overall(targets, predictions, np.repeat(np.arange(40), 10), 3)[name]
    alone = estimate_overall(targets, predictions, np.arange(400), 3)[name]
    assert grouped.value == alone.value
    # 400 witnesses instead of 40 would be sqrt(10) = 3.2 times as sure
    assert width(grouped) / width(alone) == pytest.approx(3.2, rel=0.25)


@pytest.mark.parametrize("name", sorted(OVERALL))
def test_the_interval_of_all_correct_counts_groups(name: str) -> None:
    # no draw of 24 groups differs, and yet 24 right ones do not prove that all will be
    targets = np.repeat(np.arange(24) % 2, 5)
    row = estimate_overall(targets, targets, np.repeat(np.arange(24), 5), 2)[name]
    assert (row.value, row.low, row.high) == (1.0, *wilson_interval(24, 24))


def test_a_mean_over_classes_needs_ten_groups_in_each() -> None:
    targets = np.repeat([0, 1], [30, 9])
    result = estimate_overall(targets, targets, np.arange(39), 2)
    assert result["accuracy"].low is not None
    assert result["macro_f1"].low is result["balanced_accuracy"].low is None


def test_a_class_counts_its_own_groups() -> None:
    # class b: 60 images in 5 groups; class a: 20 that stand alone
    targets = np.repeat([0, 1], [20, 60])
    groups = np.concatenate([np.arange(20), 20 + np.repeat(np.arange(5), 12)])
    table = estimate_per_class(targets, targets, groups, ["a", "b"])
    assert [(row.images, row.groups) for row in table.values()] == [(20, 20), (60, 5)]
    assert all(getattr(table["b"], name).low is None for name in PER_CLASS)
    assert all(ends(getattr(table["a"], name)) == wilson_interval(20, 20) for name in PER_CLASS)


def test_a_class_without_an_image_has_no_recall_and_no_interval() -> None:
    targets, predictions = random_predictions(40, 2, 0.8)
    row = estimate_per_class(targets, predictions, np.arange(40), ["a", "b", "never"])["never"]
    assert (row.images, row.groups) == (0, 0)
    # a recall of 0 would be that of a class that the model never recognises
    values = {name: Estimate(value=None if name == "recall" else 0.0) for name in PER_CLASS}
    assert {name: getattr(row, name) for name in PER_CLASS} == values


def test_every_value_lies_in_its_interval() -> None:
    checked = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        n, classes = int(rng.integers(20, 120)), int(rng.integers(2, 5))
        targets, predictions = random_predictions(n, classes, float(rng.choice([0.3, 0.8, 0.97, 1.0])), seed)
        groups = rng.integers(0, n // int(rng.integers(1, 3)) + 10, n)
        rows = list(estimate_overall(targets, predictions, groups, classes).values())
        table = estimate_per_class(targets, predictions, groups, [str(number) for number in range(classes)])
        rows += [getattr(row, name) for row in table.values() for name in PER_CLASS]
        for row in rows:
            if row.low is not None:
                low, value, high = parts(row)
                assert 0 <= low <= value <= high <= 1, (seed, row)
                checked += 1
    print(f"{checked} intervals")
    assert checked > 200


def test_the_same_predictions_have_the_same_intervals() -> None:
    targets, predictions = random_predictions(60, 3, 0.8)
    groups = np.arange(60) // 2
    assert estimate_overall(targets, predictions, groups, 3) == estimate_overall(
        targets, predictions, groups, 3
    )


def test_a_resample_gives_the_metric_of_its_images() -> None:
    # the short cut over observed cells against repeating the images; 150 draws cross the border of a batch
    targets, predictions = random_predictions(30, 4, 0.6)
    times = np.random.default_rng(1).integers(0, 3, (150, 30))
    repeated = [confusion(np.repeat(targets, row), np.repeat(predictions, row), 4) for row in times]
    for metric in (accuracy, macro_f1):
        expected = [float(metric(matrix)) for matrix in repeated]
        assert resampled_metric(targets, predictions, 4, metric)(times) == pytest.approx(expected)
    column = resampled_metric(targets, predictions, 4, f1, 2)(times)
    assert column == pytest.approx([float(f1(matrix)[2]) for matrix in repeated])


def test_means_of_columns_have_intervals_over_groups_and_none_where_there_are_few() -> None:
    values = np.array([[0.0, 0.5], [1.0, 0.5]] * MIN_GROUPS)
    mixed, constant = estimate_means(values, np.arange(len(values)))
    assert mixed.value == constant.value == 0.5
    low, _, high = parts(mixed)
    assert 0.2 < low < 0.4 < 0.6 < high < 0.8
    alike = estimate_means(values, np.repeat(np.arange(MIN_GROUPS), 2))[0]  # each group holds one of both
    assert parts(alike)[0] <= 0.5 <= parts(alike)[2]
    assert estimate_means(values, np.arange(len(values)) % (MIN_GROUPS - 1))[0] == Estimate(value=0.5)

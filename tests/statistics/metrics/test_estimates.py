"""Intervals of metrics: groups are the witnesses, few of them say nothing, and no value lies outside its interval."""

from typing import Any

import numpy as np
import pytest

from pupila.statistics.intervals import FEW_GROUPS, wilson_interval
from pupila.statistics.metrics.classify import OVERALL, PER_CLASS, Array, accuracy, confusion, f1, macro_f1
from pupila.statistics.metrics.estimates import drawn, means, overall, per_class


def answered(n: int, classes: int, share: float, seed: int = 0) -> tuple[Array, Array]:
    """Truth, and answers of which about this share is right."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    return truth, np.where(rng.random(n) < share, truth, rng.integers(0, classes, n))


def ends(row: dict[str, Any]) -> tuple[float, float]:
    return row["low"], row["high"]


@pytest.mark.parametrize("groups", [1, FEW_GROUPS - 1, FEW_GROUPS, FEW_GROUPS + 1])
def test_few_groups_have_no_interval_however_many_images(groups: int) -> None:
    truth, answers = answered(20 * groups, 2, 0.8)
    found = overall(truth, answers, np.repeat(np.arange(groups), 20), 2)
    assert {row["low"] is None for row in found.values()} == {groups < FEW_GROUPS}
    assert {row["high"] is None for row in found.values()} == {groups < FEW_GROUPS}
    assert found["accuracy"]["value"] == pytest.approx((truth == answers).mean())


def test_images_that_stand_alone_have_wilsons_interval() -> None:
    # R3's best: 76 of 78
    truth = np.arange(78) % 2
    answers = np.where(np.arange(78) < 2, 1 - truth, truth)
    found = overall(truth, answers, np.arange(78), 2)
    assert ends(found["accuracy"]) == wilson_interval(76, 78)
    assert ends(found["accuracy"]) == pytest.approx((0.911, 0.993), abs=5e-4)
    row = per_class(truth, answers, np.arange(78), ["a", "b"])["b"]["recall"]
    assert ends(row) == wilson_interval(38, 39)


@pytest.mark.parametrize("name", sorted(OVERALL))
def test_ten_photos_of_one_product_are_not_ten_witnesses(name: str) -> None:
    truth, answers = (np.repeat(part, 10) for part in answered(40, 3, 0.7))
    grouped = overall(truth, answers, np.repeat(np.arange(40), 10), 3)[name]
    alone = overall(truth, answers, np.arange(400), 3)[name]
    assert grouped["value"] == alone["value"]
    # 400 witnesses instead of 40 would be sqrt(10) = 3.2 times as sure
    assert (grouped["high"] - grouped["low"]) / (alone["high"] - alone["low"]) == pytest.approx(3.2, rel=0.25)


@pytest.mark.parametrize("name", sorted(OVERALL))
def test_all_right_is_as_sure_as_its_groups(name: str) -> None:
    # no draw of 24 groups differs, and yet 24 right ones do not prove that all will be
    truth = np.repeat(np.arange(24) % 2, 5)
    row = overall(truth, truth, np.repeat(np.arange(24), 5), 2)[name]
    assert (row["value"], row["low"], row["high"]) == (1.0, *wilson_interval(24, 24))


def test_a_mean_over_classes_needs_ten_groups_in_each() -> None:
    truth = np.repeat([0, 1], [30, 9])
    found = overall(truth, truth, np.arange(39), 2)
    assert found["accuracy"]["low"] is not None
    assert found["macro F1"]["low"] is found["balanced accuracy"]["low"] is None


def test_a_class_counts_its_own_groups() -> None:
    # class b: 60 images in 5 groups; class a: 20 that stand alone
    truth = np.repeat([0, 1], [20, 60])
    groups = np.concatenate([np.arange(20), 20 + np.repeat(np.arange(5), 12)])
    table = per_class(truth, truth, groups, ["a", "b"])
    assert [(row["images"], row["groups"]) for row in table.values()] == [(20, 20), (60, 5)]
    assert all(table["b"][name]["low"] is None for name in PER_CLASS)
    assert all(ends(table["a"][name]) == wilson_interval(20, 20) for name in PER_CLASS)


def test_a_class_without_an_image_has_zeros_and_no_interval() -> None:
    truth, answers = answered(40, 2, 0.8)
    row = per_class(truth, answers, np.arange(40), ["a", "b", "never"])["never"]
    assert (row["images"], row["groups"]) == (0, 0)
    assert all(row[name] == {"value": 0.0, "low": None, "high": None} for name in PER_CLASS)


def test_every_value_lies_in_its_interval() -> None:
    checked = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        n, classes = int(rng.integers(20, 120)), int(rng.integers(2, 5))
        truth, answers = answered(n, classes, float(rng.choice([0.3, 0.8, 0.97, 1.0])), seed)
        groups = rng.integers(0, n // int(rng.integers(1, 3)) + 10, n)
        rows = list(overall(truth, answers, groups, classes).values())
        table = per_class(truth, answers, groups, [str(number) for number in range(classes)])
        rows += [row[name] for row in table.values() for name in PER_CLASS]
        for row in rows:
            if row["low"] is not None:
                assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1, (seed, row)
                checked += 1
    print(f"{checked} intervals")
    assert checked > 200


def test_the_same_answers_have_the_same_intervals() -> None:
    truth, answers = answered(60, 3, 0.8)
    groups = np.arange(60) // 2
    assert overall(truth, answers, groups, 3) == overall(truth, answers, groups, 3)


def test_a_draw_is_the_metric_of_the_images_it_draws() -> None:
    # the short cut over observed cells against repeating the images; 150 draws cross the border of a batch
    truth, answers = answered(30, 4, 0.6)
    times = np.random.default_rng(1).integers(0, 3, (150, 30))
    repeated = [confusion(np.repeat(truth, row), np.repeat(answers, row), 4) for row in times]
    for metric in (accuracy, macro_f1):
        expected = [float(metric(matrix)) for matrix in repeated]
        assert drawn(truth, answers, 4, metric)(times) == pytest.approx(expected)
    column = drawn(truth, answers, 4, f1, 2)(times)
    assert column == pytest.approx([float(f1(matrix)[2]) for matrix in repeated])


def test_means_of_columns_have_intervals_over_groups_and_none_where_there_are_few() -> None:
    values = np.array([[0.0, 0.5], [1.0, 0.5]] * FEW_GROUPS)
    mixed, constant = means(values, np.arange(len(values)))
    assert mixed["value"] == constant["value"] == 0.5
    assert 0.2 < mixed["low"] < 0.4 < 0.6 < mixed["high"] < 0.8
    alike = means(values, np.repeat(np.arange(FEW_GROUPS), 2))[0]  # each group holds one of both
    assert alike["low"] <= 0.5 <= alike["high"]
    assert means(values, np.arange(len(values)) % (FEW_GROUPS - 1))[0] == {
        "value": 0.5,
        "low": None,
        "high": None,
    }

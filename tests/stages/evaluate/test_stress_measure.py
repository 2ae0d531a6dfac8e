"""From scores to the figures of a stress test: differences, paired intervals and tests by hand."""

import numpy as np
import pytest
from scipy.stats import binom

from pupila.artifacts.report.evaluation.report import EvaluationReport
from pupila.artifacts.report.evaluation.stress import StressLevel, StressReport
from pupila.imaging.corruptions.catalogue import CORRUPTIONS, LEVELS
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.stress.measure import StressCounts, measure, overall
from pupila.stages.evaluate.stress.page import band
from pupila.stages.evaluate.stress.sentences import difference_text, level_text, stress_sentences
from pupila.statistics.estimate import Difference
from pupila.statistics.intervals import wilson_interval
from tests.stages.evaluate.reports import head


def correct(rows: Array) -> Array:
    """(N, ..., 2) counts of accuracy from (N, ...) bool."""
    return np.stack([rows.astype(float), np.ones(rows.shape)], axis=-1)


def images(count: int, *wrong: list[list[int]], groups: list[int] | None = None) -> StressCounts:
    """All images right while they are clean; of each corruption the images that are wrong at each level."""
    clean, corrupted = np.ones(count, dtype=bool), np.ones((count, len(wrong), LEVELS), dtype=bool)
    for number, levels in enumerate(wrong):
        for level, rows in enumerate(levels):
            corrupted[rows, number, level] = False
    return StressCounts(correct(clean), correct(corrupted), np.array(groups or range(count)))


def test_a_difference_has_the_interval_of_the_binomial_distribution() -> None:
    """Four of twelve images are lost at the last level: a resample loses Binomial(12, 1/3) of them."""
    (row,) = measure(images(12, [[], [0], [0, 1], [0, 1, 2, 3]]), ["blur"])
    last = row.levels[-1].difference
    assert (last.first, last.other) == pytest.approx((8 / 12, 1))
    assert last.low == pytest.approx(-binom.ppf(0.975, 12, 1 / 3) / 12)
    assert last.high == pytest.approx(-binom.ppf(0.025, 12, 1 / 3) / 12)
    assert row.mean.first == pytest.approx(1 - (0 + 1 + 2 + 4) / 4 / 12)
    assert [level.amount for level in row.levels] == list(CORRUPTIONS["blur"].amounts)
    # where no image changes: what 0 of 12 groups leave open
    still = wilson_interval(0, 12)[1]
    assert (row.levels[0].difference.low, row.levels[0].difference.high) == pytest.approx((-still, still))


def test_images_that_are_wrong_in_both_do_not_widen_the_interval() -> None:
    rows = np.arange(40) % 2 == 0
    counts = StressCounts(
        correct(rows), correct(np.repeat(rows[:, None, None], LEVELS, axis=2)), np.arange(40)
    )
    (row,) = measure(counts, ["noise"])
    still = wilson_interval(0, 40)[1]
    assert overall(counts.clean) == 0.5
    assert (row.mean.low, row.mean.high) == pytest.approx((-still, still))
    assert row.p_value == 1


def test_the_test_exchanges_groups_and_is_corrected_for_all_corruptions() -> None:
    lost = [[0, 1, 2, 3, 4, 5]] * LEVELS
    first, second = measure(images(12, lost, [[]] * LEVELS), ["blur", "noise"])
    # six images that changed to one side: 2 of 2^6 exchanges are as extreme; Holm doubles the smaller p
    assert (first.p_value, first.p_holm) == pytest.approx((2 / 64, 4 / 64))
    assert (second.p_value, second.p_holm) == (1, 1)
    assert first.verdict == second.verdict == "not distinguishable"
    # in groups of two, three groups changed: 2 of 2^3
    pairs = [number // 2 for number in range(24)]
    (row,) = measure(images(24, lost, groups=pairs), ["blur"])
    assert row.p_value == pytest.approx(2 / 8)


def test_a_fall_is_worse_and_a_rise_is_better() -> None:
    lost = images(20, [list(range(10))] * LEVELS)
    assert measure(lost, ["blur"])[0].verdict == "worse"
    rising = StressCounts(
        lost.corrupted[:, 0, 0], np.repeat(lost.clean[:, None, None], LEVELS, axis=2), lost.groups
    )
    assert measure(rising, ["blur"])[0].verdict == "better"
    many = images(400, [[0]] * LEVELS)
    assert measure(many, ["blur"])[0].verdict == "equivalent"


def test_under_ten_groups_there_is_no_interval_and_no_verdict() -> None:
    (row,) = measure(images(9, [list(range(9))] * LEVELS), ["blur"])
    assert row.mean.low is None
    assert row.levels[0].difference.high is None
    assert row.levels[0].difference.first == 0
    assert row.verdict == "not distinguishable"


def test_a_score_of_sums_is_no_mean_of_scores() -> None:
    """Micro F1: of the labels of all images together."""
    clean = np.array([[2.0, 2.0]] + [[0.0, 6.0]] + [[0.0, 0.0]] * 10)
    counts = StressCounts(clean, np.repeat(clean[:, None, None], LEVELS, axis=2), np.arange(12))
    assert overall(clean) == 0.25
    assert measure(counts, ["blur"])[0].mean.first == 0.25


def report(counts: StressCounts, names: list[str]) -> EvaluationReport:
    stress = StressReport(
        metric="accuracy", images=len(counts.groups), drawn=len(counts.groups), whole=len(counts.groups),
        groups=len(set(counts.groups.tolist())), seed=0, clean=overall(counts.clean),
        corruptions=measure(counts, names), left_out={},
    )  # fmt: skip
    return head("test").model_copy(update={"stress": stress})


def test_the_weakest_point_is_the_largest_significant_fall_and_where_it_begins() -> None:
    first = [[], list(range(12)), list(range(30)), list(range(40))]
    counts = images(60, [[0]] * LEVELS, first, [list(range(15))] * LEVELS, [[]] * LEVELS)
    verdict, *others = stress_sentences(report(counts, ["noise", "blur", "jpeg", "scale"]))
    assert verdict.startswith(
        "Stress test (60 images in 60 groups): most sensitive to blur. Accuracy falls from 1.000 to 0.333 at sigma "
        "4 % of the side (66.7 points, 95 % CI "
    )
    assert "(p < 0.001, Holm-corrected for 4 corruptions)" in verdict
    assert " It begins at sigma 1 % of the side: 0.800 (20.0 points, 95 % CI " in verdict
    assert others == [
        "Accuracy also falls significantly with JPEG compression.",
        "Not significant over the four levels, which is no proof of robustness: noise, low resolution.",
    ]


def test_without_a_significant_fall_the_largest_one_is_named() -> None:
    (verdict,) = stress_sentences(report(images(12, [[0]] * LEVELS, [[]] * LEVELS), ["blur", "noise"]))
    assert "no corruption lowers the metric significantly. The largest fall is with blur" in verdict
    assert stress_sentences(head("test")) == []


def test_the_deepest_fall_at_one_level_is_named_where_another_corruption_has_the_largest_mean_fall() -> None:
    counts = images(60, [list(range(20))] * LEVELS, [[], [], [], list(range(30))])
    verdict = stress_sentences(report(counts, ["noise", "jpeg"]))[0]
    assert "most sensitive to noise. Accuracy falls from 1.000 to 0.667" in verdict
    assert "The deepest fall at a single level is with JPEG compression: 0.500 at quality " in verdict


def test_where_nothing_falls_no_fall_is_named() -> None:
    (verdict,) = stress_sentences(report(images(12, [[]] * LEVELS, [[]] * LEVELS), ["blur", "noise"]))
    assert verdict == (
        "Stress test (12 images in 12 groups): no level of any corruption lowers the accuracy, 1.000 on clean images."
    )


def test_a_band_stays_within_the_range_of_the_metric() -> None:
    level = StressLevel(
        amount=1.0, difference=Difference(first=0.1, other=0.9, change=None, low=-1.0, high=0.3)
    )
    assert band(level) == (0.1, 0.0, 1.0)


@pytest.mark.parametrize(
    ("name", "amount", "text"),
    [
        ("blur", 0.005, "sigma 0.5 % of the side"), ("blur", 0.04, "sigma 4 % of the side"),
        ("darker", 0.15, "brightness x 0.15"), ("brighter", 3.0, "brightness x 3"), ("jpeg", 40, "quality 40"),
        ("scale", 128, "128 pixels a side"), ("background", 1.0, "100 % replaced"),
        ("noise", 0.05, "sigma 5 % of white"), ("shadow", 0.7, "opacity 70 %"),
    ],
)  # fmt: skip
def test_a_level_is_written_with_its_unit(name: str, amount: float, text: str) -> None:
    assert level_text(name, amount) == text


def test_a_fall_is_written_as_a_positive_number_of_points() -> None:
    (row,) = measure(images(12, [[0, 1, 2, 3]] * LEVELS), ["blur"])
    assert difference_text(row.mean) == "33.3 points, 95 % CI 8.3 to 58.3"

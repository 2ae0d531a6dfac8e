"""The winner and its equals on sweeps with known outcomes."""

from pathlib import Path

import numpy as np
import pytest

from pupila.artifacts.report.sweep import Configuration, SweepReport
from pupila.artifacts.sweep.definition import Axis
from pupila.experiments.report import report_sweep
from pupila.experiments.verdict import describe_sweep
from pupila.experiments.winner import find_equal
from pupila.imaging.images.decode import Array
from pupila.statistics.estimate import Estimate
from pupila.statistics.tests import holm, mcnemar
from tests.experiments.drawn import DrawnCell, draw_right, drawn_data, write_drawn

COUNT = 200  # images
AXIS = [Axis(name="lr", values=[0.1, 0.01, 0.001])]


def report(
    folder: Path, cells: list[DrawnCell], axes: list[Axis] = AXIS, groups: Array | None = None
) -> SweepReport:
    return report_sweep(write_drawn(folder, axes, cells, groups), *drawn_data())


def by_lr(result: SweepReport) -> dict[float, Configuration]:
    return {c.settings["lr"]: c for c in result.configurations}


def cell(lr: float, wrong: int = 20, draw: int = 0, **others: object) -> DrawnCell:
    return DrawnCell({"lr": lr}, draw_right(COUNT, wrong, draw), **others)  # type: ignore[arg-type]


def test_two_are_equal_and_one_is_ten_points_worse(tmp_path: Path) -> None:
    result = report(tmp_path, [cell(0.1, 40, 1), cell(0.01, 20, 1), cell(0.001, 21, 1)])
    assert [c.settings["lr"] for c in result.configurations] == [0.01, 0.001, 0.1]
    equal, worse = (by_lr(result)[lr].comparison for lr in (0.001, 0.1))
    assert equal is not None and not equal.distinguishable
    assert worse is not None and worse.distinguishable
    assert worse.difference.first - worse.difference.other == pytest.approx(0.1, abs=0.005)
    assert find_equal(result.configurations) == [1]
    # the errors of the best are among those of the others, so the exact p-values are McNemar's, up to the metric
    assert worse.p_value == pytest.approx(mcnemar(20, 0), abs=2e-4)
    assert equal.p_value == pytest.approx(mcnemar(1, 0))


def test_one_is_ten_points_better_than_two_equal_ones(tmp_path: Path) -> None:
    result = report(tmp_path, [cell(0.1, 40, 1), cell(0.01, 20, 2), cell(0.001, 40, 3)])
    assert result.configurations[0].settings == {"lr": 0.01}
    assert find_equal(result.configurations) == []
    assert result.winner is not None and result.winner.row == 1


def test_p_values_are_holm_corrected_over_all_pairs_with_the_winner(tmp_path: Path) -> None:
    # wrong in 4, 9, 10 and 12 images where the winner is right: alone p = 2^-3, 2^-8, 2^-9, 2^-11
    lrs = [1.0, 2.0, 3.0, 4.0, 5.0]
    cells = [cell(lr, 20 + more, 1) for lr, more in zip(lrs, (0, 4, 9, 10, 12), strict=True)]
    result = report(tmp_path, cells, [Axis(name="lr", values=lrs)])
    tests = [by_lr(result)[lr].comparison for lr in lrs[1:]]
    raw = [test.p_value for test in tests if test is not None]
    assert raw == pytest.approx([2.0**-3, 2.0**-8, 2.0**-9, 2.0**-11], rel=0.01)
    assert [test.p_holm for test in tests if test] == pytest.approx(holm(raw))
    assert [test.p_holm for test in tests if test] == pytest.approx(
        [2**-3, 2 * 2**-8, 3 * 2**-9, 4 * 2**-11], rel=0.01
    )


def test_a_tie_is_won_by_the_smaller_model_and_then_by_the_first(tmp_path: Path) -> None:
    cells = [cell(0.1, parameters=30), cell(0.01, parameters=20), cell(0.001, parameters=20)]
    result = report(tmp_path, cells)
    assert [c.settings["lr"] for c in result.configurations] == [0.01, 0.001, 0.1]
    assert all(c.comparison is None or c.comparison.p_value == 1.0 for c in result.configurations)


def test_a_score_that_is_no_number_comes_last_and_never_wins(tmp_path: Path) -> None:
    cells = [cell(0.1, 0, score=float("nan")), cell(0.01, 30), cell(0.001, 0, state="collapsed", score=0.99)]
    result = report(tmp_path, cells)
    assert [c.settings["lr"] for c in result.configurations] == [0.01, 0.001, 0.1]
    assert result.winner is not None and result.rows[result.winner.row].settings["lr"] == 0.01


@pytest.mark.parametrize("state", ["failed", "collapsed", "waiting", "impossible"])
def test_without_a_completed_cell_nobody_wins(tmp_path: Path, state: str) -> None:
    right = draw_right(COUNT, 100, 0) if state == "collapsed" else None
    result = report(tmp_path, [DrawnCell({"lr": lr}, right, state=state) for lr in (0.1, 0.01)])
    assert result.winner is None
    assert {row.state for row in result.rows} == {state}
    assert result.finished == (state != "waiting")


def test_one_cell_wins_without_a_comparison(tmp_path: Path) -> None:
    result = report(tmp_path, [cell(0.1)])
    assert result.winner is not None
    assert [c.comparison for c in result.configurations] == [None]


def test_seeds_are_averaged_and_compared_in_pairs(tmp_path: Path) -> None:
    cells = [cell(lr, wrong, draw, seed=draw) for lr, wrong in ((0.1, 30), (0.01, 20)) for draw in (1, 2, 3)]
    cells.append(cell(0.001, 10, 1, seed=1, state="failed"))
    result = report(tmp_path, [*cells[:-1], DrawnCell({"lr": 0.1}, None, seed=4, state="failed")])
    best, other = result.configurations
    assert best.settings == {"lr": 0.01} and best.seeds == [1, 2, 3]
    assert best.score.value == pytest.approx(0.9, abs=0.002)
    assert best.score.low is not None and best.score.low < 0.9
    assert other.rows == [0, 1, 2, 6] and other.seeds == [1, 2, 3]
    assert other.comparison is not None
    assert other.comparison.difference.first - other.comparison.difference.other == pytest.approx(
        0.05, abs=0.003
    )
    # ten more errors in every seed, in different images: the evidence of 30 images and not of 10
    assert other.comparison.p_value < mcnemar(10, 0)
    assert result.winner is not None and result.winner.row == 3  # the first seed, and not the best


def test_groups_are_the_evidence(tmp_path: Path) -> None:
    right, wrong = np.ones(COUNT, dtype=bool), np.arange(COUNT) >= 40
    cells = [DrawnCell({"lr": 0.1}, right), DrawnCell({"lr": 0.01}, wrong)]
    few = report(tmp_path / "few", cells, groups=np.arange(COUNT) // 20).configurations[1].comparison
    many = report(tmp_path / "many", cells, groups=np.arange(COUNT) // 2).configurations[1].comparison
    assert few is not None and few.p_value == pytest.approx(2 / 4)  # 40 images in two groups
    assert many is not None and many.p_value < 0.001


def test_the_smaller_and_the_faster_of_the_equals_are_found(tmp_path: Path) -> None:
    cells = [
        cell(0.1, 19, 1, parameters=6000, milliseconds=6.0),
        cell(0.01, 20, 1, parameters=2000, milliseconds=5.5),
        cell(0.001, 60, 1, parameters=10, milliseconds=0.1),  # worse
        cell(0.0001, 20, 1, parameters=5500, milliseconds=2.0),
        cell(0.00001, 20, 1, parameters=5500, milliseconds=1.0, host="another"),  # not comparable
    ]
    result = report(tmp_path, cells, [Axis(name="lr", values=[c.settings["lr"] for c in cells])])
    assert result.winner is not None
    assert result.winner.smaller is not None and result.winner.faster is not None
    assert result.configurations[result.winner.smaller].settings["lr"] == 0.01
    assert result.configurations[result.winner.faster].settings["lr"] == 0.0001


def test_a_model_that_is_hardly_smaller_is_not_named(tmp_path: Path) -> None:
    result = report(tmp_path, [cell(0.1, 19, 1, parameters=1100), cell(0.01, 20, 1, parameters=1000)])
    assert result.winner is not None and result.winner.smaller is None


def test_a_grid_of_three_settings_has_the_mean_of_each_value(tmp_path: Path) -> None:
    axes = [Axis(name=name, values=[1, 2]) for name in ("lr", "batch_size", "epochs")]
    cells = [
        DrawnCell({"lr": lr, "batch_size": batch, "epochs": epochs}, draw_right(COUNT, 10 * lr + 10 * batch, 1))
        for lr in (1, 2) for batch in (1, 2) for epochs in (1, 2)
    ]  # fmt: skip
    result = report(tmp_path, cells, axes)
    means = {(level.setting, level.value): level.score.value for level in result.levels}
    assert means[("lr", 1)] == pytest.approx(1 - 25 / COUNT, abs=0.002)
    assert means[("lr", 2)] == pytest.approx(1 - 35 / COUNT, abs=0.002)
    assert means[("epochs", 1)] == means[("epochs", 2)]
    assert {level.cells for level in result.levels} == {4}


def test_the_best_of_equal_models_is_corrected_towards_what_they_are_worth(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    cells = [
        DrawnCell({"lr": float(number)}, epochs[-1], epochs=tuple(epochs))
        for number in range(8)
        for epochs in [rng.random((3, 100)) < 0.8]  # every epoch of every cell is right in 80 % of all images
    ]
    cells.append(DrawnCell({"lr": 9.0}, draw_right(100, 50, 1)))  # of an earlier Pupila: no outcomes
    axes = [Axis(name="lr", values=[c.settings["lr"] for c in cells])]
    result = report_sweep(write_drawn(tmp_path, axes, cells), *drawn_data(count=100))
    assert result.winner is not None and result.winner.selection is not None
    selection = result.winner.selection
    assert (selection.epochs, selection.models, result.winner.uncorrected) == (24, 8, 1)
    assert selection.raw > 0.84
    assert selection.corrected.value == pytest.approx(0.8, abs=0.03)
    text = " ".join(describe_sweep(result, "sweeps/x"))
    assert "Corrected for the choice among 24 epochs of 8 cells (bootstrap bias correction): 0." in text
    assert f"{selection.raw:.3f} before. Without 1 cell that has no outcomes." in text


@pytest.mark.parametrize("last_wrong", [10, 30])
def test_a_winner_of_an_earlier_rung_is_reported_as_such(tmp_path: Path, last_wrong: int) -> None:
    cells = [
        DrawnCell({"lr": 0.1, "epochs": 1}, draw_right(100, 20, 1), rung=0),
        DrawnCell({"lr": 0.1, "epochs": 3}, draw_right(100, last_wrong, 2), rung=1),
    ]
    axes = [Axis(name="lr", values=[0.1])]
    result = report_sweep(write_drawn(tmp_path, axes, cells), *drawn_data(count=100))
    sentences = [
        text for text in describe_sweep(result, "s") if text.startswith("The winner is of rung 0 (3 epochs)")
    ]
    assert len(sentences) == (last_wrong == 30)


def _select(tmp_path: Path, count: int, epochs: int, **others: object) -> tuple[SweepReport, str]:
    rng = np.random.default_rng(4)
    own = tuple(rng.random((epochs, count)) < 0.7)
    cells = [DrawnCell({"lr": lr}, own[-1], epochs=own, **others) for lr in (0.1, 0.2)]  # type: ignore[arg-type]
    axes = [Axis(name="lr", values=[0.1, 0.2])]
    result = report_sweep(write_drawn(tmp_path, axes, cells), *drawn_data(count=count))
    return result, describe_sweep(result, "s")[1]


@pytest.mark.parametrize("count", [12, 60])
def test_the_corrected_score_has_an_interval_where_the_score_itself_has_one(
    tmp_path: Path, count: int
) -> None:
    result, text = _select(tmp_path, count, 2)  # of 12 images each class has 6
    assert result.winner is not None and result.winner.selection is not None
    assert (result.configurations[0].score.low is None) == (count == 12)
    assert (result.winner.selection.corrected.low is None) == (count == 12)
    assert ("too few groups for a confidence interval" in text) == (count == 12)


def test_a_correction_without_bias_and_another_score_of_the_epochs_are_reported(tmp_path: Path) -> None:
    result, _ = _select(tmp_path, 60, 1, score=0.999)
    assert result.winner is not None and result.winner.selection is not None
    selection = result.winner.selection
    above = Estimate(value=selection.raw + 0.01)
    winner = result.winner.model_copy(update={"selection": selection.model_copy(update={"corrected": above})})
    changed = result.model_copy(update={"winner": winner})
    assert "at the model's input size, before thresholds are tuned." in describe_sweep(changed, "s")[1]
    assert "The correction found no bias" in describe_sweep(changed, "s")[1]
    below = winner.model_copy(
        update={"selection": selection.model_copy(update={"corrected": Estimate(value=0.1)})}
    )
    assert "found no bias" not in describe_sweep(result.model_copy(update={"winner": below}), "s")[1]


def test_seeds_without_a_score_are_counted(tmp_path: Path) -> None:
    cells = [cell(0.1, seed=1), cell(0.1, seed=2, state="waiting"), cell(0.1, seed=3, state="failed")]
    for other in cells[1:]:
        object.__setattr__(other, "right", None)
    text = " ".join(describe_sweep(report(tmp_path, cells), "s"))
    assert "mean over 1 of its 3 seeds" in text and "means of" not in text

"""The comparison of the bench, by hand and by simulation; its rows, which survive a killed process."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.accuracy.comparison import (
    MACRO_F1,
    compare_tasks,
    mean_over_sources,
    regrets,
    score_methods,
)
from benchmarks.accuracy.rows import (
    FINISHED,
    Row,
    TaskRow,
    append_row,
    decode_classes,
    decode_dice,
    encode_classes,
    encode_dice,
    read_rows,
)
from benchmarks.accuracy.scoring import macro_f1, mean_dice

ROW = Row("a", "pupila", 0, 240.0, 2, "hash", "abc", FINISHED, 100.0, 60.0, 0.75, 0.7, "0011")
TASK = TaskRow("a", "hash", "x|y", "0111", "0 1 2 3")


def test_the_interval_over_sources_by_hand() -> None:
    # Source means 1, 2 and 6: mean 3, deviation sqrt(7), t of 2 degrees 4.3027.
    mean = mean_over_sources([("a", 0.0), ("a", 2.0), ("b", 2.0), ("c", 6.0)])
    assert (mean.mean, mean.sources) == (3.0, 3)
    assert mean.low == pytest.approx(3 - 4.30265 * np.sqrt(7 / 3), abs=1e-4)
    assert mean.high == pytest.approx(3 + 4.30265 * np.sqrt(7 / 3), abs=1e-4)
    assert mean_over_sources([("a", 1.0), ("a", 2.0)]).low is None


@pytest.mark.parametrize("sources", [4, 7])
def test_the_interval_covers_the_true_mean_of_sources(sources: int) -> None:
    # 2 tasks a source: a deviation of 2 points between sources, 1.5 between tasks; the true mean is 1.
    rng, hits = np.random.default_rng(0), 0
    for _ in range(2000):
        levels = rng.normal(1, 2, sources)
        values = [(str(s), float(levels[s] + rng.normal(0, 1.5))) for s in range(sources) for _ in range(2)]
        mean = mean_over_sources(values)
        assert mean.low is not None
        assert mean.high is not None
        hits += mean.low <= 1 <= mean.high
    assert 0.935 < hits / 2000 < 0.965


def _row(method: str, seed: int, classes: str) -> Row:
    right = (decode_classes(classes) == decode_classes(TASK.labels)).mean()
    return replace(ROW, method=method, seed=seed, scores=classes, score=float(right))


def test_a_tasks_difference_is_that_of_the_means_over_seeds() -> None:
    # Pupila is right on 4 and on 2 of 4 images; the probe, without seeds, on 1.
    rows = [_row("pupila", 0, "0111"), _row("pupila", 1, "0100"), _row("probe", 0, "0000")]
    scores = score_methods(rows, {"a": TASK}, {"a": "s"})
    (difference,) = compare_tasks(scores, "probe", {"a": TASK})
    assert difference.difference == pytest.approx(0.75 - 0.25)
    # Right more often: by 2, 1 and 1 halves on three images; of 8 ways to sign them 2 are as far from 0.
    assert difference.p_value == pytest.approx(2 / 8)
    assert difference.verdict == "not distinguishable"


def test_many_images_and_no_group_structure_show_a_difference() -> None:
    task = replace(TASK, labels="0" * 40, groups=" ".join(str(n) for n in range(40)))
    rows = [replace(ROW, scores="0" * 40), replace(ROW, method="probe", scores="0" * 25 + "1" * 15)]
    scores = score_methods(rows, {"a": task}, {"a": "s"})
    (difference,) = compare_tasks(scores, "probe", {"a": task})
    assert difference.p_value == pytest.approx(2 * 0.5**15)
    in_two_groups = replace(task, groups=" ".join(str(n // 20) for n in range(40)))
    (grouped,) = compare_tasks(scores, "probe", {"a": in_two_groups})
    assert grouped.p_value == 1.0  # 15 images of one group are no evidence


def test_a_row_of_another_split_is_refused() -> None:
    with pytest.raises(ValueError, match="another split"):
        score_methods([replace(ROW, data="other")], {"a": TASK}, {"a": "s"})


def test_regret_is_the_distance_to_the_best_method_of_each_task() -> None:
    rows = [
        replace(ROW, score=0.8, macro_f1=0.5),
        replace(ROW, method="probe", score=0.9, macro_f1=0.4),
        replace(ROW, method="full", score=0.7, macro_f1=0.8),
    ]
    scores = score_methods(rows, {"a": TASK}, {"a": "s"})
    ((_, of_accuracy),), ((_, of_f1),) = (regrets(scores, "pupila", name) for name in ("accuracy", MACRO_F1))
    assert (of_accuracy, of_f1) == pytest.approx((0.1, 0.3))
    assert regrets(scores, "probe", "accuracy") == [("s", 0.0)]


def test_scores_by_hand() -> None:
    labels, predictions = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    assert macro_f1(labels, predictions, 3) == pytest.approx(
        (2 / 3 + 4 / 5) / 2
    )  # the third class has no image
    label = np.array([[0, 1, 1, -1]])
    assert mean_dice(label, np.array([[0, 1, 0, 1]]), [1]) == pytest.approx(
        2 / 3
    )  # the last pixel has no label
    assert mean_dice(np.zeros((1, 4)), np.zeros((1, 4)), [1]) == 1.0
    assert mean_dice(np.zeros((1, 4)), np.array([[0, 0, 1, 2]]), [1, 2]) == 0.0


def test_predictions_survive_the_row() -> None:
    assert decode_classes(encode_classes([0, 9, 10, 35])).tolist() == [0, 9, 10, 35]
    assert decode_dice(encode_dice([0.0, 0.6666, 1.0])).tolist() == [0.0, 0.667, 1.0]


def test_what_a_killed_process_left_of_a_line_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    append_row(path, ROW)
    with path.open("a") as file:
        file.write("a,probe,0,240.0,2,ha")
    assert read_rows(path) == [ROW]
    other = replace(ROW, method="probe", status='exit 1: "a", b')
    append_row(path, other)
    assert read_rows(path) == [ROW, other]


def test_the_latest_row_of_a_cell_counts(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    later = replace(ROW, version="def", score=0.8)
    for row in (ROW, replace(ROW, cpu_limit=30.0), later):
        append_row(path, row)
    assert read_rows(path) == [later, replace(ROW, cpu_limit=30.0)]

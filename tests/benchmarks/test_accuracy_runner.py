"""The runner of the bench: what has a row is not run again, and a run without a model counts as the baseline."""

import json
from pathlib import Path

import pytest
from benchmarks.accuracy import runner
from benchmarks.accuracy.catalogue import METHODS
from benchmarks.accuracy.rows import FINISHED, ROWS_FILE, read_rows
from benchmarks.accuracy.runner import Bench, Cell, OutOfTime, make_cells
from benchmarks.accuracy.written import CLASSIFY, SEGMENT, TaskImage, WrittenTask

LIMITS = {CLASSIFY: 240.0, SEGMENT: 600.0}


def _task(folder: Path) -> WrittenTask:
    """Two images to learn from, of which two thirds are of the second class, and four to test."""
    labels = {"train": [0, 1, 1], "validation": [0, 1], "test": [0, 1, 1, 1]}
    images = [
        TaskImage(folder / f"{split}{n}.png", label, None, f"{split}{n}", split)
        for split, of_split in labels.items()
        for n, label in enumerate(of_split)
    ]
    return WrittenTask(folder, CLASSIFY, ["x", "y"], [], images, "hash")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    def run(
        _self: Bench, cell: Cell, _method: object, _python: object, _task: object, out: Path
    ) -> tuple[str, float]:
        if cell.method == "full":
            return "exit 1: no memory", 7.0
        (out / "predictions.json").write_text(json.dumps([0, 0, 1, 1]))
        return "", 5.0

    monkeypatch.setattr(runner, "write_task", lambda name, folder: _task(folder))
    monkeypatch.setattr(runner, "find_python", lambda method, work: Path("python"))
    monkeypatch.setattr(runner, "pupila_version", lambda: "abc")
    monkeypatch.setattr(Bench, "_run_process", run)
    return Bench(tmp_path, tmp_path / "results")


def test_cells_with_a_row_are_skipped_and_only_pupilas_are_renewed(
    runs: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = make_cells(["ants_bees"], ["pupila", "probe"], [0, 1], LIMITS)
    assert [(c.method, c.seed) for c in cells] == [("pupila", 0), ("probe", 0), ("pupila", 1)]
    assert runs.run(cells, renew=False) == 3
    assert runs.run(cells, renew=False) == 0
    assert runs.run(cells, renew=True) == 0
    monkeypatch.setattr(runner, "pupila_version", lambda: "def")
    assert runs.run(cells, renew=False) == 0
    assert runs.run(cells, renew=True) == 2
    rows = read_rows(runs.results / ROWS_FILE)
    assert {(row.method, row.version) for row in rows} == {("pupila", "def"), ("probe", "")}
    assert {(row.score, row.status, row.cpu_seconds) for row in rows} == {(0.75, FINISHED, 5.0)}


def test_a_run_without_a_model_counts_as_the_majority_class(runs: Bench) -> None:
    runs.run(make_cells(["ants_bees"], ["full"], [0], LIMITS), renew=False)
    (row,) = read_rows(runs.results / ROWS_FILE)
    assert (row.status, row.score, row.scores) == ("exit 1: no memory", 0.75, "1111")


def test_after_the_deadline_nothing_is_begun(runs: Bench) -> None:
    late = Bench(runs.work, runs.results, deadline=0.0)
    with pytest.raises(OutOfTime):
        late.run(make_cells(["ants_bees"], ["probe"], [0], LIMITS), renew=False)
    assert not (runs.results / ROWS_FILE).exists()


def test_rows_of_another_split_stop_the_run(runs: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.write_task("ants_bees")
    other = WrittenTask(runs.work, CLASSIFY, ["x", "y"], [], [], "other")
    monkeypatch.setattr(runner, "write_task", lambda name, folder: other)
    with pytest.raises(ValueError, match="the split changed"):
        runs.write_task("ants_bees")


def test_both_targets_have_pupila_its_budget_and_others() -> None:
    for methods in METHODS.values():
        assert list(methods)[:2] == ["pupila", "pupila-budget"]
        assert len(methods) >= 4
        assert [name for name, method in methods.items() if method.ours] == ["pupila", "pupila-budget"]

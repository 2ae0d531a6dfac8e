"""Sweeps: a parent, and a child for each cell."""

from pathlib import Path

import pytest

import pupila
from pupila.artifacts.run.plan import RUNNING
from pupila.artifacts.sweep.cell import CellError, CellResult, CellTiming
from pupila.artifacts.sweep.definition import Axis, SweepEntry, SweepFile
from pupila.artifacts.sweep.folder import Sweep, cell_folder, write_sweep
from pupila.artifacts.sweep.lease import Lease
from pupila.artifacts.sweep.sealed import write_sealed
from pupila.stages.track.content import TrackedRun
from pupila.stages.track.sweep import read_tracked_cell, read_tracked_sweep
from pupila.statistics.estimate import Estimate
from tests.stages.track.runs import START, make_lines, read_log_points, write_run
from tests.stages.track.test_tensorboard import read_scalars, rounded

TIMING = CellTiming(seconds=4.5)


def write_cells(folder: Path, closed: bool = True) -> str:
    """Six entries: a trained cell twice, a failed one, one that waits, one that can't be, and one that was killed."""
    cells = ("aa", "aa", "bb", "cc", "", "dd")
    entries = [SweepEntry(cell=cell, settings={"lr": number, "seed": 1}, seed=1, reason="" if cell else "no effect")
               for number, cell in enumerate(cells)]  # fmt: skip
    write_sweep(str(folder), SweepFile(
        data="data/shop/", data_hash="d", splits_hash="s", task="classify", metric="macro_f1",
        axes=[Axis(name="lr", values=[*range(6)])], base={"epochs": 3}, threads=1, entries=entries, closed=closed,
    ))  # fmt: skip
    write_run(Path(cell_folder(str(folder), "aa")), make_lines(3), RUNNING)
    write_run(Path(cell_folder(str(folder), "dd")), make_lines(1), RUNNING)
    trained = CellResult(
        cell="aa", state="completed", metric="macro_f1", images=40, groups=20, best_epoch=3, epochs=3, parameters=7,
        metrics={"macro_f1": Estimate(value=0.9, low=0.8, high=1)}, timing=TIMING,
    )  # fmt: skip
    write_sealed(f"{cell_folder(str(folder), 'aa')}/result.json", trained)
    failed = CellError(cell="bb", reason="Training diverged", attempts=2, timing=TIMING)
    write_sealed(f"{cell_folder(str(folder), 'bb')}/error.json", failed)
    moment = "2026-01-01T00:00:00+00:00"
    lease = Lease(host="elsewhere", pid=1, start=moment, heartbeat=moment).model_dump_json()
    (folder / "cells/dd/lease.json").write_text(lease)
    (folder / "report.html").write_text("<p>table</p>")
    return str(folder)


def read_all(folder: str) -> tuple[TrackedRun, list[TrackedRun]]:
    parent, cells = read_tracked_sweep(Sweep(folder))
    return parent, [read_tracked_cell(cell, parent) for cell in cells]


def test_a_sweep_is_a_parent_with_its_cells(tmp_path: Path) -> None:
    parent, children = read_all(write_cells(tmp_path / "grid"))
    assert (parent.name, parent.experiment, parent.status, parent.started) == (
        "grid",
        "shop",
        "killed",
        START,
    )
    assert parent.settings == {"epochs": 3, "axes.lr": [*range(6)]}
    assert {name: value for name, value in parent.results.items() if value} == {
        "cells": 5, "cells_completed": 1, "cells_failed": 1, "cells_impossible": 1, "cells_waiting": 2,
    }  # fmt: skip
    assert {file.name for file in parent.files} == {"sweep.json", "report.html"}
    assert [(child.name, child.status, len(child.epochs)) for child in children] == [
        ("lr=0, seed=1", "finished", 3), ("lr=2, seed=1", "failed", 0), ("lr=4, seed=1", "failed", 0),
        ("lr=5, seed=1", "failed", 1),
    ]  # fmt: skip
    assert {child.parent for child in children} == {parent.identity}
    assert [child.tags.get("pupila.reason") for child in children] == [
        None,
        "Training diverged",
        "no effect",
        None,
    ]
    assert children[0].results["validation/macro_f1_low"] == 0.8
    assert children[0].tags["pupila.cell"] == "aa"


def test_cells_have_one_identity_per_sweep_in_every_place(tmp_path: Path) -> None:
    folder = Path(write_cells(tmp_path / "grid"))
    before = [run.identity for run in read_all(str(folder))[1]]
    (tmp_path / "elsewhere").mkdir()
    moved = folder.rename(tmp_path / "elsewhere/grid")
    assert [run.identity for run in read_all(str(moved))[1]] == before
    other = [run.identity for run in read_all(str(moved.rename(tmp_path / "other")))[1]]
    assert not {*before} & {*other}


def test_tensorboard_gets_a_folder_for_the_sweep_and_one_per_cell(tmp_path: Path) -> None:
    folder, to = write_cells(tmp_path / "grid"), f"tensorboard:{tmp_path}/tb"
    result = pupila.track(folder, to=to)
    assert [run.change for run in result.runs] == ["new"] * 5
    shown = tmp_path / "tb/shop/grid/lr_0__seed_1"
    curves = {name: rows for name, rows in read_scalars(shown).items() if name.startswith("head/")}
    assert curves == rounded(read_log_points(Path(folder, "cells/aa")))
    assert [run.change for run in pupila.track(folder, to=to).runs] == ["unchanged"] * 5
    assert shown.exists()


@pytest.mark.slow
def test_mlflow_nests_the_cells(tmp_path: Path) -> None:
    from tests.stages.track.test_mlflow import Reader

    folder, reader = write_cells(tmp_path / "grid"), Reader(tmp_path)
    pupila.track(folder, to=reader.to)
    assert [run.change for run in pupila.track(folder, to=reader.to).runs] == ["unchanged"] * 5
    runs = {run.info.run_name: run for run in reader.runs()}
    assert len(runs) == 5
    parents = {run.data.tags.get("mlflow.parentRunId") for name, run in runs.items() if name != "grid"}
    assert parents == {runs["grid"].info.run_id}
    assert reader.curves(runs["lr=0, seed=1"]) == read_log_points(Path(folder, "cells/aa"))
    assert runs["lr=2, seed=1"].data.tags["pupila.reason"] == "Training diverged"


@pytest.mark.slow
def test_wandb_groups_the_cells(tmp_path: Path) -> None:
    from tests.stages.track.wandb_file import read_first

    folder = write_cells(tmp_path / "grid")
    for expected in ("new", "unchanged"):
        assert {run.change for run in pupila.track(folder, to=f"wandb:{tmp_path}").runs} == {expected}
    runs = [read_first(path, "run") for path in tmp_path.glob("wandb/*/run-*.wandb")]
    assert sorted((run.display_name, run.run_group, run.job_type) for run in runs) == [
        ("grid", "grid", "sweep"), *((f"lr={number}, seed=1", "grid", "cell") for number in (0, 2, 4, 5)),
    ]  # fmt: skip

"""Sweeps of tiny networks: each cell once, failures that stop nothing, budgets, resuming, and several processes."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.run.log import LogLine
from pupila.artifacts.sweep.folder import Sweep
from pupila.artifacts.sweep.lease import Lease, _now
from pupila.core.errors import PupilaError
from pupila.experiments import worker as worker_module
from pupila.experiments.configurations import Entry
from pupila.experiments.definition import OpenedSweep, RunOptions, open_sweep, parse_definition
from pupila.experiments.report import report_sweep
from pupila.experiments.runner import Runner, describe_interruption, describe_outcome
from pupila.experiments.stored import complete_settings
from pupila.experiments.verdict import describe_sweep
from pupila.stages.train.cell import train_cell
from tests.pictures import write_classes

SETTINGS: dict[str, Any] = {
    "model": "lenet", "weights": "none", "image_size": 32, "epochs": 1, "batch_size": 8, "augment": "none",
    "precision": "float32", "warmup_epochs": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classes(tmp_path_factory.mktemp("shop") / "pets", {"cat": 12, "dog": 12})
    pupila.split(folder, val=0.3)
    return folder


def silent(line: LogLine) -> None:
    """Nothing."""


def opened(
    data: Path, out: Path, resume: bool = False, **settings: Any
) -> tuple[OpenedSweep, Runner, list[Entry]]:
    base = {name: value for name, value in SETTINGS.items() if name not in settings.get("grid", {})}
    definition, own = parse_definition({**base, **settings})
    options = RunOptions.parse(own)
    ready = open_sweep(str(data), definition, str(out), resume, options, silent)
    return ready, Runner(ready, options, silent), definition.entries()


def run(data: Path, out: Path, resume: bool = False, **settings: Any) -> Sweep:
    """The cells alone: the page and the bundle of the winner have tests of their own."""
    ready, runner, entries = opened(data, out, resume, **settings)
    runner.run_cells(entries)
    runner.close()
    return ready.read()


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return run(data, tmp_path_factory.mktemp("whole") / "sweep", grid={"lr": [1e-3, 1e-2], "seed": [1, 2]})


def states(sweep: Sweep) -> list[str]:
    return [cell.state for cell in sweep.cells]


def test_every_combination_is_a_cell_with_plan_log_predictions_and_result_and_without_a_bundle(
    whole: Sweep,
) -> None:
    assert [cell.entry.settings for cell in whole.cells] == [
        {"lr": lr, "seed": seed} for lr in (1e-3, 1e-2) for seed in (1, 2)
    ]  # fmt: skip
    assert len({cell.id for cell in whole.cells}) == 4
    for cell in whole.cells:
        names = {path.name for path in Path(cell.folder).iterdir() if path.name[0] != "."}
        assert {"plan.json", "log.jsonl", "oof.parquet", "result.json"} <= names
        assert not names & {"bundle", "report.html", "lease.json", "error.json"}
        assert cell.result is not None and cell.result.epochs == 1 and cell.result.metric == whole.info.metric
        assert cell.result.images == len(cell.run.out_of_fold) and cell.run.plan.model_dump()["lr"] in (
            1e-3,
            1e-2,
        )
    assert whole.info.closed and whole.info.threads >= 1 and whole.info.device == "cpu"


@pytest.mark.slow
def test_a_cell_has_the_figures_of_the_training_with_its_settings_and_is_finished_into_its_bundle(
    whole: Sweep, data: Path, tmp_path: Path
) -> None:
    cell = whole.cells[3]
    folder = tmp_path / "cell"
    shutil.copytree(cell.folder, folder)
    finished = pupila.train(data, out=folder, resume=True, tell=silent)
    single = pupila.train(data, out=tmp_path / "single", tell=silent, **{**SETTINGS, **cell.entry.settings})
    assert finished.state == cell.state and (folder / "report.html").exists()
    for name in ("weights.safetensors", "training_images.txt"):
        assert (folder / "bundle" / name).read_bytes() == (tmp_path / "single/bundle" / name).read_bytes()
    validation = single.bundle.info.validation
    assert validation is not None and cell.result is not None
    assert validation.metrics == cell.result.metrics and validation.n == cell.result.images


def test_a_sweep_in_the_same_folder_is_refused_or_resumed(whole: Sweep, data: Path) -> None:
    out = Path(whole.folder)
    with pytest.raises(PupilaError, match=r"(?s)in .* already.*--resume --out"):
        opened(data, out, grid={"lr": [1e-3, 1e-2], "seed": [1, 2]})
    with pytest.raises(PupilaError, match=r"Another sweep.*other values"):
        opened(data, out, True, grid={"lr": [1e-3], "seed": [1, 2]})
    with pytest.raises(PupilaError, match=r"Another sweep.*other settings"):
        opened(data, out, grid={"lr": [1e-3, 1e-2], "seed": [1, 2]}, epochs=3)
    with pytest.raises(PupilaError, match="no sweep to resume"):
        pupila.sweep(data, out=out / "elsewhere", resume=True)
    before = {path: path.read_bytes() for path in out.rglob("result.json")}
    again = run(data, out, True, grid={"lr": [1e-3, 1e-2], "seed": [1, 2]})
    assert again.table_hash == whole.table_hash
    assert {
        path: path.read_bytes() for path in out.rglob("result.json")
    } == before  # nothing is trained again


def test_equal_settings_are_one_cell(data: Path, tmp_path: Path) -> None:
    sweep = run(data, tmp_path / "s", grid={"optimizer": ["adamw"], "device": ["auto", "cpu"]})
    assert len(sweep.cells) == 2 and len({cell.id for cell in sweep.cells}) == 1
    assert len(list(Path(sweep.folder, "cells").iterdir())) == 1


def test_the_id_of_a_cell_ignores_folders_and_workers_and_not_the_seed(
    whole: Sweep, data: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(data, moved)
    _, runner, entries = opened(moved, tmp_path / "s", grid={"lr": [1e-3], "seed": [1, 3]}, workers=0)
    ids = [row.cell for row in runner.add(entries)]
    assert ids[0] == whole.cells[0].id and ids[1] not in {cell.id for cell in whole.cells}


def test_a_cell_that_fails_is_run_again_and_stops_no_other(data: Path, tmp_path: Path) -> None:
    sweep = run(data, tmp_path / "s", grid={"lr": [1e9, 1e-3]}, optimizer="sgd", epochs=2, retries=1)
    failed, other = sweep.cells
    assert (failed.state, other.state) in {("failed", "completed"), ("failed", "collapsed")}
    assert failed.error is not None and failed.error.attempts == 2 and "diverged" in failed.reason
    with pytest.raises(PupilaError, match="not finite"):
        pupila.train(
            data,
            out=tmp_path / "run",
            tell=silent,
            **{**SETTINGS, "lr": 1e9, "optimizer": "sgd", "epochs": 2},
        )
    hash_before = sweep.table_hash
    assert (
        run(data, tmp_path / "s", True, grid={"lr": [1e9, 1e-3]}, optimizer="sgd", epochs=2).table_hash
        == hash_before
    )


def test_a_failure_that_passes_leaves_no_trace_in_the_table(
    whole: Sweep, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []

    def fail_once(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise MemoryError
        return train_cell(*arguments)

    monkeypatch.setattr(worker_module, "train_cell", fail_once)
    sweep = run(data, tmp_path / "s", grid={"lr": [1e-3, 1e-2], "seed": [1, 2]})
    assert len(calls) == 5 and sweep.table_hash == whole.table_hash
    assert not list(Path(sweep.folder).rglob("error.json"))


def test_ctrl_c_leaves_what_has_ended_and_resume_ends_in_the_same_table(
    whole: Sweep, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = {"lr": [1e-3, 1e-2], "seed": [1, 2]}
    calls: list[Any] = []

    def interrupt(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train_cell(*arguments)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(worker_module, "train_cell", interrupt)
        run(data, tmp_path / "s", grid=grid)
    stopped = Sweep(str(tmp_path / "s"))
    assert [state in ("completed", "collapsed") for state in states(stopped)] == [True, True, False, False]
    assert not list(Path(stopped.folder).rglob("lease.json"))
    assert describe_interruption(stopped).startswith("Interrupted: 2 of 4 rows have ended. --resume --out ")
    assert run(data, tmp_path / "s", True, grid=grid).table_hash == whole.table_hash


def test_after_the_budget_no_cell_is_begun(data: Path, tmp_path: Path) -> None:
    sweep = run(data, tmp_path / "s", grid={"seed": [1, 2]}, total_budget="0.001s")
    assert states(sweep) == ["waiting", "waiting"]
    with pytest.raises(PupilaError, match="Invalid budget"):
        opened(data, tmp_path / "t", grid={"seed": [1, 2]}, total_budget="soon")


def test_settings_without_effect_are_named_before_any_training_and_stop_no_other(
    data: Path, tmp_path: Path
) -> None:
    ready, runner, entries = opened(data, tmp_path / "s", grid={"finetune_epochs": ["auto", 3]})
    rows = runner.add(entries)
    assert rows[0].cell and not rows[1].cell and "has no effect" in rows[1].reason
    assert states(ready.read()) == ["waiting", "impossible"]
    with pytest.raises(PupilaError, match="has no effect"):
        run(data, tmp_path / "t", grid={"finetune_epochs": [3, 4]})
    with pytest.raises(PupilaError, match="different tasks"):
        opened(data, tmp_path / "u", grid={"model": ["lenet", "pupila-sam"]})


def test_the_cell_of_a_sweep_beside_is_copied_and_one_that_runs_there_is_waited_for(
    whole: Sweep, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(whole.folder, tmp_path / "first")
    running = tmp_path / "first/cells" / whole.cells[1].id
    (running / "result.json").rename(running / "lease.json")  # the other sweep trains this one now
    lease = Lease(host="elsewhere", pid=1, start=_now(), heartbeat=_now())
    (running / "lease.json").write_text(lease.model_dump_json())
    trained: list[str] = []

    def record(*arguments: Any) -> Any:
        trained.append(arguments[2].rpartition("/")[2])
        return train_cell(*arguments)

    monkeypatch.setattr(worker_module, "train_cell", record)
    ready, runner, entries = opened(data, tmp_path / "second", grid={"lr": [1e-3, 1e-2], "seed": [1, 2, 3]})
    runner.add(entries)
    steps = []
    while (step := runner.worker.train_next())[1] is not None:
        steps.append(step)
    cells = ready.read().cells
    assert step[0].value == "busy" and cells[1].id == whole.cells[1].id and cells[1].state == "waiting"
    assert sorted(trained) == sorted(cells[number].id for number in (2, 5))  # seed 3; the others are copies
    shutil.copy(Path(whole.cells[1].folder, "result.json"), running)
    (running / "lease.json").unlink()
    runner.run_cells(entries)
    cells = ready.read().cells
    assert len(trained) == 2 and all(cell.result is not None for cell in cells)
    origins = {cell.id: cell.result.timing.copied_from for cell in cells if cell.result is not None}
    assert origins == {cell.id: "" if cell.id in trained else "first" for cell in cells}
    texts = [describe_outcome(cell) for cell in cells]
    assert [text.endswith("copied from sweep first, not trained again") for text in texts] == [
        cell.id not in trained for cell in cells
    ]
    report = report_sweep(ready.read(), ready.inputs.data, ready.inputs.splits)
    copied = "4 cells were copied from equal ones of other sweeps and not trained again: first."
    assert copied in describe_sweep(report, "s")
    assert (
        json.loads(Path(ready.folder, "cells", whole.cells[1].id, "result.json").read_text())["cell"]
        == cells[1].id
    )


def test_folds_vary_over_the_same_test_split(data: Path, tmp_path: Path) -> None:
    ready, runner, entries = opened(data, tmp_path / "s", grid={"folds": [None, 2, 3]})
    rows = runner.add(entries)
    splits = [ready.inputs.split_for(row) for row in rows]
    sealed = [{a.image for a in split.in_split("test")} for split in splits]
    assert sealed[0] == sealed[1] == sealed[2] and sealed[0]
    assert [len({a.fold for a in split.images} - {None}) for split in splits] == [0, 2, 3]
    for split in splits:  # a group is never divided
        parts: dict[int, set[Any]] = {}
        for a in split.images:
            parts.setdefault(a.component, set()).add((a.split, a.fold))
        assert all(len(some) == 1 for some in parts.values())
    assert len({row.cell for row in rows}) == 3


def test_a_preview_names_cells_and_what_cannot_be_trained_and_writes_nothing(
    data: Path, whole: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pupila.experiments.sweep import preview

    monkeypatch.chdir(tmp_path)
    shown = preview(str(data), **SETTINGS, grid={"lr": [1e-3, 1e-2], "seed": [1, 2]})
    assert [row.cell for row in shown.rows] == [cell.id for cell in whole.cells]
    assert "4 cells, 4 rows; 0 can't be trained. About" in shown.sentences[-1] and shown.seconds is not None
    partly = preview(str(data), **SETTINGS, grid={"finetune_epochs": ["auto", 3]})
    assert "1 cell, 2 rows; 1 can't be trained." in repr(partly)
    assert any("finetune_epochs=3 has no effect" in sentence for sentence in partly.sentences)
    searched = preview(str(data), **SETTINGS, range={"lr": "1e-4..0.1:log"}, search="tpe", trials=7)
    assert searched.rows == [] and searched.sentences[-1] == "7 trials of a search."
    assert list(tmp_path.iterdir()) == []


def test_a_cell_whose_process_is_killed_again_and_again_fails_and_stops_no_other(
    data: Path, tmp_path: Path
) -> None:
    ready, runner, entries = opened(data, tmp_path / "s", grid={"seed": [1, 2]})
    first, _ = runner.add(entries)
    folder = tmp_path / "s/cells" / first.cell
    killed = Lease(
        host=socket.gethostname(), pid=2**22 + 1, start=_now(), heartbeat=_now(), session=runner.session,
        kills=worker_module.MOST_KILLS - 1,
    )  # fmt: skip
    (folder / "lease.json").write_text(killed.model_dump_json())
    runner.run_cells(entries)
    failed, other = ready.read().cells
    assert failed.state == "failed" and failed.reason.startswith(
        "The process that trained it was killed 3 times"
    )
    assert other.result is not None


def test_resuming_needs_no_settings_again(data: Path, tmp_path: Path) -> None:
    ready, runner, entries = opened(data, tmp_path / "s", grid={"seed": [1, 2]}, folds=None, retries=3)
    runner.add(entries)
    again = complete_settings({"jobs": 2}, str(tmp_path / "s"), True)
    definition, own = parse_definition(again)
    assert own.jobs == 2 and own.retries == 3
    resumed = open_sweep(str(data), definition, str(tmp_path / "s"), True, RunOptions(), silent).read().info
    assert resumed == ready.read().info.model_copy(update={"checksum": resumed.checksum})
    assert complete_settings({"seed": 3}, str(tmp_path / "s"), True) == {"seed": 3}
    assert complete_settings({}, str(tmp_path / "s"), False) == {}


def test_a_sweep_of_which_nothing_can_be_trained_leaves_its_folder_free(data: Path, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="has no effect"):
        pupila.sweep(str(data), out=tmp_path / "s", tell=silent, **SETTINGS, grid={"finetune_epochs": [3, 4]})
    assert not (tmp_path / "s").exists()


def test_rows_that_cannot_be_trained_are_named_at_once(data: Path, tmp_path: Path) -> None:
    messages: list[str] = []
    _, runner, entries = opened(data, tmp_path / "s", grid={"finetune_epochs": ["auto", 3]})
    runner.tell = lambda line: messages.append(str(line))
    runner.add(entries)
    assert len(messages) == 1 and messages[0].startswith("Not trained: finetune_epochs=3: ")


def test_what_is_resumed_has_to_be_named() -> None:
    with pytest.raises(PupilaError, match="--resume needs the sweep"):
        complete_settings({}, None, True)


def test_a_preview_refuses_what_the_sweep_refuses(data: Path) -> None:
    from pupila.experiments.sweep import preview

    with pytest.raises(PupilaError, match="zz"):
        preview(str(data), **SETTINGS, grid={"seed": [1, 2]}, total_budget="zz")

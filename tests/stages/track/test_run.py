"""What trackers get of a run's folder."""

import dataclasses
import math
import os
import socket
from pathlib import Path

import pytest

from pupila.artifacts.run.folder import Run
from pupila.artifacts.run.lock import LOCK_FILE
from pupila.artifacts.run.log import write_log
from pupila.artifacts.run.plan import INTERRUPTED, RUNNING
from pupila.stages.track.content import as_text, flatten
from pupila.stages.track.run import read_tracked_run
from tests.stages.track.runs import START, make_lines, write_example, write_run


def test_a_finished_run_is_read_whole(tmp_path: Path) -> None:
    run = read_tracked_run(Run(str(write_run(tmp_path / "run"))))
    assert (run.name, run.experiment, run.status, run.started) == ("run", "shop", "finished", START)
    assert run.settings["options.pad"] == "same" and run.settings["model"] == "lenet"
    assert not {"data_hash", "reasons", "splits_hash"} & run.settings.keys()
    assert run.given == {"epochs": 3, "lr": "auto"}
    assert [epoch.elapsed for epoch in run.epochs] == [1.5, 3.0, 4.5]
    assert run.epochs[0].points["head/train_loss"] == 1.0
    assert "validation_loss" not in run.epochs[0].figures and run.epochs[1].figures["validation_loss"] == 0.25
    assert math.isnan(run.epochs[1].figures["accuracy"])
    assert run.results == {
        "validation/images": 40, "validation/groups": 30, "validation/accuracy": 0.9, "validation/accuracy_low": 0.8,
        "validation/accuracy_high": 0.95, "validation/macro_f1": 0.85, "baseline/accuracy": 0.4,
    }  # fmt: skip
    names = [file.name for file in run.files]
    assert {"plan.json", "log.jsonl", "report.html", "bundle/bundle.json", "bundle/model.onnx"} <= {*names}
    assert run.tags["pupila.task"] == "classify" and run.tags["pupila.state"] == "completed"
    assert run.tags["pupila.bundle_hash"] == Run(str(tmp_path / "run")).bundle.hash


def test_the_identity_survives_resuming_and_moving_but_not_a_training_that_starts_over(
    tmp_path: Path,
) -> None:
    def identify(folder: Path) -> str:
        return read_tracked_run(Run(str(folder))).identity

    first = identify(write_run(tmp_path / "run", make_lines(1), RUNNING, threads=1))
    resumed = write_run(tmp_path / "run", make_lines(3), RUNNING, workers=4)
    assert identify(resumed) == first
    assert identify(resumed.rename(tmp_path / "moved")) == first
    assert identify(write_run(tmp_path / "run", None, RUNNING, "2026-03-02T12:00:00+00:00")) != first
    older = identify(write_run(tmp_path / "older", None, RUNNING, ""))
    assert identify(write_run(tmp_path / "older", make_lines(9), RUNNING, "")) == older
    assert identify(write_run(tmp_path / "older", make_lines(3, seconds=1.6), RUNNING, "")) != older


@pytest.mark.parametrize(
    ("state", "holder", "status"),
    [
        (RUNNING, os.getpid(), "running"),
        (RUNNING, 10**9, "failed"),
        (RUNNING, None, "failed"),
        (INTERRUPTED, None, "killed"),
        (INTERRUPTED, os.getpid(), "running"),
        ("collapsed", None, "finished"),
    ],
    ids=["training", "dead", "left", "interrupted", "resumed", "collapsed"],
)
def test_status(state: str, holder: int | None, status: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", state=state)  # type: ignore[arg-type]
    if holder is not None:
        (folder / LOCK_FILE).write_text(f"process {holder} on {socket.gethostname()}, since 2026-01-01")
    run = read_tracked_run(Run(str(folder)))
    assert run.status == status
    assert bool(run.files) == (status != "running")
    assert bool(run.results) == (status in ("killed", "finished"))


def test_half_a_last_line_and_no_log_at_all_are_runs(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", state=RUNNING)
    with (folder / "log.jsonl").open("ab") as log:
        log.write(b'{"part":"head","pha')
    assert len(read_tracked_run(Run(str(folder))).epochs) == 3
    (folder / "log.jsonl").unlink()
    assert read_tracked_run(Run(str(folder))).epochs == ()


def test_examples_are_listed_by_part_and_epoch(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    for part, epoch in (("fold0-head", 12), ("head", 2)):
        write_example(folder, part, epoch)
    (folder / "examples/other.png").write_bytes(b"")
    examples = read_tracked_run(Run(str(folder))).examples
    assert [(part, epoch) for part, epoch, _ in examples] == [("fold0-head", 12), ("head", 2)]


def test_the_digest_changes_with_everything_a_tracker_gets(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", make_lines(2), RUNNING)
    run = read_tracked_run(Run(str(folder)))
    assert run.digest == read_tracked_run(Run(str(folder))).digest
    write_log(str(folder), make_lines(3))
    longer = read_tracked_run(Run(str(folder)))
    assert longer.digest != run.digest and longer.log_digest(2) == run.log_digest(2)
    assert dataclasses.replace(run, tags={"pupila.state": "x"}).digest != run.digest


def test_settings_as_text() -> None:
    assert [as_text(value) for value in (2.9999999999999997e-05, True, None, "auto", [1, "\u00e9"])] == [
        "3e-05", "true", "null", "auto", '[1, "\u00e9"]',
    ]  # fmt: skip
    assert flatten({"a": {"b": {"c": 1}, "d": {}}, "e": 2}) == {"a.b.c": 1, "a.d": {}, "e": 2}

"""MLflow: what its own client reads equals the log, value by value; nothing doubles, and broken places are errors."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.run.log import write_log
from pupila.artifacts.run.plan import INTERRUPTED, RUNNING
from pupila.core.errors import PupilaError
from pupila.stages.track.mlflow import MlflowTracker
from pupila.stages.track.quiet import quiet
from pupila.stages.track.target import parse_target
from tests.stages.track.runs import START, make_lines, number_or_none, read_log_points, write_run


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that MLflow has made its tables in: that takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    MlflowTracker(parse_target(f"mlflow:sqlite:///{folder}/mlflow.db"))
    return folder / "mlflow.db"


pytestmark = pytest.mark.slow  # to import MLflow and to make its tables takes seconds
RESULTS = ("validation", "baseline", "parameters", "best_epoch")  # what begins so is no curve


class Reader:
    """MLflow's client on a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.uri = f"sqlite:///{folder}/mlflow.db"
        self.to = f"mlflow:{self.uri}"

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        with quiet():
            from mlflow import MlflowClient

            yield MlflowClient(self.uri)

    def runs(self, experiment: str = "shop") -> list[Any]:
        """Its runs, in the order in which they began to be written."""
        with self.open() as client:
            experiment_id = client.get_experiment_by_name(experiment).experiment_id
            runs = client.search_runs([experiment_id], order_by=["attributes.start_time ASC"])
        return list(runs)

    def curves(self, run: Any) -> dict[str, list[tuple[int, float | None]]]:
        """Curve -> (step, value), by `get_metric_history`, without results."""
        with self.open() as client:
            names = [name for name in run.data.metrics if name.partition("/")[0] not in RESULTS]
            return {
                name: [
                    (metric.step, number_or_none(metric.value))
                    for metric in client.get_metric_history(run.info.run_id, name)
                ]
                for name in names
            }  # fmt: skip


@pytest.fixture
def reader(template: Path, tmp_path: Path) -> Reader:
    shutil.copy(template, tmp_path / "mlflow.db")
    return Reader(tmp_path)


def changes(folder: Any, to: str, **options: Any) -> list[str]:
    return [run.change for run in pupila.track(folder, to=to, **options).runs]


def test_the_history_equals_the_log_value_by_value(reader: Reader, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", make_lines(3) + make_lines(2, "finetune"))
    environment = dict(os.environ)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = pupila.track(folder, to=reader.to)
    assert environment == dict(os.environ)
    assert result.sentence() == f"1 run in {reader.to}: 1 new"
    assert result.hint == f"mlflow ui --backend-store-uri {reader.uri}"
    (run,) = reader.runs()
    assert reader.curves(run) == read_log_points(folder)
    assert (run.info.run_name, run.info.status, run.info.start_time) == ("run", "FINISHED", int(1000 * START))
    assert run.info.end_time == int(1000 * START) + 7500
    names = (
        "validation/accuracy",
        "validation/accuracy_low",
        "validation/accuracy_high",
        "baseline/accuracy",
    )
    assert [run.data.metrics[name] for name in names] == [0.9, 0.8, 0.95, 0.4]
    assert {name: run.data.params[name] for name in ("lr", "given.lr", "options.pad", "model")} == {
        "lr": "3e-05", "given.lr": "auto", "options.pad": "same", "model": "lenet",
    }  # fmt: skip
    assert run.data.tags["pupila.data_hash"] == "d" * 64 and run.data.tags["pupila.state"] == "completed"
    with reader.open() as client:
        listed = {entry.path for entry in client.list_artifacts(run.info.run_id)}
        bundle = {entry.path for entry in client.list_artifacts(run.info.run_id, "bundle")}
        assert (
            client.get_experiment_by_name("shop").tags["mlflow.experimentKind"] == "custom_model_development"
        )
    assert listed == {"bundle", "log.jsonl", "plan.json", "report.html"}
    assert {"bundle/bundle.json", "bundle/model.onnx"} <= bundle
    assert run.info.artifact_uri.startswith((tmp_path / "mlartifacts/shop").as_uri())


def test_nothing_doubles_and_a_resumed_run_is_continued(reader: Reader, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", make_lines(2), RUNNING)
    assert changes([folder, folder], reader.to) == ["new", "unchanged"]
    before = (tmp_path / "mlflow.db").read_bytes()
    assert changes(folder, reader.to) == ["unchanged"]
    assert (tmp_path / "mlflow.db").read_bytes() == before
    assert reader.runs()[0].info.status == "FAILED"
    write_run(folder, make_lines(3), INTERRUPTED, workers=4)
    write_run(folder, make_lines(3) + make_lines(1, "finetune"), workers=8)
    assert changes(folder, reader.to) == ["updated"]
    (run,) = reader.runs()
    assert reader.curves(run) == read_log_points(folder)
    assert run.info.status == "FINISHED"
    assert (run.data.params["workers"], run.data.params.get("epochs")) == ("8", "3")
    write_run(folder, make_lines(3) + make_lines(1, "finetune"), workers=1)
    pupila.track(folder, to=reader.to)
    assert reader.runs()[0].data.tags["pupila.changed.workers"] == "1"
    assert changes(folder, reader.to, experiment="other") == ["new"]


def test_a_crash_between_two_writes_doubles_nothing(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(
        tmp_path / "run", [line for part in range(30) for line in make_lines(9, f"fold{part}-head")]
    )
    monkeypatch.setattr("pupila.stages.track.mlflow._METRICS_AT_ONCE", 100)
    from mlflow import MlflowClient

    whole, count = MlflowClient.log_batch, [0]
    for crash in (4, 9, 14):

        def log_or_die(*arguments: Any, crash: int = crash, **options: Any) -> None:
            count[0] += 1
            if count[0] == crash:
                raise OSError("disk full")
            whole(*arguments, **options)

        monkeypatch.setattr(MlflowClient, "log_batch", log_or_die)
        with pytest.raises(PupilaError, match=r"Can't write to mlflow:.*found disk full"):
            pupila.track(folder, to=reader.to)
    monkeypatch.setattr(MlflowClient, "log_batch", whole)
    pupila.track(folder, to=reader.to)
    (run,) = reader.runs()
    assert reader.curves(run) == read_log_points(folder)


def test_a_training_that_started_over_is_another_run(reader: Reader, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", make_lines(2), RUNNING)
    pupila.track(folder, to=reader.to)
    write_run(folder, make_lines(1), RUNNING, created="2026-05-01T00:00:00+00:00")
    assert changes(folder, reader.to) == ["new"]
    # a damaged checkpoint: the same run trains its epochs again
    write_log(str(folder), make_lines(3, seconds=9.0))
    assert changes(folder, reader.to) == ["new"]
    first, older, newer = sorted(reader.runs(), key=lambda run: (run.info.start_time, len(run.data.metrics)))
    assert ["pupila.superseded" in run.data.tags for run in (first, older, newer)].count(True) == 1
    curves = [reader.curves(run) for run in (first, older, newer) if "pupila.superseded" not in run.data.tags]
    assert read_log_points(folder) in curves


def test_settings_that_are_too_long_are_cut_with_a_word(reader: Reader, tmp_path: Path) -> None:
    classes = [f"class {number}" for number in range(1000)]
    folder = write_run(tmp_path / "run", state=RUNNING, classes=classes, options={"\u00e9 %": 1})
    notes = pupila.track(folder, to=reader.to).notes
    assert (
        notes[0] == "1 setting is longer than 6,000 characters and is cut: classes; plan.json has it whole."
    )
    (run,) = reader.runs()
    assert len(run.data.params["classes"]) == 6000 and run.data.params["classes"].endswith("...")
    assert run.data.params["options.\u00e9 _"] == "1"


def test_a_deleted_experiment_is_refused_with_the_command(reader: Reader, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", state=RUNNING)
    pupila.track(folder, to=reader.to)
    with reader.open() as client:
        experiment = client.get_experiment_by_name("shop").experiment_id
        client.delete_experiment(experiment)
    with pytest.raises(PupilaError, match=f"(?s)is deleted in MLflow.*restore --experiment-id {experiment}"):
        pupila.track(folder, to=reader.to)


def test_places_that_cannot_be_written_to_are_errors(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(tmp_path / "run", state=RUNNING)
    (tmp_path / "file").write_text("")
    with pytest.raises(
        PupilaError,
        match=r"(?s)Can't write to mlflow:sqlite.*(Not a directory|File exists).*--to mlflow:sqlite",
    ):
        pupila.track(folder, to=f"mlflow:sqlite:///{tmp_path}/file/mlflow.db")
    (tmp_path / "text.db").write_text("no database, but a text that is longer than a header of SQLite" * 9)
    with pytest.raises(PupilaError, match="file is not a database"):
        pupila.track(folder, to=f"mlflow:sqlite:///{tmp_path}/text.db")
    shutil.copy(template, tmp_path / "mlflow.db")
    monkeypatch.setattr("pupila.stages.track.mlflow._LOCK_WAIT", 0.01)
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(PupilaError, match="found database is locked"):
            pupila.track(folder, to=f"mlflow:sqlite:///{tmp_path}/mlflow.db")
    assert changes(folder, f"mlflow:sqlite:///{tmp_path}/mlflow.db") == ["new"]


def test_a_server_that_refuses_is_an_error_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    folder = write_run(tmp_path / "run", state=RUNNING)
    with pytest.raises(
        PupilaError, match=r"Can't write to mlflow:http://\*\*\*@127.0.0.1:9: found "
    ) as fault:
        pupila.track(folder, to="mlflow:http://ann:hidden@127.0.0.1:9")
    assert "hidden" not in str(fault.value) and fault.value.__cause__ is None


_TRACK = "import sys, pupila; print(pupila.track(sys.argv[1], to=sys.argv[2]).runs[0].change)"


def test_four_processes_at_once_on_a_fresh_database(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / f"run{number}", make_lines(20), created=f"2026-03-0{number + 1}T12:00:00+00:00")
               for number in range(4)]  # fmt: skip
    to = f"mlflow:sqlite:///{tmp_path}/new/mlflow.db"
    processes = [
        subprocess.Popen([sys.executable, "-c", _TRACK, str(folder), to], stdout=subprocess.PIPE, text=True)
        for folder in folders
    ]
    outputs = [process.communicate()[0].strip() for process in processes]
    assert outputs == ["new"] * 4
    reader = Reader(tmp_path / "new")
    runs = {run.info.run_name: run for run in reader.runs()}
    assert sorted(runs) == ["run0", "run1", "run2", "run3"]
    for folder in folders:
        assert reader.curves(runs[folder.name]) == read_log_points(folder)

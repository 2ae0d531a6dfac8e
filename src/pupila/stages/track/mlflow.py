"""MLflow: a database or a server; the runs of a sweep are nested below it."""

import contextlib
import json
import math
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, listing, say, say_count
from pupila.stages.track.content import FAILED, FINISHED, KILLED, RUNNING, TrackedFile, TrackedRun, as_text
from pupila.stages.track.place import hold_place
from pupila.stages.track.quiet import at_door
from pupila.stages.track.target import Target, sqlite_path
from pupila.stages.track.trackers import NEW, UNCHANGED, UPDATED, Written

if TYPE_CHECKING:
    from mlflow.entities import Run as StoredRun

STATUSES = {RUNNING: "RUNNING", FINISHED: "FINISHED", KILLED: "KILLED", FAILED: "FAILED"}
IDENTITY, DIGEST = "pupila.identity", "pupila.digest"
_LOG = "pupila.log"  # how many epochs are stored, and their hash
_SUPERSEDED = "pupila.superseded"  # of a run whose epochs were trained again with other figures
_FILES = "pupila.files"  # hash of the stored files
_CHANGED = "pupila.changed."  # settings that changed when the run was resumed: MLflow's own stay as they were
_LONGEST_VALUE, _LONGEST_NAME, _LONGEST_TAG = 6000, 250, 5000  # characters that every server takes
_METRICS_AT_ONCE, _OTHERS_AT_ONCE = 800, 90
_NOT_IN_NAMES = re.compile(r"[^\w\-. :/]")
_LOCK_WAIT = 5.0  # seconds for which another program may lock the database
_EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development"
}  # the page of trainings, not of GenAI
_ARTIFACTS = "mlartifacts"  # folder beside the database, as MLflow's own server names it


class MlflowTracker:
    """Writes runs to MLflow through its client.

    The log alone counts: a tag holds how many of its epochs are stored, with their hash, in every batch. What is
    written twice, after a crash between two batches, has the same time and step, and MLflow stores it once.

    Args:
        target: with the URI.

    Raises:
        PupilaError: the place can't be written to.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._database = sqlite_path(target.place)
        self._experiments: dict[str, str] = {}
        self._run_ids: dict[str, str] = {}  # identity -> MLflow's id
        with self._connect():
            from mlflow import MlflowClient

            self._client = MlflowClient(tracking_uri=target.place)
            self._client.search_experiments(max_results=1)  # makes the tables of a fresh database

    @property
    def hint(self) -> str:
        """The command that shows the runs."""
        if self._target.place.startswith(("http://", "https://", "databricks")):
            return self._target.scrub(self._target.place)
        return f"mlflow ui --backend-store-uri {self._target.scrub(self._target.place)}"

    def close(self) -> None:
        """Nothing is held."""

    def write(self, run: TrackedRun) -> Written:
        """Bring the copy of a run up to date."""
        with self._connect():
            experiment = self._open_experiment(run.experiment)
            stored = self._find(experiment, run)
            change = UPDATED
            if stored is None:
                stored, change = self._create(experiment, run), NEW
            self._run_ids[run.identity] = stored.info.run_id
            if stored.data.tags.get(DIGEST) == run.digest:
                return Written(UNCHANGED)
            notes = self._update(stored, run)
        return Written(change, tuple(notes))

    @contextlib.contextmanager
    def _connect(self) -> Iterator[None]:
        """At the library's door, as the only process of Pupila on this machine.

        Four processes that make the tables of a fresh database at once leave it broken.
        """
        with hold_place(self._target):
            if self._database is not None:
                _check_database(self._database, self._target)
            with at_door(self._target):
                yield

    def _open_experiment(self, name: str) -> str:
        """MLflow's id of the experiment, which is made where there is none."""
        name = _fit(name, 500)
        if name not in self._experiments:
            experiment = self._client.get_experiment_by_name(name)
            if experiment is not None and experiment.lifecycle_stage == "deleted":
                raise PupilaError(
                    say("The experiment {name} is deleted in MLflow", name=name),
                    expected=say("an experiment that is in use"),
                    remedy=f"mlflow experiments restore --experiment-id {experiment.experiment_id}",
                )
            self._experiments[name] = (
                self._client.create_experiment(name, self._artifact_location(name), _EXPERIMENT_TAGS)
                if experiment is None
                else experiment.experiment_id
            )
        return self._experiments[name]

    def _artifact_location(self, name: str) -> str | None:
        """The folder of an experiment's files; None where a server decides it."""
        if self._target.place.startswith(("http://", "https://", "databricks")):
            return None
        beside = Path(self._database).parent if self._database is not None else Path.cwd()
        return (beside / _ARTIFACTS / re.sub(r"[^\w.-]", "_", name)).as_uri()

    def _find(self, experiment: str, run: TrackedRun) -> "StoredRun | None":
        """The stored copy of a run, if its epochs are the first of these, or these the first of its."""
        runs = self._client.search_runs(
            [experiment], f"tags.`{IDENTITY}` = '{run.identity}'", max_results=100
        )
        current = None
        for stored in runs:
            if _SUPERSEDED in stored.data.tags:
                continue
            count, _, digest = stored.data.tags.get(_LOG, "0:").partition(":")
            shorter = len(run.epochs) < int(count)  # a resumed training writes its log again, part by part
            if (shorter and run.status == RUNNING) or not int(count) or run.log_digest(int(count)) == digest:
                current = stored
            else:
                self._client.set_tag(stored.info.run_id, _SUPERSEDED, "true")
        return current

    def _create(self, experiment: str, run: TrackedRun) -> "StoredRun":
        tags = {IDENTITY: run.identity, "mlflow.source.name": "pupila", "mlflow.source.type": "LOCAL"}
        if run.parent:
            tags["mlflow.parentRunId"] = self._run_ids[run.parent]
        start = time.time() if run.started is None else run.started
        return self._client.create_run(experiment, int(1000 * start), tags, _fit(run.name, _LONGEST_NAME))

    def _update(self, stored: "StoredRun", run: TrackedRun) -> list[str]:
        """Write what the stored copy lacks, epochs first; returns notes."""
        run_id, tags = stored.info.run_id, stored.data.tags
        notes = self._write_settings(stored, run)
        count = int(tags.get(_LOG, "0:").partition(":")[0])
        if len(run.epochs) > count:
            self._write_epochs(stored, run, count)
        self._write_metrics(run_id, self._result_metrics(stored, run))
        if run.status != RUNNING:
            self._write_files(run_id, run.files, tags.get(_FILES, ""))
            self._client.set_terminated(
                run_id, STATUSES[run.status], stored.info.start_time + int(1000 * run.seconds)
            )
        else:
            self._client.update_run(run_id, STATUSES[RUNNING])
        self._write_tags(run_id, {**run.tags, DIGEST: run.digest})
        return notes

    def _write_settings(self, stored: "StoredRun", run: TrackedRun) -> list[str]:
        """Write settings as decided, and as given with `given.` in front; what MLflow can't take is a note."""
        from mlflow.entities import Param

        texts = {name: as_text(value) for name, value in run.settings.items()}
        texts |= {f"given.{name}": as_text(value) for name, value in run.given.items()}
        fitting = {_fit(_NOT_IN_NAMES.sub("_", name), _LONGEST_NAME): _fit(text, _LONGEST_VALUE)
                   for name, text in texts.items()}  # fmt: skip
        present = stored.data.params
        missing = [Param(name, text) for name, text in fitting.items() if name not in present]
        for batch in _divide(missing, _OTHERS_AT_ONCE):
            self._client.log_batch(stored.info.run_id, params=batch)
        changed = {name: text for name, text in fitting.items() if present.get(name, text) != text}
        self._write_tags(stored.info.run_id, {f"{_CHANGED}{name}": text for name, text in changed.items()})
        cut = [name for name, text in texts.items() if len(text) > _LONGEST_VALUE]
        notes = []
        if cut:
            notes.append(say_count(
                "{n} setting is longer than {most} characters and is cut: {names}; plan.json has it whole.",
                "{n} settings are longer than {most} characters and are cut: {names}; plan.json has them whole.",
                len(cut), most=integer(_LONGEST_VALUE), names=listing(cut),
            ))  # fmt: skip
        return notes

    def _write_epochs(self, stored: "StoredRun", run: TrackedRun, count: int) -> None:
        """Write the epochs after the first so many, each batch with the tag that says how far it goes."""
        from mlflow.entities import Metric, RunTag

        batch: list[Any] = []
        for number, epoch in enumerate(run.epochs[count:], start=count + 1):
            moment = stored.info.start_time + int(1000 * epoch.elapsed)
            batch += [Metric(_fit(_NOT_IN_NAMES.sub("_", name), _LONGEST_NAME), value, moment, epoch.number)
                      for name, value in epoch.points.items()]  # fmt: skip
            if len(batch) >= _METRICS_AT_ONCE or number == len(run.epochs):
                tag = RunTag(_LOG, f"{number}:{run.log_digest(number)}")
                self._write_metrics(stored.info.run_id, batch)
                self._client.log_batch(stored.info.run_id, tags=[tag])
                batch = []

    def _result_metrics(self, stored: "StoredRun", run: TrackedRun) -> list[Any]:
        """The results, at the step after so many epochs; those that are stored already are left out."""
        from mlflow.entities import Metric

        moment, present = stored.info.start_time + int(1000 * run.seconds), stored.data.metrics
        results = {
            _fit(_NOT_IN_NAMES.sub("_", name), _LONGEST_NAME): value for name, value in run.results.items()
        }
        return [Metric(name, value, moment, len(run.epochs)) for name, value in results.items()
                if not math.isclose(present.get(name, math.nan), value, rel_tol=0)]  # fmt: skip

    def _write_metrics(self, run_id: str, metrics: Sequence[Any]) -> None:
        for batch in _divide(metrics, _METRICS_AT_ONCE):
            self._client.log_batch(run_id, metrics=batch)

    def _write_tags(self, run_id: str, tags: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        fitting = [RunTag(_fit(name, _LONGEST_NAME), _fit(text, _LONGEST_TAG)) for name, text in tags.items()]
        for batch in _divide(fitting, _OTHERS_AT_ONCE):
            self._client.log_batch(run_id, tags=batch)

    def _write_files(self, run_id: str, tracked: Sequence[TrackedFile], digest: str) -> None:
        """Upload the files, if others are stored than these."""
        current = files.sha256(json.dumps([(file.name, file.sha256) for file in tracked]).encode())
        if current == digest:
            return
        for file in tracked:
            folder = file.name.rpartition("/")[0] or None
            self._client.log_artifact(run_id, file.path, folder)
        self._write_tags(run_id, {_FILES: current})


def _check_database(path: str, target: Target) -> None:
    """Open the file for writing, since MLflow itself would try for minutes.

    Raises:
        PupilaError: it is locked, no database, or read-only.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=_LOCK_WAIT, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as fault:
        raise PupilaError(
            say("Can't write to {target}", target=str(target)), actual=str(fault),
            expected=say("an SQLite file that can be written to"), remedy="--to mlflow:sqlite:///mlflow.db",
        ) from fault  # fmt: skip


def _divide(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _fit(text: str, most: int) -> str:
    """The text, cut where a tracker takes no more."""
    return text if len(text) <= most else text[: most - 3] + "..."

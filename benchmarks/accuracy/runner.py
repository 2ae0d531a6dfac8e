"""Run what is missing: each cell is a process with a limit of CPU time, and leaves one row."""

import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.accuracy.catalogue import METHODS, Method, find_python, pupila_version
from benchmarks.accuracy.rows import (
    FINISHED,
    RESULTS,
    ROWS_FILE,
    TASKS_FILE,
    Row,
    append_row,
    decode_classes,
    describe_task,
    encode_classes,
    encode_dice,
    read_rows,
    read_task_rows,
)
from benchmarks.accuracy.scoring import baseline_predictions, macro_f1, read_predictions
from benchmarks.accuracy.sources import MissingData
from benchmarks.accuracy.tasks import TASKS, write_task
from benchmarks.accuracy.written import CLASSIFY, Array, WrittenTask
from benchmarks.measure import REPOSITORY, real_weights

_HARD = (
    1.5  # times the limit, then the process is ended: a budget may be exceeded a little, which the row shows
)


class OutOfTime(Exception):
    """The minutes of this call are over."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one row is made of."""

    task: str
    method: str
    seed: int
    cpu_limit: float

    @property
    def target(self) -> str:
        return TASKS[self.task].target


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the bench works and writes."""

    work: Path  # tasks and environments, which may be deleted at any time
    results: Path = RESULTS
    deadline: float = float("inf")  # on `time.monotonic`

    def run(self, cells: list[Cell], renew: bool) -> int:
        """Run the cells that have no row, or with `renew` none of this Pupila; returns how many were run.

        Raises:
            OutOfTime: the deadline came; what was running leaves no row.
        """
        rows = {(r.task, r.method, r.seed, r.cpu_limit): r for r in read_rows(self.results / ROWS_FILE)}
        version, count = pupila_version(), 0
        for cell in cells:
            row = rows.get((cell.task, cell.method, cell.seed, cell.cpu_limit))
            ours = METHODS[cell.target][cell.method].ours
            if row is not None and not (renew and ours and row.version != version):
                continue
            if time.monotonic() > self.deadline:
                raise OutOfTime
            try:
                self._run_cell(cell, version if ours else "")
            except MissingData as missing:
                print(f"{cell.task}: {missing} is missing, skipped", flush=True)
                continue
            count += 1
        return count

    def write_task(self, name: str) -> WrittenTask:
        """The task in the working folder, with its row.

        Raises:
            ValueError: its images or its split are no longer those of the rows.
        """
        task = write_task(name, self.work / "tasks" / name)
        stored = read_task_rows(self.results / TASKS_FILE).get(name)
        if stored is None:
            append_row(self.results / TASKS_FILE, describe_task(name, task))
        elif stored.data != task.hash:
            raise ValueError(f"{name}: the split changed: remove its rows from {ROWS_FILE} and {TASKS_FILE}")
        return task

    def _run_cell(self, cell: Cell, version: str) -> None:
        task, method = self.write_task(cell.task), METHODS[cell.target][cell.method]
        python = find_python(method, self.work)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            started = time.monotonic()
            status, cpu_seconds = self._run_process(cell, method, [str(python)], task, out)
            wall = time.monotonic() - started
            try:
                predictions = read_predictions(task, out)
            except FileNotFoundError:
                predictions, status = baseline_predictions(task), status or "left no predictions"
        score, f1, scores = _score(task, predictions)
        row = Row(
            cell.task, cell.method, cell.seed, cell.cpu_limit, _threads(), task.hash, version, status or FINISHED,
            round(cpu_seconds, 1), round(wall, 1), round(score, 4), round(f1, 4), scores,
        )  # fmt: skip
        append_row(self.results / ROWS_FILE, row)
        print(
            f"{cell.task} {cell.method} {cell.seed}: {score:.3f}, {cpu_seconds:.0f} CPU-s, {row.status}",
            flush=True,
        )

    def _run_process(
        self, cell: Cell, method: Method, python: list[str], task: WrittenTask, out: Path
    ) -> tuple[str, float]:
        """Why it failed, empty where it did not, and its CPU seconds with those of its children."""
        module = f"benchmarks.accuracy.methods.{method.module}"
        arguments = [str(task.folder), str(out), str(cell.seed), str(cell.cpu_limit), *method.arguments]
        environment = {
            **os.environ,
            "PYTHONPATH": f"{REPOSITORY / 'src'}:{REPOSITORY}",
            "OMP_NUM_THREADS": str(_threads()),
            "PUPILA_CACHE": str(out / "cache"),  # empty: encoding counts
            "PUPILA_WEIGHTS": str(real_weights("") or ""),
            "CI": "true",  # no progress bars
        }
        hard = int(cell.cpu_limit * _HARD)
        with (out / "log.txt").open("w+") as log:
            process = subprocess.Popen(
                [*python, "-W", "ignore", "-m", module, *arguments], env=environment, stdout=log, stderr=log,
                cwd=REPOSITORY, start_new_session=True,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (hard, hard + 5)),
            )  # fmt: skip
            timer = None
            if self.deadline < float("inf"):
                left = max(0.1, self.deadline - time.monotonic())
                timer = threading.Timer(left, os.killpg, (process.pid, signal.SIGKILL))
                timer.start()
            try:
                _, code, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(code)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
            finally:
                if timer is not None:
                    timer.cancel()
            if process.returncode and time.monotonic() >= self.deadline:
                raise OutOfTime
            log.seek(0)
            lines = [line for line in log.read().splitlines() if line.strip()]
        status = ""
        if process.returncode:
            status = f"exit {process.returncode}: {lines[-1][:120] if lines else ''}"
        return status, usage.ru_utime + usage.ru_stime


def _score(task: WrittenTask, predictions: Array) -> tuple[float, float, str]:
    if task.target != CLASSIFY:
        return float(predictions.mean()), 0.0, encode_dice(predictions)
    labels = decode_classes(describe_task("", task).labels)
    accuracy = float(np.mean(predictions == labels))
    return accuracy, macro_f1(labels, predictions, len(task.classes)), encode_classes(predictions)


def _threads() -> int:
    """As many as the machine has cores, unless the caller fixed them."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def make_cells(
    tasks: list[str], methods: list[str], seeds: list[int], cpu_seconds: dict[str, float]
) -> list[Cell]:
    """All cells, seed by seed, so that a part of them is a comparison already."""
    return list(_make_cells(tasks, methods, seeds, cpu_seconds))


def _make_cells(
    tasks: list[str], methods: list[str], seeds: list[int], cpu_seconds: dict[str, float]
) -> Iterator[Cell]:
    for seed in seeds:
        for task in tasks:
            target = TASKS[task].target
            for name, method in METHODS[target].items():
                if (not methods or name in methods) and (method.seeded or seed == seeds[0]):
                    yield Cell(task, name, seed, cpu_seconds[target])

"""Trainings with a time budget: whether each ends in time with a bundle, and how good that is, quiet and beside a load.

`python -m benchmarks budgets` makes the whole table. `python -m benchmarks.budgets DATA SECONDS [SECONDS ...]` trains
on a few, with seconds of the processor for those of the wall: on a machine with other work it shows what a quiet one
with a single core does.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pupila
from benchmarks.measure import new_cache, real_data
from pupila.api.train import TrainCall, train_by_clock
from pupila.artifacts.run.folder import read_run
from pupila.core.errors import PupilaError
from pupila.stages.train.clock import CommandClock

CLASSES, MASKS = ("ants_bees", "brain_mri", "sign_digits"), ("crackforest", "flood_area")
SECONDS = (30, 120, 300, 1200)
QUIET, BUSY = "quiet", "busy"  # beside processes that take twice the cores
_SPIN = "while True: pass"


def run() -> dict[str, Any]:
    """A row for each data set, budget and load; each with a new cache."""
    rows = []
    for name in (*CLASSES, *MASKS):
        photos = real_data(name)
        if photos is None:
            continue
        for seconds in SECONDS:
            for load in (QUIET, BUSY):
                new_cache()
                rows.append(_measure(photos, seconds, load))
                print(f"  {rows[-1]}", flush=True)
    return {"rows": rows}


def _measure(photos: Path, seconds: int, load: str) -> dict[str, Any]:
    """One command on a copy of the data, and its figures on the test split."""
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / photos.name, Path(folder) / "run"
        shutil.copytree(photos, data)
        command = [
            sys.executable,
            "-m",
            "pupila",
            "train",
            str(data),
            "--budget",
            f"{seconds}s",
            "--out",
            str(out),
        ]
        with _run_beside(2 * (os.cpu_count() or 1) if load == BUSY else 0):
            start = time.perf_counter()
            finished = subprocess.run(command, capture_output=True, text=True, check=False)
            taken = time.perf_counter() - start
        row: dict[str, Any] = {"data": photos.name, "budget": seconds, "load": load, "taken": round(taken, 1)}
        return {**row, "in_time": taken <= 1.1 * seconds, **_evaluate(out, data, finished.stderr)}


@contextmanager
def _run_beside(processes: int) -> Iterator[None]:
    """Within it so many processes compute without an end."""
    others = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def _evaluate(out: Path, data: Path, complaint: str) -> dict[str, Any]:
    """The primary metric on the test split beside the baseline, and what the budget decided."""
    try:
        stored = read_run(out)
        output = pupila.evaluate(stored.bundle, data, split="test")
    except PupilaError as fault:
        return {"bundle": False, "error": complaint[-300:] or str(fault)}
    model: Any = output.evaluation.models[0]
    figures = model.pooled if output.evaluation.task == "segment" else model.metrics
    metric, estimate = next(iter(figures.items()))
    baseline = model.baseline.metrics.get(metric)
    budget = stored.plan_file.budget
    assert budget is not None
    return {
        "bundle": True, "n": model.n, "metric": metric, "value": estimate.value,
        "interval": [estimate.low, estimate.high], "baseline": baseline,
        "above_baseline": None if None in (estimate.low, baseline) else estimate.low > baseline,
        "steps": {entry.step: entry.taken for entry in budget.steps},
        "decisions": [[entry.step, entry.epoch, entry.name, entry.value] for entry in budget.decisions],
    }  # fmt: skip


def train_by_processor_time(photos: Path, seconds: float) -> dict[str, Any]:
    """A training whose budget counts seconds of the processor, which other work on the machine does not lengthen."""
    start = time.process_time()

    def processor() -> float:
        return time.process_time() - start

    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / photos.name, Path(folder) / "run"
        shutil.copytree(photos, data)
        call = TrainCall(data, out, False, _print_line, None, {"budget": f"{seconds}s"})
        train_by_clock(call, replace(CommandClock.start_now(), wall=processor, processor=processor))
        taken = processor()
        return {"data": photos.name, "budget": seconds, "taken": round(taken, 1), **_evaluate(out, data, "")}


def _print_line(line: object) -> None:
    print(f"    {line}", flush=True)


if __name__ == "__main__":
    chosen = real_data(sys.argv[1])
    assert chosen is not None
    for text in sys.argv[2:]:
        print(train_by_processor_time(chosen, float(text)), flush=True)

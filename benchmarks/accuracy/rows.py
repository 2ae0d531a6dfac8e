"""Rows of results, appended one by one to a CSV: what is there is not run again."""

import csv
import fcntl
import io
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from benchmarks.accuracy.written import CLASSIFY, Array, WrittenTask
from pupila.core.vocabulary import TEST

RESULTS = Path(__file__).parents[1] / "results"
ROWS_FILE, TASKS_FILE = "accuracy.csv", "accuracy_tasks.csv"
FINISHED = "finished"
_SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"  # a class index each


@dataclass(frozen=True, slots=True)
class Row:
    """One result: a task, a method, a seed."""

    task: str
    method: str
    seed: int
    cpu_limit: float  # CPU seconds that the method had
    threads: int
    data: str  # hash of the task
    version: str  # of Pupila or of the library
    status: str  # finished, or why there are no predictions: the baseline stands for them
    cpu_seconds: float
    wall_seconds: float
    score: float  # accuracy, or mean Dice
    macro_f1: float  # of classes; 0 in mask tasks
    scores: str  # predicted class of each test image, or its Dice in thousandths


@dataclass(frozen=True, slots=True)
class TaskRow:
    """What the comparison needs of a task's test images, so that it needs no data."""

    task: str
    data: str
    classes: str  # names, separated by bars
    labels: str  # class of each test image; empty in mask tasks
    groups: str  # number of its group


def encode_classes(classes: Iterable[int]) -> str:
    """A sign per class index."""
    return "".join(_SIGNS[index] for index in classes)


def decode_classes(text: str) -> Array:
    """(N,) class indices."""
    return np.array([_SIGNS.index(sign) for sign in text], dtype=int)


def encode_dice(values: Iterable[float]) -> str:
    """Thousandths, separated by blanks."""
    return " ".join(str(round(1000 * value)) for value in values)


def decode_dice(text: str) -> Array:
    """(N,) 0..1."""
    return np.array([int(word) for word in text.split()]) / 1000


def describe_task(name: str, task: WrittenTask) -> TaskRow:
    """The row of a written task."""
    images = task.in_split(TEST)
    groups = {group: number for number, group in enumerate(sorted({image.group for image in images}))}
    return TaskRow(
        name,
        task.hash,
        "|".join(task.classes),
        encode_classes(image.label for image in images) if task.target == CLASSIFY else "",
        " ".join(str(groups[image.group]) for image in images),
    )


def append_row(path: Path, row: Row | TaskRow) -> None:
    """Append under a lock and in one piece; what a killed process left of a line is removed first."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(asdict(row).values())
    header = ",".join(field.name for field in fields(row)) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        file.truncate(len(whole))
        os.write(file.fileno(), (("" if whole else header) + line.getvalue()).encode())
        os.fsync(file.fileno())


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    text = path.read_text()
    return list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])))


def read_rows(path: Path) -> list[Row]:
    """All rows, the latest of each task, method, seed and limit only."""
    latest: dict[tuple[str, str, str, str], Row] = {}
    for cells in _read(path):
        types = {"seed": int, "threads": int}
        numbers = {"cpu_limit", "cpu_seconds", "wall_seconds", "score", "macro_f1"}
        values = {
            name: float(text) if name in numbers else types.get(name, str)(text)
            for name, text in cells.items()
        }
        key = (cells["task"], cells["method"], cells["seed"], cells["cpu_limit"])
        latest[key] = Row(**values)  # type: ignore[arg-type]
    return list(latest.values())


def read_task_rows(path: Path) -> dict[str, TaskRow]:
    """By the name of the task, the latest."""
    return {cells["task"]: TaskRow(**cells) for cells in _read(path)}

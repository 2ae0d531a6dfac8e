"""`pupila train` and `pupila predict` as a user types them; a fifth argument makes the limit its `--budget`."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.accuracy.written import CLASSIFY, TaskImage, WrittenTask, read_task
from pupila.core.vocabulary import TEST

_SHARE = 0.8  # of the limit that a budget gets: it ends within 1.1 of it, and predicting is not part of it


def _run(*arguments: object) -> None:
    subprocess.run(
        [sys.executable, "-m", "pupila", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL
    )


def _write_classes(task: WrittenTask, table: Path, out: Path) -> None:
    rows = list(csv.DictReader(table.open()))
    (out / "predictions.json").write_text(json.dumps([task.classes.index(row["prediction"]) for row in rows]))


def _write_masks(task: WrittenTask, images: list[TaskImage], predicted: Path, out: Path) -> None:
    """Masks with the indices of the task instead of those of the bundle."""
    described = json.loads((predicted / "classes.json").read_text())
    indices = np.full(256, 255, dtype=np.uint8)
    for index, entry in described.items():
        if entry["name"] in task.classes:  # the last entry is the value of pixels without a label
            indices[int(index)] = task.classes.index(entry["name"])
    (out / "masks").mkdir(exist_ok=True)
    for image in images:
        mask = np.asarray(Image.open(predicted / "masks" / f"{image.image.stem}.png"))
        Image.fromarray(indices[mask]).save(out / "masks" / f"{image.image.stem}.png")


def main() -> None:
    """Train with the defaults, and predict the test images."""
    folder, out, seed, cpu_seconds, *budget = sys.argv[1:]
    task, home = read_task(Path(folder)), Path(out)
    images = task.in_split(TEST)
    limits = []
    if budget:
        seconds = float(cpu_seconds) * _SHARE / int(os.environ["OMP_NUM_THREADS"])
        limits = ["--budget", f"{seconds:.0f}s"]
    # The split is the task's own, the same for every method: some drawn digits are alike across it.
    _run("train", folder, "--out", home / "run", "--seed", seed, "--allow-leak", *limits)
    paths = [image.image for image in images]
    if task.target == CLASSIFY:
        _run("predict", home / "run", *paths, "--csv", home / "predictions.csv")
        _write_classes(task, home / "predictions.csv", home)
    else:
        _run("predict", home / "run", *paths, "--out", home / "predicted")
        _write_masks(task, images, home / "predicted", home)


if __name__ == "__main__":
    main()

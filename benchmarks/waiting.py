"""What people wait for, whole commands from start to end: training, predicting, serving, and looking at new data."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import new_cache, real_data, real_weights, seconds, trained_bundle
from benchmarks.training import OTHER_RATE, RECIPE, copy_data

ROUNDS = 3
PHOTOS, MANY_PHOTOS = 1000, 2000
WEIGHTS = "mobilenetv2_100.safetensors"
EXPORT, READY = "Exporting the model", "Serving at"  # what the commands print


def run() -> dict[str, Any]:
    """Seconds of each command, medians of rounds in turns, and the ratios to typical scripts."""
    photos, packages, weights = real_data("ants_bees"), real_data("grocery_packages"), real_weights(WEIGHTS)
    if photos is None or packages is None or weights is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        data, bundle = copy_data(photos), trained_bundle(photos, weights)
        some, many = (_repeat(packages, Path(folder, str(n)), n) for n in (PHOTOS, MANY_PHOTOS))
        rounds = [
            {
                **_training(data, weights),
                **_predicting(bundle, some, weights),
                "serve_ready_seconds": _seconds_until(READY, ["serve", str(bundle), "--port", "0"]),
                **_looking(many),
            }
            for _ in range(ROUNDS)
        ]
        shutil.rmtree(data.parent)
        shutil.rmtree(bundle.parent)
    figures = {name: round(median(r[name] for r in rounds), 2) for name in rounds[0]}
    for name, value in figures.items():
        print(f"  {name}: {value}")
    return figures


def _training(data: Path, weights: Path) -> dict[str, float]:
    """The recipe on a frozen encoder with a new cache, again with another rate, and a typical script."""
    naive = seconds(_script("naive_training", str(data), str(weights)))
    new_cache()
    figures: dict[str, float] = {"train_naive_seconds": naive}
    for name, rate in (("first", 1e-3), ("second", OTHER_RATE)):
        with tempfile.TemporaryDirectory() as out:
            config = {**RECIPE, "weights": weights, "lr": rate}
            words = [
                "train",
                str(data),
                "--out",
                f"{out}/run",
                *(f"{n}={value}" for n, value in config.items()),
            ]
            start = time.perf_counter()
            before = _seconds_until(EXPORT, words, go_on=True)
            taken = time.perf_counter() - start
        figures |= {
            f"train_{name}_seconds": taken,
            f"train_{name}_ratio": naive / taken,
            f"train_{name}_share_after_last_epoch": 1 - before / taken,
        }
    return figures


def _predicting(bundle: Path, photos: Path, weights: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as out:
        naive = seconds(_script("naive_predicting", str(photos), str(weights), f"{out}/naive.csv"))
        ours = seconds(_command("predict", str(bundle), str(photos), "--csv", f"{out}/ours.csv"))
    return {"predict_naive_seconds": naive, "predict_seconds": ours, "predict_ratio": naive / ours}


def _looking(photos: Path) -> dict[str, float]:
    """The first look at new photos, with a new cache."""
    new_cache()
    figures: dict[str, float] = {}
    for name in ("doctor", "split", "explore"):
        figures[f"{name}_seconds"] = seconds(_command(name, str(photos)))
    return {**figures, "looking_seconds": sum(figures.values())}


def _repeat(photos: Path, folder: Path, count: int) -> Path:
    """So many photos in folders of classes: those of a data set, and again with other bytes where they are too few."""
    paths = sorted(photos.glob("*/*.jpg"))
    for number in range(count):
        path, again = paths[number % len(paths)], number // len(paths)
        target = folder / path.parent.name / f"{again}_{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes() + b"\0" * again)
    return folder


def _script(name: str, *arguments: str) -> Callable[[], object]:
    return lambda: _run([sys.executable, "-m", f"benchmarks.{name}", *arguments])


def _command(*words: str) -> Callable[[], object]:
    return lambda: _run([sys.executable, "-m", "pupila", *words])


def _run(command: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:  # explore writes its page there
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def _seconds_until(words: str, command: list[str], go_on: bool = False) -> float:
    """Seconds from the start of a command until it prints some words; then it is stopped, or runs to its end."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "pupila", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    taken = next((time.perf_counter() - start for line in process.stdout if line.startswith(words)), 0.0)
    if not go_on:
        process.terminate()
    process.communicate()
    return taken

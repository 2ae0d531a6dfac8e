"""Sweeps of 8 cells, 2 frozen encoders x 4 augmentations, first and second one, against a loop of a typical script.

`python -m benchmarks.sweep naive` measures one side and `python -m benchmarks.sweep sweeps` the other; the figures of
the side that is not measured stay as they are.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.measure import compile_modules, new_cache, real_data, real_weights
from benchmarks.training import RECIPE, copy_data

MODELS = {"mobilenetv2_100": "mobilenetv2_100", "tf_efficientnet_b0": "tf_efficientnet_b0_encoder"}
AUGMENTATIONS = ("A1", "A2", "A3", "A4")
EPOCHS, SIDE = 10, 224
NAIVE_EPOCHS = 1  # of each cell of the loop that are run; the others take as long
RATES = (1e-3, 3e-3)  # of the first and of the second sweep
_RESULT = Path(__file__).parent / "results/sweep.json"


def run() -> dict[str, Any]:
    """Seconds of all cells and their ratios; processes are timed from their start to their end."""
    figures: dict[str, Any] = {}
    for part in PARTS:
        figures |= _measure(part)
    return _with_ratios(figures)


def _measure(part: str) -> dict[str, float]:
    photos = real_data("ants_bees")
    weights = {model: real_weights(f"{name}.safetensors") for model, name in MODELS.items()}
    if photos is None or None in weights.values():
        return {}
    data = copy_data(photos)
    try:
        return PARTS[part](data)
    finally:
        shutil.rmtree(data.parent)


def _naive(data: Path) -> dict[str, float]:
    """A loop of the typical script: one process for each cell, of which some epochs are run and the rest follows."""
    wall = cpu = 0.0
    for name, augmentation in product(MODELS.values(), AUGMENTATIONS):
        weights = str(real_weights(f"{name}.safetensors"))
        arguments = [str(data), weights, str(NAIVE_EPOCHS), "0", augmentation]
        command = [sys.executable, "-m", "benchmarks.naive_training", *arguments]
        seconds, used, output = _time(command)
        left = (EPOCHS - NAIVE_EPOCHS) * json.loads(output)["epoch_seconds"]
        scale = (seconds + left) / seconds  # the processor's time grows alike
        wall, cpu = wall + seconds + left, cpu + used * scale
        print(f"  {name} {augmentation}: {seconds + left:.1f} s", flush=True)
    return {"naive_seconds": wall, "naive_cpu_seconds": cpu}


def _sweeps(data: Path) -> dict[str, float]:
    """The command from its start to the page of the winner, with a new cache and with that of the first one."""
    new_cache()
    figures: dict[str, float] = {}
    for name, rate in zip(("first", "second"), RATES, strict=True):
        with tempfile.TemporaryDirectory() as out:
            recipe = {**RECIPE, "epochs": EPOCHS, "image_size": SIDE, "lr": rate}
            del recipe["model"], recipe["augment"]
            command = [
                sys.executable, "-m", "pupila", "sweep", str(data), "--out", f"{out}/sweep",
                "--grid", f"model={','.join(MODELS)}", "--grid", f"augment={','.join(AUGMENTATIONS)}",
                *(f"{key}={value}" for key, value in recipe.items()),
            ]  # fmt: skip
            figures[f"{name}_seconds"], figures[f"{name}_cpu_seconds"], _ = _time(command)
        print(f"  {name} sweep: {figures[f'{name}_seconds']:.1f} s", flush=True)
    return figures


PARTS = {"naive": _naive, "sweeps": _sweeps}


def _time(command: list[str]) -> tuple[float, float, str]:
    """Seconds on the clock and of the processor, and what a command prints."""
    weights = os.environ.get("PUPILA_WEIGHTS") or str(real_weights(""))
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    finished = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "PUPILA_WEIGHTS": weights}
    )
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used, finished.stdout


def _with_ratios(figures: dict[str, Any]) -> dict[str, Any]:
    rounded = {name: round(value, 1) for name, value in figures.items() if not name.endswith("_ratio")}
    for name, unit in (
        ("first", "seconds"),
        ("first", "cpu_seconds"),
        ("second", "seconds"),
        ("second", "cpu_seconds"),
    ):
        if f"naive_{unit}" in figures and f"{name}_{unit}" in figures:
            kind = "" if unit == "seconds" else "cpu_"
            rounded[f"{name}_{kind}ratio"] = round(figures[f"naive_{unit}"] / figures[f"{name}_{unit}"], 1)
    for name, value in rounded.items():
        print(f"  {name}: {value}")
    return rounded


def main(parts: list[str]) -> None:
    """Measure some parts, and keep the figures of the others as they are."""
    from benchmarks.__main__ import machine

    compile_modules()
    stored = json.loads(_RESULT.read_text())["figures"] if _RESULT.exists() else {}
    for part in parts or PARTS:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["PUPILA_CACHE"] = cache
            stored |= _measure(part)
        content = {"machine": machine(), "figures": _with_ratios(stored)}
        _RESULT.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Ten epochs on a frozen encoder, first and second run, against a typical training script."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pupila
from benchmarks.measure import new_cache, real_data, real_weights
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.statistics.intervals import wilson_interval

RECIPE: dict[str, Any] = {  # that of naive_training.py
    "model": "mobilenetv2_100", "epochs": 10, "augmented_views": 10, "batch_size": 32, "optimizer": "adam",
    "weight_decay": 0, "schedule": "constant", "warmup_epochs": 0, "augment": "A1", "unfreeze": 0,
    "head": "dense", "fit": "squash",
}  # fmt: skip
OTHER_RATE = 3e-3  # of the second run
ROUNDS = 3
VALIDATED = 153  # val__ photos


def run() -> dict[str, Any]:
    """Seconds of each, medians of rounds in turns, and the ratios."""
    photos, weights = real_data("ants_bees"), real_weights("mobilenetv2_100.safetensors")
    if photos is None or weights is None:
        return {}
    data = copy_data(photos)
    rounds = [_round(data, weights) for _ in range(ROUNDS)]
    middle = {name: sorted(r[name] for r in rounds)[ROUNDS // 2] for name in rounds[0]}
    figures: dict[str, Any] = {
        **{name: round(value, 3) for name, value in middle.items()},
        "naive_accuracy_95": _interval(middle["naive_accuracy"]),
        "first_accuracy_95": _interval(middle["first_accuracy"]),
        "alone_first_ratio": round(middle["naive_alone"] / middle["first_alone"], 1),
        "alone_second_ratio": round(middle["naive_alone"] / middle["second_alone"], 1),
        "command_first_ratio": round(middle["naive_command"] / middle["first_command"], 1),
        "command_second_ratio": round(middle["naive_command"] / middle["second_command"], 1),
    }
    for name, value in figures.items():
        print(f"  {name}: {value}")
    shutil.rmtree(data.parent)
    return figures


def _interval(accuracy: float) -> list[float]:
    """Wilson's 95 % interval on the photos that both sides validate on."""
    return [round(end, 3) for end in wilson_interval(accuracy * VALIDATED, VALIDATED)]


def copy_data(photos: Path) -> Path:
    """A copy, split as the file names say: val__ is what both sides validate on."""
    data = Path(tempfile.mkdtemp()) / photos.name
    shutil.copytree(photos, data)
    created = pupila.split(data, by="^(train|val)")
    names = [VALIDATION if Path(a.image).name.startswith("val__") else TRAIN for a in created.images]
    images = [replace(a, split=side) for a, side in zip(created.images, names, strict=True)]
    replace(created, images=images).write(str(data))
    return data


def _round(data: Path, weights: Path) -> dict[str, float]:
    """One measurement of everything, with a new cache."""
    print("  a round of naive script, two commands, two trainings alone", flush=True)
    naive_command, output = _time_command(
        [sys.executable, "-m", "benchmarks.naive_training", str(data), str(weights)]
    )
    naive = json.loads(output)
    new_cache()
    commands = [_command(data, weights, rate) for rate in (1e-3, OTHER_RATE)]
    new_cache()
    _, output = _time_command([sys.executable, "-m", "benchmarks.training", str(data), str(weights)])
    alone = json.loads(output.splitlines()[-1])
    return {
        "naive_alone": naive["seconds"], "naive_command": naive_command, "naive_accuracy": naive["accuracy"],
        "first_command": commands[0], "second_command": commands[1], **alone,
    }  # fmt: skip


def _time_command(command: list[str]) -> tuple[float, str]:
    start = time.perf_counter()
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - start, finished.stdout


def _command(data: Path, weights: Path, rate: float) -> float:
    """`pupila train`, from the start of the process to its end."""
    config = {**RECIPE, "weights": weights, "lr": rate}
    with tempfile.TemporaryDirectory() as out:
        arguments = [f"{name}={value}" for name, value in config.items()]
        command = [sys.executable, "-m", "pupila", "train", str(data), "--out", f"{out}/run", *arguments]
        return _time_command(command)[0]


def alone(folder: str, weights: str) -> dict[str, float]:
    """Training from the opened data set to the best weights; the preparation of the engine apart."""
    data, splits = pupila.open(folder), SplitFile.read(folder)
    assert splits is not None
    figures: dict[str, float] = {}
    for name, rate in (("first", 1e-3), ("second", OTHER_RATE)):
        figures |= _train(data, splits, name, {**RECIPE, "weights": weights, "lr": rate})
    return figures


def _train(data: Dataset, splits: SplitFile, name: str, config: dict[str, Any]) -> dict[str, float]:
    from pupila.learning.engine import make_encoder
    from pupila.learning.loop import Checkpointer
    from pupila.learning.trainers.classify import ClassifyTrainer
    from pupila.learning.trainers.trainer import SplitRows
    from pupila.stages.train.config import TrainConfig
    from pupila.stages.train.measure import pick_engine
    from pupila.stages.train.phases import train_split
    from pupila.stages.train.preparation import build_network, find_training, prepare_training

    folder = tempfile.mkdtemp(dir=os.environ["PUPILA_CACHE"])
    recipe, settings = find_training(data, "auto"), TrainConfig.parse(config)
    start = time.perf_counter()
    network = build_network(settings, data, recipe)
    make_encoder(pick_engine(network, "cpu").engine, network, "cpu").load()
    prepared = time.perf_counter()
    plan: Any = prepare_training(settings, data, splits)[0]
    names = [
        [row for row, a in enumerate(splits.images) if a.split == split] for split in (TRAIN, VALIDATION)
    ]
    task_trainer = ClassifyTrainer(data, SplitRows(*names), plan, build_network(plan, data, recipe))
    learned = train_split(task_trainer, plan, lambda phase: Checkpointer(folder, phase))
    end = time.perf_counter()
    accuracy = task_trainer.score_logits(learned.predictions, 0).metrics["accuracy"]
    return {f"{name}_engine": prepared - start, f"{name}_alone": end - prepared, f"{name}_accuracy": accuracy}


if __name__ == "__main__":
    print(json.dumps(alone(sys.argv[1], sys.argv[2])))

"""Planted label errors: how many a ranking by out-of-fold predictions finds, and at which rank."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import pupila
from benchmarks.measure import real_data, real_weights
from pupila.artifacts.run.folder import read_run
from pupila.artifacts.run.out_of_fold import read_out_of_fold
from pupila.stages.label.review.ranking import rank_suspects

FLIPPED = 0.05  # share of the labels
SEEDS = (0, 1, 2)
FOLDS = 5


def run() -> dict[str, Any]:
    """One row for each draw of the errors."""
    folder, weights = real_data("ants_bees"), real_weights("mobilenetv2_100.safetensors")
    if folder is None or weights is None:
        return {}
    return {f"seed {seed}": _measure(folder, weights, seed) for seed in SEEDS}


def _measure(folder: Path, weights: Path, seed: int) -> dict[str, Any]:
    photos = sorted(folder.glob("*/*.jpg"))
    classes = sorted({photo.parent.name for photo in photos})
    chosen = np.random.default_rng(seed).choice(len(photos), round(FLIPPED * len(photos)), replace=False)
    with tempfile.TemporaryDirectory() as place:
        data = Path(place, "data")
        for number, photo in enumerate(photos):
            name = photo.parent.name
            given = classes[1 - classes.index(name)] if number in chosen else name
            (data / given).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo, data / given / f"{number:04d}.jpg")
        pupila.train(data, out=Path(place, "run"), model="mobilenetv2_100", weights=str(weights), folds=FOLDS)
        opened = pupila.open(data)
        predictions = read_out_of_fold(read_run(Path(place, "run")), opened)
        ranking = rank_suspects(opened, predictions, frozenset())
    planted = {f"{number:04d}" for number in chosen}
    hits = [Path(suspect.image).stem in planted for suspect in ranking.suspects]
    there = sum(Path(opened.images["image"][row]).stem in planted for row in predictions.rows)
    figures: dict[str, Any] = {
        "checked": ranking.checked, "planted": there, "estimated": ranking.estimated_errors, "suspected": len(hits),
        "all": _at(hits, len(hits), there),
    }  # fmt: skip
    for k in (there // 2, there, 2 * there):
        figures[f"at {k}"] = _at(hits, k, there)
    print(seed, figures, flush=True)
    return figures


def _at(hits: list[bool], k: int, planted: int) -> dict[str, float]:
    """Of the first k (or of fewer, where fewer are suspected): the share that was planted, and that of all planted."""
    first = hits[:k]
    return {"precision": round(sum(first) / max(1, len(first)), 3), "recall": round(sum(first) / planted, 3)}

"""Labels that a run's out-of-fold predictions contradict, class by class."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import pupila
from pupila.artifacts.predictions.classify import logit_column
from pupila.stages.doctor.label_predictions import find_label_errors
from tests.pictures import write_photo

IMAGES = 60


def confident(labels: np.ndarray) -> np.ndarray:
    """(N, C) probabilities of a good model: 0.9 and more for what is present, 0.1 and less for what is absent."""
    noise = np.random.default_rng(3).uniform(0, 0.1, labels.shape)
    return np.where(labels == 1, 1 - noise, noise)


def draw_labels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, (IMAGES, 3))


def test_wrong_labels_are_found_in_their_class_the_least_probable_first() -> None:
    targets = draw_labels()
    probabilities = confident(targets)
    labels = targets.copy()
    for row, k, probability in ((4, 0, 0.04), (9, 2, 0.01), (30, 0, 0.02)):
        labels[row, k] = 1 - targets[row, k]
        probabilities[row, k] = 1 - probability if targets[row, k] else probability
    assert find_label_errors(labels, probabilities) == [(9, 2), (30, 0), (4, 0)]


def test_unknown_labels_and_classes_of_few_images_are_left_out() -> None:
    targets = draw_labels()
    probabilities = confident(targets)
    labels = targets.copy()
    labels[9, 2] = -1
    labels[:, 1] = 0
    labels[:4, 1] = 1
    assert find_label_errors(labels, probabilities) == []


def test_the_doctor_ranks_them_with_a_run_and_refuses_one_of_another_task(tmp_path: Path) -> None:
    targets = draw_labels()
    labels = targets.copy()
    labels[7, 1] = 1 - targets[7, 1]
    rows = ["image,a,b,c"]
    for number in range(IMAGES):
        write_photo(tmp_path / f"{number:02d}.jpg", 300 + number)
        rows.append(f"{number:02d}.jpg,{','.join(map(str, labels[number]))}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    data = pupila.open(tmp_path / "t.csv")
    chance = confident(targets)
    logits = np.log(chance / (1 - chance))
    run = tmp_path / "run"
    run.mkdir()
    frame = pl.DataFrame({"sha256": data.images["sha256"], "labels": ["[]"] * IMAGES}).with_columns(
        [pl.Series(logit_column(name), logits[:, k]) for k, name in enumerate(data.classes)]
    )
    frame.write_parquet(run / "oof.parquet")
    faults = {fault.code: fault for fault in pupila.doctor(data, run=run)}
    state = "present" if labels[7, 1] else "absent"
    assert len(faults["label-prediction-disagreement"].examples) == 1
    assert (
        faults["label-prediction-disagreement"]
        .examples[0]
        .startswith(f"07.jpg (b is labelled {state}, predicted")
    )
    frame.drop("logit:a").write_parquet(run / "oof.parquet")
    with pytest.raises(pupila.PupilaError, match="another task"):
        pupila.doctor(data, run=run)

"""Scores of predictions on the test images of a task."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.accuracy.written import CLASSIFY, Array, WrittenTask
from pupila.core.vocabulary import TEST, TRAIN


def macro_f1(labels: Array, predictions: Array, classes: int) -> float:
    """Mean F1 of the classes that the test images have."""
    scores = []
    for index in range(classes):
        true, predicted = labels == index, predictions == index
        if true.any():
            scores.append(2 * float((true & predicted).sum()) / float(true.sum() + predicted.sum()))
    return float(np.mean(scores))


def mean_dice(label: Array, predicted: Array, foreground: list[int]) -> float:
    """Dice of one image, the mean over the foreground classes that are in its label or its prediction.

    Args:
        label: (H, W) class indices, -1 without a label: such pixels don't count.
        predicted: (H, W) class indices.
        foreground: indices of the classes that count.

    Returns:
        1 where neither has any of them.
    """
    labelled, scores = label >= 0, []
    for index in foreground:
        true, given = (label == index) & labelled, (predicted == index) & labelled
        if total := int(true.sum() + given.sum()):
            scores.append(2 * int((true & given).sum()) / total)
    return float(np.mean(scores)) if scores else 1.0


def read_predictions(task: WrittenTask, out: Path) -> Array:
    """(N,) of the test images in their order: predicted classes, or Dice.

    Raises:
        FileNotFoundError: the method left none.
    """
    images = task.in_split(TEST)
    if task.target == CLASSIFY:
        classes = np.array(json.loads((out / "predictions.json").read_text()))
        assert len(classes) == len(images)
        return classes
    predicted = (np.asarray(Image.open(out / "masks" / f"{image.image.stem}.png")) for image in images)
    return _dice(task, predicted)


def baseline_predictions(task: WrittenTask) -> Array:
    """What counts for a run without a model: the majority class of train, or masks of background alone."""
    images = task.in_split(TEST)
    if task.target == CLASSIFY:
        counts = np.bincount([image.label for image in task.in_split(TRAIN)])
        return np.full(len(images), counts.argmax())
    return _dice(task, (np.full(Image.open(image.image).size[::-1], 255) for image in images))


def _dice(task: WrittenTask, predicted: Iterable[Array]) -> Array:
    foreground, scores = task.foreground, []
    for image, mask in zip(task.in_split(TEST), predicted, strict=True):
        assert image.mask is not None
        scores.append(mean_dice(task.read_mask(image.mask), mask, foreground))
    return np.array(scores)

"""Classification: one class per image."""

from dataclasses import dataclass

import numpy as np

from pupila.imaging.images.prepare import Preparation, prepare, side_to_decode
from pupila.tasks.task import Array, Decision, Prepared, Task, Told


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one image."""

    prediction: str
    confidence: float  # calibrated probability of the prediction
    probabilities: dict[str, float]  # calibrated, of every class
    abstained: bool  # whether the model is too unsure for its answer to count
    logits: Array  # (C,) float32, as the model gave them


def answers(logits: Array, told: Told) -> list[Answer]:
    """What (N, C) logits say of N images."""
    probabilities = softmax(logits / told.temperature)
    best = chosen(probabilities, told.classes, told.decision)
    return [
        Answer(
            told.classes[top], float(row[top]), dict(zip(told.classes, row.tolist(), strict=True)),
            bool(row.max() < told.decision.abstain_below), given,
        )
        for top, row, given in zip(best.tolist(), probabilities, logits, strict=True)
    ]  # fmt: skip


def chosen(probabilities: Array, classes: list[str], decision: Decision) -> Array:
    """(N,) class numbers that (N, C, ...) calibrated probabilities become; (N, ...) where they have more axes."""
    if decision.positive is None or decision.threshold is None:
        return np.asarray(probabilities.argmax(axis=1))
    positive = classes.index(decision.positive)
    return np.where(probabilities[:, positive] >= decision.threshold, positive, 1 - positive)


def softmax(logits: Array) -> Array:
    """Probabilities over axis 1 of (N, C, ...) logits."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _inputs(rgb: Array, spec: Preparation) -> Array:
    return prepare(rgb, spec)[None]


def _answer(logits: Array, image: Prepared, told: Told) -> Answer:
    return answers(logits, told)[0]


def _digest(logits: Array) -> list[float]:
    return [float(value) for value in logits]


CLASSIFY = Task("classify", "class", side_to_decode, _inputs, _answer, _digest)

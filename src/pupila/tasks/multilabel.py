"""Multi-label classification: every class by itself is present in the image, or absent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pupila.core.messages import listing, mark, percent, say, say_count
from pupila.imaging.images.preprocess import Preprocessing, min_decode_side, preprocess
from pupila.tasks.task import Array, PostProcessing, PredictionSpec, PreprocessedImage, Task

_MAX_LOGIT = 60.0  # beyond it a probability no longer changes
DEFAULT_THRESHOLD = 0.5
_MOST_ABSENT = 8  # classes that a card shows besides the predicted ones


@dataclass(frozen=True, slots=True)
class LabelsPrediction:
    """The prediction for one image."""

    labels: tuple[str, ...]  # classes whose probability reaches their threshold, in the order of the classes
    probabilities: dict[str, float]  # calibrated, of every class by itself: they need not sum to one
    confidence: float  # calibrated probability that the least certain class was decided correctly
    abstained: bool  # whether the confidence is below the abstention threshold
    logits: Array  # (C,) float32, uncalibrated
    thresholds: dict[str, float]  # probability from which each class is predicted

    def __str__(self) -> str:
        return describe_predicted_labels(self.labels, self.probabilities, self.abstained)

    def class_names(self) -> tuple[str, ...]:
        """The predicted classes, which a summary counts: see `names_to_count`."""
        return names_to_count(self.labels)

    def facts(self) -> dict[str, str]:
        """The predicted classes and the most probable others, each with its probability beside its threshold."""
        absent = [name for name in self.probabilities if name not in self.labels]
        absent.sort(key=lambda name: -self.probabilities[name])
        shown = [*self.labels, *absent[:_MOST_ABSENT]]
        facts = {
            name: _describe_class(name in self.labels, self.probabilities[name], self.thresholds[name])
            for name in shown
        }
        if more := absent[_MOST_ABSENT:]:
            facts[say("other classes")] = say_count("{n} absent", "{n} absent", len(more))
        return facts

    def draw(self, rgb: Array) -> Array:
        """The (H, W, 3) uint8 image as it is: a class has no place in it."""
        return rgb


def names_to_count(labels: Sequence[str]) -> tuple[str, ...]:
    """What a summary counts an image under: its labels; without any, a name that says so."""
    return tuple(labels) or (say("none of the classes"),)


def describe_predicted_labels(
    labels: tuple[str, ...], probabilities: dict[str, float], abstained: bool
) -> str:
    """Predicted labels in words.

    Args:
        labels: names of the predicted classes.
        probabilities: calibrated, of every class, 0..1.
        abstained: whether the model abstains.
    """
    shown = [
        say("{name} ({probability})", name=name, probability=percent(probabilities[name])) for name in labels
    ]
    text = listing(shown, len(shown)) or say("none of the classes")
    return say("{labels}, abstained", labels=text) if abstained else text


def _describe_class(predicted: bool, probability: float, threshold: float) -> str:
    values = {"probability": percent(probability), "threshold": percent(threshold)}
    if predicted:
        return say("present ({probability}, threshold {threshold})", **values)
    return say("absent ({probability}, threshold {threshold})", **values)


def predict_labels(logits: Array, spec: PredictionSpec) -> list[LabelsPrediction]:
    """The predictions for N images from their (N, C) logits."""
    probabilities = calibrated_probabilities(logits, spec.temperature, spec.post_processing)
    decisions = decide_labels(probabilities, spec.post_processing)
    confidences = np.where(decisions, probabilities, 1 - probabilities).min(axis=1)
    thresholds = class_thresholds(spec)
    return [
        LabelsPrediction(
            tuple(name for name, there in zip(spec.classes, present, strict=True) if there),
            dict(zip(spec.classes, row.tolist(), strict=True)), float(confidence),
            bool(confidence < spec.post_processing.abstain_below), given, thresholds,
        )
        for row, present, confidence, given in zip(probabilities, decisions, confidences, logits, strict=True)
    ]  # fmt: skip


def calibrated_probabilities(logits: Array, temperature: float, post_processing: PostProcessing) -> Array:
    """(N, C) probability of each class by itself, from (N, C) logits."""
    shift = np.asarray(post_processing.biases or 0.0)
    return sigmoid(logits / temperature + shift)


def decide_labels(probabilities: Array, post_processing: PostProcessing) -> Array:
    """(N, C) bool: whether each class is predicted, from (N, C) calibrated probabilities."""
    return np.asarray(probabilities >= np.asarray(post_processing.thresholds or DEFAULT_THRESHOLD))


def class_thresholds(spec: PredictionSpec) -> dict[str, float]:
    """The probability from which each class is predicted, by name."""
    thresholds = spec.post_processing.thresholds or (DEFAULT_THRESHOLD,) * len(spec.classes)
    return dict(zip(spec.classes, thresholds, strict=True))


def sigmoid(logits: Array) -> Array:
    """Probabilities of any shape."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT))))


def _inputs(rgb: Array, preprocessing: Preprocessing) -> Array:
    return preprocess(rgb, preprocessing)[None]


def _predict(logits: Array, image: PreprocessedImage, spec: PredictionSpec) -> LabelsPrediction:
    return predict_labels(logits, spec)[0]


def _digest(logits: Array) -> list[float]:
    return [float(value) for value in logits]


MULTILABEL = Task(
    "multilabel",
    mark("multi-label classification"),
    "classes",
    min_decode_side,
    _inputs,
    _predict,
    _digest,
    activation="sigmoid",
)

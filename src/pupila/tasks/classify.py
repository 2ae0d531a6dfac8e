"""Classification: one class per image."""

from dataclasses import dataclass

import numpy as np

from pupila.core.messages import mark, percent, say
from pupila.imaging.images.preprocess import Preprocessing, min_decode_side, preprocess
from pupila.tasks.task import Array, PostProcessing, PredictionSpec, PreprocessedImage, Task


@dataclass(frozen=True, slots=True)
class ClassPrediction:
    """The prediction for one image."""

    prediction: str
    confidence: float  # calibrated probability of the prediction
    probabilities: dict[str, float]  # calibrated, of every class
    abstained: bool  # whether the confidence is below the abstention threshold
    logits: Array  # (C,) float32, uncalibrated

    def __str__(self) -> str:
        return describe_class(self.prediction, self.confidence, self.abstained)

    def class_names(self) -> tuple[str, ...]:
        """The predicted classes of the whole image, which a summary counts."""
        return (self.prediction,)

    def facts(self) -> dict[str, str]:
        """None beyond the class and its confidence."""
        return {}

    def draw(self, rgb: Array) -> Array:
        """The (H, W, 3) uint8 image as it is: a class has no place in it."""
        return rgb


def describe_class(prediction: str, confidence: float, abstained: bool) -> str:
    """A predicted class in words.

    Args:
        prediction: name of the class.
        confidence: its calibrated probability, 0..1.
        abstained: whether the model abstains.
    """
    values = {"prediction": prediction, "confidence": percent(confidence)}
    if abstained:
        return say("{prediction} ({confidence}, abstained)", **values)
    return say("{prediction} ({confidence})", **values)


def predict_classes(logits: Array, spec: PredictionSpec) -> list[ClassPrediction]:
    """The predictions for N images from their (N, C) logits."""
    probabilities = softmax(logits / spec.temperature)
    best = select_classes(probabilities, spec.classes, spec.post_processing)
    return [
        ClassPrediction(
            spec.classes[top], float(row[top]), dict(zip(spec.classes, row.tolist(), strict=True)),
            bool(row.max() < spec.post_processing.abstain_below), given,
        )
        for top, row, given in zip(best.tolist(), probabilities, logits, strict=True)
    ]  # fmt: skip


def select_classes(probabilities: Array, classes: list[str], post_processing: PostProcessing) -> Array:
    """(N, ...) predicted class numbers from (N, C, ...) calibrated probabilities."""
    if post_processing.positive is None or post_processing.threshold is None:
        return np.asarray(probabilities.argmax(axis=1))
    positive = classes.index(post_processing.positive)
    return np.where(probabilities[:, positive] >= post_processing.threshold, positive, 1 - positive)


def softmax(logits: Array) -> Array:
    """Probabilities over axis 1 of (N, C, ...) logits."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _inputs(rgb: Array, preprocessing: Preprocessing) -> Array:
    return preprocess(rgb, preprocessing)[None]


def _predict(logits: Array, image: PreprocessedImage, spec: PredictionSpec) -> ClassPrediction:
    return predict_classes(logits, spec)[0]


def _digest(logits: Array) -> list[float]:
    return [float(value) for value in logits]


CLASSIFY = Task("classify", mark("classification"), "class", min_decode_side, _inputs, _predict, _digest)

"""A linear probe: logistic regression on the features of the frozen encoder; C by validation accuracy."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.accuracy.methods.common import (
    SIDE,
    build_classifier,
    labels_in,
    predict_logits,
    read_job,
    read_pixels,
    to_tensor,
    write_predictions,
)
from benchmarks.accuracy.written import Array, TaskImage
from pupila.core.vocabulary import TEST, TRAIN, VALIDATION

_STRENGTHS = 10.0 ** np.arange(-5, 2)  # C; standardised features want small ones


def main() -> None:
    """Fit a probe of each strength on train, and predict with the best one on validation."""
    job = read_job()
    encoder = build_classifier(0)

    def features(images: list[TaskImage]) -> Array:
        parts = [images[start : start + 64] for start in range(0, len(images), 64)]
        pixels = (to_tensor([read_pixels(image.image, SIDE) for image in part]) for part in parts)
        return np.concatenate([predict_logits(encoder, part).numpy() for part in pixels])

    train, validation = job.task.in_split(TRAIN), job.task.in_split(VALIDATION)
    inputs, targets = features(train), labels_in(train)
    checked, true = features(validation), labels_in(validation)
    best: tuple[float, float] = (-1.0, 0.0)
    for strength in _STRENGTHS:
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500)).fit(
            inputs, targets
        )
        loss = log_loss(true, probe.predict_proba(checked), labels=probe.classes_)
        score = (float(probe.score(checked, true)), -float(loss))
        if score > best or strength == _STRENGTHS[0]:
            best, chosen = score, probe
    write_predictions(job, chosen.predict(features(job.task.in_split(TEST))))


if __name__ == "__main__":
    main()

"""Tune a multi-label classifier: one temperature, biases, and thresholds where a class has enough examples."""

from dataclasses import dataclass

import numpy as np

from pupila.statistics.metrics.threshold import tune_threshold
from pupila.tasks.label_text import ABSENT, PRESENT, UNKNOWN
from pupila.tasks.multilabel import DEFAULT_THRESHOLD, calibrated_probabilities, sigmoid
from pupila.tasks.task import Array, PostProcessing
from pupila.tasks.tuning.calibration import Calibration

MIN_POSITIVES = 20  # validation images from which a class has a bias and a threshold of its own
OBJECTIVE = "f1"  # of the thresholds
_SCALES = 0.05, 20.0  # of the logits: temperatures of 20 and of 0.05
_STEPS, _ENOUGH = 100, 1e-10  # Newton's, and the decrement that ends them
_FLAT = 1e-9  # added to the curvature, for a bias without a known cell


def tune_labels(logits: Array, targets: Array, classes: list[str], start: PostProcessing) -> Calibration:
    """Temperature, biases and thresholds.

    A class with 20 known positives and 20 known negatives has a bias of its own, all others share one. A class with 20
    positives has a threshold of its own, that of its best F1; all others share that of their best micro F1, which is
    0.5 where none of them has a positive.

    Args:
        logits: (V, C) of validation images.
        targets: (V, C): 1 present, 0 absent, -1 unknown.
        classes: C names.
        start: post-processing that biases and thresholds are added to; all that is returned without a known label.
    """
    if not (targets != UNKNOWN).any():
        return Calibration(1.0, start)
    positives, negatives = (targets == PRESENT).sum(axis=0), (targets == ABSENT).sum(axis=0)
    enough = (positives >= MIN_POSITIVES) & (negatives >= MIN_POSITIVES)
    temperature, biases = fit_probabilities(logits, targets, np.where(enough, np.arange(len(classes)), -1))
    tuned = start.model_copy(update={"biases": tuple(biases.tolist()), "objective": OBJECTIVE})
    probabilities = calibrated_probabilities(logits, temperature, tuned)
    own = positives >= MIN_POSITIVES
    thresholds = np.full(len(classes), _best_threshold(probabilities[:, ~own], targets[:, ~own]))
    for number in np.flatnonzero(own):
        thresholds[number] = _best_threshold(probabilities[:, [number]], targets[:, [number]])
    shared = tuple(name for name, alone in zip(classes, own, strict=True) if not alone)
    values = {"thresholds": tuple(thresholds.tolist()), "shared_threshold": shared}
    return Calibration(temperature, tuned.model_copy(update=values))


def calibrate_to(targets: Array, logits: Array, classes: list[str]) -> Array:
    """(N, C) probability that each class is present, calibrated to labels of the same images: a loss may shift it.

    Args:
        targets: (N, C): 1 present, 0 absent, -1 unknown.
        logits: (N, C) of models that were not trained on these images.
        classes: C names.
    """
    tuned = tune_labels(logits, targets, classes, PostProcessing())
    return calibrated_probabilities(logits, tuned.temperature, tuned.post_processing)


def _best_threshold(probabilities: Array, targets: Array) -> float:
    """That of the best micro F1 over the known cells; 0.5 where none of them is positive."""
    known = targets != UNKNOWN
    if not (targets == PRESENT).any():
        return DEFAULT_THRESHOLD
    return tune_threshold(OBJECTIVE, probabilities[known], targets[known] == PRESENT)


def fit_probabilities(logits: Array, targets: Array, groups: Array) -> tuple[float, Array]:
    """The temperature and the biases that maximise the likelihood of the known targets.

    Args:
        logits: (V, C).
        targets: (V, C): 1 present, 0 absent, -1 unknown.
        groups: (C,) integers; classes with an equal one share a bias.

    Returns:
        The temperature, 0.05..20, and the (C,) biases; 0 for a group without a known target.

    Source: Platt 1999, section 2.2, with his targets: n positives out of n + m suggest (n + 1) / (n + 2) and not 1. One
    scale for all classes, by Newton's method: the cost is convex in 1 / temperature and the biases.
    """
    _, number = np.unique(groups, return_inverse=True)
    count = int(number.max()) + 1
    known = targets != UNKNOWN
    z = np.where(known, logits, 0).astype(np.float64)
    positives, negatives = (
        np.bincount(number, (targets == value).sum(axis=0), count) for value in (PRESENT, ABSENT)
    )
    target = np.where(
        targets == PRESENT, ((positives + 1) / (positives + 2))[number], (1 / (negatives + 2))[number]
    )
    problem = _Problem(z, target, known, number, count)
    scale, biases = 1.0, np.zeros(count)
    cost = problem.cost(scale, biases)
    for _ in range(_STEPS):
        step, steps, decrement = problem.newton_step(scale, biases)
        if decrement < _ENOUGH:
            break
        share = 1.0
        while True:  # a shorter step, until it gains something
            tried = float(np.clip(scale - share * step, *_SCALES)), biases - share * steps
            new = problem.cost(*tried)
            if new < cost or share < _ENOUGH:
                break
            share /= 2
        if not new < cost:
            break
        (scale, biases), cost = tried, new
    return 1 / scale, biases[number]


@dataclass(frozen=True, slots=True)
class _Problem:
    """The likelihood of (V, C) targets under a scale and a bias for each group of classes."""

    logits: Array  # 0 where unknown
    target: Array  # 0..1
    known: Array  # bool
    number: Array  # (C,) of each class's group
    count: int  # of groups

    def cost(self, scale: float, biases: Array) -> float:
        """Negative log likelihood of the known cells."""
        z = scale * self.logits + biases[self.number]
        return float(((np.logaddexp(0, z) - self.target * z) * self.known).sum())

    def newton_step(self, scale: float, biases: Array) -> tuple[float, Array, float]:
        """What to subtract from the scale and from the biases, and how much that promises to gain.

        At an end of its range a scale that would leave it stays, and the biases are fitted to it.
        """
        p = sigmoid(scale * self.logits + biases[self.number])
        slope, curve = (p - self.target) * self.known, p * (1 - p) * self.known
        by_scale, of_scale = float((slope * self.logits).sum()), float((curve * self.logits**2).sum())
        by_bias, of_bias, mixed = (
            np.bincount(self.number, part.sum(axis=0), self.count)
            for part in (slope, curve, curve * self.logits)
        )
        of_bias = np.asarray(of_bias + _FLAT, dtype=np.float64)
        left = of_scale - float((mixed**2 / of_bias).sum())
        step = (by_scale - float((mixed * by_bias / of_bias).sum())) / max(left, _FLAT)
        if not _SCALES[0] < scale - step < _SCALES[1]:
            step = scale - float(np.clip(scale - step, *_SCALES))
        steps = (by_bias - mixed * step) / of_bias
        return step, steps, abs(step * by_scale + float((steps * by_bias).sum()))

"""Temperature, biases and thresholds of several labels: known answers, and who is too rare for one of its own."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from pupila.tasks.label_text import ABSENT, PRESENT, UNKNOWN
from pupila.tasks.multilabel import DEFAULT_THRESHOLD, calibrated_probabilities, decide_labels, sigmoid
from pupila.tasks.task import Array, PostProcessing
from pupila.tasks.tuning.multilabel import MIN_POSITIVES, fit_probabilities, tune_labels

OWN = np.arange(3)  # groups of three classes, each with a bias of its own


def draw(count: int, temperature: float, biases: list[float], seed: int = 0) -> tuple[Array, Array]:
    """(N, C) logits that are too large by the temperature, and targets that the scaled ones describe."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2 * temperature, (count, len(biases)))
    present = rng.random(logits.shape) < sigmoid(logits / temperature + np.array(biases))
    return logits, present.astype(np.int8)


def column(positives: int, negatives: int, gap: float) -> tuple[Array, Array]:
    """(V, 1) logits and targets of a class whose positives lie above the gap, and its negatives below."""
    logits = np.concatenate([gap + np.linspace(0.1, 1, positives), gap - np.linspace(0.1, 1, negatives)])
    return logits[:, None], np.repeat([PRESENT, ABSENT], [positives, negatives]).astype(np.int8)[:, None]


def stack(*columns: tuple[Array, Array]) -> tuple[Array, Array]:
    """Classes beside each other; what one has fewer of than another is unknown."""
    rows = max(len(logits) for logits, _ in columns)
    logits, targets = np.zeros((rows, len(columns))), np.full((rows, len(columns)), UNKNOWN, dtype=np.int8)
    for number, (values, present) in enumerate(columns):
        logits[: len(values), number], targets[: len(values), number] = values[:, 0], present[:, 0]
    return logits, targets


def test_the_drawn_temperature_and_biases_are_recovered() -> None:
    logits, targets = draw(20_000, 2.5, [-1.0, 0.0, 1.5])
    temperature, biases = fit_probabilities(logits, targets, OWN)
    assert temperature == pytest.approx(2.5, rel=0.05)
    assert biases.tolist() == pytest.approx([-1.0, 0.0, 1.5], abs=0.08)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("groups", [[0, 1, 2], [0, -1, -1], [5, 5, 5]])
def test_the_fit_is_the_minimum_that_a_general_optimiser_finds(seed: int, groups: list[int]) -> None:
    logits, targets = draw(40, 0.3 * 4**seed, [-1.0, 0.5, 0.0], seed)
    targets[np.random.default_rng(seed).random(targets.shape) < 0.2] = UNKNOWN
    temperature, biases = fit_probabilities(logits, targets, np.array(groups))
    names, number = np.unique(groups, return_inverse=True)
    target = np.zeros(targets.shape)
    for group in range(len(names)):
        own = number == group
        positives, negatives = ((targets[:, own] == value).sum() for value in (PRESENT, ABSENT))
        target[:, own] = np.where(
            targets[:, own] == PRESENT, (positives + 1) / (positives + 2), 1 / (negatives + 2)
        )

    def cost(free: Array) -> float:
        z = free[0] * logits + free[1:][number]
        return float(((np.logaddexp(0, z) - target * z) * (targets != UNKNOWN)).sum())

    best = minimize(cost, [1.0, *[0.0] * len(names)], bounds=[(0.05, 20), *[(None, None)] * len(names)],
                    options={"ftol": 1e-14, "gtol": 1e-9})  # fmt: skip
    of_group = [biases[groups.index(name)] for name in names]
    assert [biases[k] == of_group[number[k]] for k in range(3)] == [True] * 3
    assert cost(np.array([1 / temperature, *of_group])) <= best.fun + 1e-7


def test_logits_against_the_labels_get_the_hottest_temperature() -> None:
    logits, targets = draw(400, 1.0, [0.0, 0.0, 0.0])
    temperature, _ = fit_probabilities(-logits, targets, OWN)
    assert temperature == pytest.approx(20)


def test_without_a_known_label_nothing_is_tuned() -> None:
    start = PostProcessing(abstain_below=0.3)
    for rows in (0, 4):
        calibration = tune_labels(
            np.zeros((rows, 2)), np.full((rows, 2), UNKNOWN, np.int8), ["a", "b"], start
        )
        assert (calibration.temperature, calibration.post_processing) == (1.0, start)


def test_what_is_unknown_changes_nothing() -> None:
    logits, targets = draw(80, 1.0, [0.0, -1.0, 1.0])
    targets[::3, 0], targets[1::5, 2] = UNKNOWN, UNKNOWN
    other = np.where(targets == UNKNOWN, 50.0, logits)
    names = ["a", "b", "c"]
    assert tune_labels(other, targets, names, PostProcessing()) == tune_labels(
        logits, targets, names, PostProcessing()
    )


def test_a_class_has_a_threshold_of_its_own_from_20_positives_on() -> None:
    parts = (MIN_POSITIVES, 40), (MIN_POSITIVES - 1, 40), (3, 40)
    logits, targets = stack(*(column(*counts, gap) for counts, gap in zip(parts, (1, -1, 2), strict=True)))
    calibration = tune_labels(logits, targets, ["often", "almost", "rare"], PostProcessing(abstain_below=0.2))
    post_processing = calibration.post_processing
    assert post_processing.shared_threshold == ("almost", "rare")
    own, *shared = post_processing.thresholds
    assert shared[0] == shared[1] != own
    # The own threshold parts all positives from all negatives: it lies at the gap.
    gap = sigmoid(np.array(1 / calibration.temperature + post_processing.biases[0]))
    assert own == pytest.approx(gap, abs=0.02)
    assert (post_processing.objective, post_processing.abstain_below) == ("f1", 0.2)


def test_a_bias_of_its_own_needs_20_negatives_too() -> None:
    logits, targets = stack(column(30, 30, 0.0), column(30, 19, 1.0), column(19, 30, -1.0))
    biases = tune_labels(logits, targets, ["a", "b", "c"], PostProcessing()).post_processing.biases
    assert biases[1] == biases[2] != biases[0]


def test_the_shared_threshold_has_the_best_micro_f1_of_its_classes() -> None:
    rng = np.random.default_rng(3)
    logits, targets = draw(30, 1.0, [-2.5, -2.0, -3.0], seed=4)
    targets[rng.random(targets.shape) < 0.1] = UNKNOWN
    calibration = tune_labels(logits, targets, ["a", "b", "c"], PostProcessing())
    assert len(calibration.post_processing.shared_threshold) == 3
    probabilities = calibrated_probabilities(logits, calibration.temperature, calibration.post_processing)
    known, present = targets != UNKNOWN, targets == PRESENT

    def micro_f1(threshold: float) -> float:
        predicted = (probabilities >= threshold) & known
        return float(2 * (predicted & present).sum() / (predicted.sum() + present.sum()))

    best = max(map(micro_f1, probabilities[known]))
    assert micro_f1(calibration.post_processing.thresholds[0]) == pytest.approx(best)
    decisions = decide_labels(probabilities, calibration.post_processing)
    assert (decisions == (probabilities >= calibration.post_processing.thresholds[0])).all()


def test_classes_without_a_positive_share_the_usual_threshold() -> None:
    logits, targets = stack(column(25, 25, 0.0), column(0, 40, 0.0))
    post_processing = tune_labels(logits, targets, ["a", "never"], PostProcessing()).post_processing
    assert post_processing.shared_threshold == ("never",)
    assert post_processing.thresholds[1] == DEFAULT_THRESHOLD
    # 40 negatives and no positive suggest a mean probability of 1 in 42.
    assert math.isfinite(post_processing.biases[1]) and post_processing.biases[1] < -1

"""The score of an epoch of a promptable model: at the best threshold, which is tuned after the last epoch."""

import numpy as np
import pytest

from pupila.learning.loop import EpochResult
from pupila.learning.trainers.prompt import summarise_prompts
from pupila.learning.trainers.prompt_outputs import PromptedTarget
from pupila.statistics.metrics.segment import confusion_counts, iou
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES
from pupila.tasks.tuning.segment import THRESHOLDS, count_thresholds, first_level, quantise_foreground

FIRST_LEVELS = [first_level(threshold) for threshold in THRESHOLDS]
TARGET = np.zeros((8, 8), np.uint8)
TARGET[2:6, 2:6] = 1


def summarise(*probabilities: np.ndarray) -> EpochResult:
    """Of so many images, each prompted with every strategy."""
    return summarise_prompts([
        (
            PromptedTarget(row, 1, strategy.name),
            count_thresholds(quantise_foreground(probability), TARGET, FIRST_LEVELS),
            0.5,
        )
        for row, probability in enumerate(probabilities) for strategy in PROMPT_STRATEGIES
    ])  # fmt: skip


def test_masks_that_are_too_faint_at_a_half_count_at_their_best_threshold() -> None:
    faint = np.where(TARGET, 0.37, 0.1)  # nothing is above 0.5
    result = summarise(faint, faint)
    assert result.score == 1.0 and not result.collapsed
    assert result.outcomes is not None and (result.outcomes.values[-1] == 1).all()


def test_one_threshold_serves_all_prompts() -> None:
    faint, strong = np.where(TARGET, 0.37, 0.1), np.where(TARGET, 0.9, 0.6)
    result = summarise(faint, strong)
    # up to 0.35 the strong one is all foreground (IoU 16 / 64), above it the faint one is empty
    assert result.score == pytest.approx((1 + 16 / 64) / 2)


def test_of_equal_thresholds_the_one_next_to_a_half_counts() -> None:
    random = np.random.default_rng(0)
    probability = np.where(TARGET, 0.95, 0.02) + random.uniform(-0.01, 0.01, TARGET.shape)
    counts = confusion_counts(TARGET, (probability >= 0.5).astype(np.uint8), 2)
    assert summarise(probability).score == iou(counts[None])[0, 1] == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_the_score_is_the_best_mean_over_all_masks(seed: int) -> None:
    random = np.random.default_rng(seed)
    drawn = [np.clip(0.3 * TARGET + random.uniform(0, 0.6, TARGET.shape), 0, 1) for _ in range(3)]
    masks = [[quantise_foreground(p) >= first for p in drawn] for first in FIRST_LEVELS]
    expected = max(
        np.mean([(mask & (TARGET == 1)).sum() / (mask | (TARGET == 1)).sum() for mask in row])
        for row in masks
    )
    result = summarise(*drawn)
    assert result.score == pytest.approx(expected)
    assert result.outcomes is not None and result.outcomes.values[-1].mean() == pytest.approx(
        expected, abs=1e-6
    )


def test_an_epoch_without_any_foreground_is_collapsed() -> None:
    assert summarise(np.full(TARGET.shape, 0.01)).collapsed

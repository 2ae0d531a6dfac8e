"""Tuning of promptable models."""

import numpy as np

from pupila.imaging.images.preprocess import Preprocessing
from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.prompt import tune_prompts
from pupila.tasks.tuning.segment import MaskPredictions, quantise_foreground


def test_the_foreground_of_a_prompt_is_called_object() -> None:
    target = np.zeros((20, 20), np.uint8)
    target[5:15, 5:15] = 1
    levels = [quantise_foreground(np.where(target == 1, 0.42, 0.1).astype(np.float32))] * 24
    logits = np.array([[0.0, -2.0], [0.0, -0.3]], np.float32)
    predictions = MaskPredictions(levels, [target] * 24, logits, np.array([0, 1]))
    calibration = tune_prompts(
        predictions, np.arange(24) // 2, Preprocessing(height=20, width=20), PostProcessing()
    )
    assert calibration.post_processing.positive == "object"
    assert calibration.post_processing.threshold is not None and calibration.post_processing.threshold < 0.45

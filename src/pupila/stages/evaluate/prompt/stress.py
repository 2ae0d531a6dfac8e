"""The mean IoU of the masks for points on versions of an image: each class is a target, as in every evaluation."""

from collections.abc import Callable

import numpy as np

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import PromptTarget, find_prompt_targets
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.stress.scorer import (
    Counts,
    OpenTarget,
    ScoreVersions,
    StressScorer,
    score_predictions,
)
from pupila.statistics.metrics.segment import confusion_counts, iou
from pupila.tasks import TASKS
from pupila.tasks.prompt_strategies import POINTS
from pupila.tasks.segment import MaskPrediction
from pupila.tasks.task import PreprocessedImage


def _open(bundle: Bundle, data: Dataset) -> OpenTarget:
    if TASKS[bundle.info.task].takes_prompts:
        return _open_prompter(bundle, data)

    def open_target(row: int) -> Callable[[MaskPrediction], Counts] | None:
        targets = list(find_prompt_targets(data, row))
        if not targets:
            return None
        return lambda prediction: _mean_iou(
            targets, lambda target: (prediction.mask == target.class_index).astype(np.uint8)
        )

    return score_predictions(bundle, open_target)


def _open_prompter(bundle: Bundle, data: Dataset) -> OpenTarget:
    prompter = Prompter(bundle, threads=1)  # each core has an image of its own

    def open_row(row: int) -> ScoreVersions | None:
        targets = list(find_prompt_targets(data, row))
        prompts = {target.class_index: target.make_prompt(POINTS) for target in targets}

        def score(version: PreprocessedImage) -> Counts:
            encoded = prompter.encode(version)
            return _mean_iou(
                targets, lambda target: prompter.predict(encoded, prompts[target.class_index]).mask
            )

        return (lambda versions: [score(version) for version in versions]) if targets else None

    return open_row


def _mean_iou(targets: list[PromptTarget], predict: Callable[[PromptTarget], Array]) -> Counts:
    """The sum of the targets' IoU, and their number."""
    scores = [iou(confusion_counts(target.target, predict(target), 2))[1] for target in targets]
    return float(sum(scores)), float(len(scores))


SCORER = StressScorer(metric=lambda classes: f"mean_iou_{POINTS.name}", open=_open, most_images=50)

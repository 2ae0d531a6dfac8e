"""Predictions for prompts: scored target by target, never all in memory."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import PromptTarget, find_prompt_targets
from pupila.artifacts.predictions.prompt import PROMPT
from pupila.core import files
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import prefetch
from pupila.imaging.images.decode import Array, ImageFault
from pupila.stages.evaluate.predictions import Predictions, unreadable_image
from pupila.stages.evaluate.prompt.targets import SENSITIVITY_STRATEGIES
from pupila.stages.evaluate.segment.predictions import MaskReader, Masks
from pupila.statistics.metrics.boundary import boundary_counts
from pupila.statistics.metrics.overlap import FIGURES, OverlapCounts
from pupila.statistics.metrics.segment import confusion_counts, iou
from pupila.tasks import TASKS
from pupila.tasks.prompt import Prompt
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES, PromptStrategy

PredictMask = Callable[
    [PromptTarget, Prompt], tuple[Array, float]
]  # (H, W) uint8, 1 for foreground; the predicted IoU
NO_PREDICTED_IOU = float("nan")  # of a model that predicts no IoU


@dataclass(frozen=True)
class PromptPredictions(Predictions):
    """The pixel counts of the masks for U targets and S prompt strategies; never for some of the rows only."""

    regions: Array  # (U, S, 2, 2), see `metrics.segment.confusion_counts`
    boundaries: Array  # (U, S, 2, 3), see `metrics.boundary.boundary_counts`
    predicted_iou: Array  # (U, S); NaN for a model that takes no prompt
    sensitivity: Array  # (U, F) IoU for F other strategies; F is 0 for a model that takes no prompt
    open_image: Callable[[int], PredictMask]  # of a row, to predict again what is shown

    def overlaps(self, strategy: PromptStrategy) -> OverlapCounts:
        """The counts for one prompt strategy."""
        place = PROMPT_STRATEGIES.index(strategy)
        return OverlapCounts(self.regions[:, place], self.boundaries[:, place])

    def scores(self, strategy: PromptStrategy) -> Array:
        """(U,) IoU for one prompt strategy."""
        return np.asarray(self.overlaps(strategy).scores[0][:, FIGURES.index("iou")])


@dataclass(frozen=True, slots=True)
class _TargetScores:
    """The pixel counts of the masks for one target."""

    regions: Array  # (S, 2, 2)
    boundaries: Array  # (S, 2, 3)
    predicted_iou: list[float]  # S of them
    sensitivity: list[float]  # F of them


class PromptReader(MaskReader):
    """Predictions for prompts; a model of masks, which takes none, has its masks scored. See `PredictionReader`."""

    def __init__(self) -> None:
        super().__init__(_score_masks, PROMPT)

    def from_bundle(self, header: Predictions, bundle: Bundle, data: Dataset) -> Predictions:
        """Predict the rows with a bundle."""
        if not TASKS[bundle.info.task].takes_prompts:
            return super().from_bundle(header, bundle, data)
        prompter = Prompter(bundle, threads=1)  # each core has an image of its own

        def open_image(row: int) -> PredictMask:
            uri = data.path(row)
            try:
                image = prompter.encode(prompter.preprocess(files.read_bytes(uri)))
            except (ImageFault, OSError) as fault:
                raise unreadable_image(uri, fault) from fault

            def predict(target: PromptTarget, prompt: Prompt) -> tuple[Array, float]:
                prediction = prompter.predict(image, prompt)
                return prediction.mask, prediction.predicted_iou

            return predict

        return score_prompts(header, data, open_image, SENSITIVITY_STRATEGIES)


def score_prompts(
    header: Predictions,
    data: Dataset,
    open_image: Callable[[int], PredictMask],
    sensitivity: tuple[PromptStrategy, ...] = (),
) -> PromptPredictions:
    """Predict and score every target; each image is opened once for all its prompts."""

    def score_row(row: int) -> list[_TargetScores]:
        there = list(find_prompt_targets(data, row))
        predict = open_image(row) if there else None
        return [_score_target(target, predict, sensitivity) for target in there] if predict else []

    with progress(say("{name}: predicting masks for prompts", name=header.name), len(header.rows)) as advance:
        scores = []
        for image_scores in prefetch(header.rows, score_row):
            scores += image_scores
            advance(1)
    return _stack_scores(header, scores, open_image)


def _score_masks(header: Predictions, masks: Masks, data: Dataset) -> PromptPredictions:
    """Score masks predicted without a prompt: the pixels of a class are the mask for every prompt for it."""

    def look_up(mask: Array) -> PredictMask:
        return lambda target, prompt: ((mask == target.class_index).astype(np.uint8), NO_PREDICTED_IOU)

    def score_row(item: tuple[int, Array]) -> list[_TargetScores]:
        predict = look_up(item[1])
        return [_score_target(target, predict, ()) for target in find_prompt_targets(data, item[0])]

    scores = [
        target_scores
        for image_scores in prefetch(zip(header.rows, masks(header.rows), strict=True), score_row)
        for target_scores in image_scores
    ]
    return _stack_scores(header, scores, lambda row: look_up(next(iter(masks([row])))))


def _score_target(
    target: PromptTarget, predict: PredictMask, sensitivity: tuple[PromptStrategy, ...]
) -> _TargetScores:
    target_mask = target.target
    by_strategy = {strategy: predict(target, target.make_prompt(strategy)) for strategy in PROMPT_STRATEGIES}
    predictions = list(by_strategy.values())
    others = (
        by_strategy[strategy][0]
        if strategy in by_strategy
        else predict(target, target.make_prompt(strategy))[0]
        for strategy in sensitivity
    )
    return _TargetScores(
        np.stack([confusion_counts(target_mask, mask, 2) for mask, _ in predictions]),
        np.stack([boundary_counts(target_mask, mask, 2) for mask, _ in predictions]),
        [predicted_iou for _, predicted_iou in predictions],
        [float(iou(confusion_counts(target_mask, mask, 2))[1]) for mask in others],
    )


def _stack_scores(
    header: Predictions, scores: Iterable[_TargetScores], open_image: Callable[[int], PredictMask]
) -> PromptPredictions:
    scores = list(scores)
    return PromptPredictions(
        **vars(header),
        regions=np.stack([score.regions for score in scores]),
        boundaries=np.stack([score.boundaries for score in scores]),
        predicted_iou=np.array([score.predicted_iou for score in scores]),
        sensitivity=np.array([score.sensitivity for score in scores]),
        open_image=open_image,
    )

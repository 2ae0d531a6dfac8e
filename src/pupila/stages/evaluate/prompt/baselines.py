"""Baselines for prompts, the filled box and the mean mask: they show what a gain over a weak model is worth."""

from dataclasses import dataclass

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import PromptTarget, find_prompt_targets
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import prefetch
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import resize_plane
from pupila.stages.evaluate.predictions import Predictions
from pupila.stages.evaluate.prompt.predictions import (
    NO_PREDICTED_IOU,
    PredictMask,
    PromptPredictions,
    score_prompts,
)
from pupila.statistics.metrics.classify import ratio
from pupila.tasks.prompt import Box, Prompt
from pupila.tasks.prompt_strategies import POINTS, box_pixels, fill_box

BOX_SCALES = (
    1.0,
    1.5,
    2.0,
    3.0,
    4.0,
    6.0,
    8.0,
    float("inf"),
)  # times the box around the points; the last: the whole image
_GRID = 64  # cells per side of a mean mask
_THRESHOLDS = np.linspace(0.05, 0.95, 19)  # candidate thresholds of a mean mask


@dataclass(frozen=True, slots=True)
class Baselines:
    """Baselines that are fitted on the training split and never see the image."""

    box_scale: float  # of the box around the foreground points
    mean_masks: dict[
        int, Array
    ]  # by class: (_GRID, _GRID) float32, the share of its masks that cover the cell
    thresholds: dict[int, float]  # by class: the share from which a cell is foreground

    def predict_box(self, target: PromptTarget, prompt: Prompt) -> tuple[Array, float]:
        """The box of the prompt, filled; for points the scaled box around them."""
        return fill_box(
            prompt.box or _box_around(prompt, self.box_scale), target.target.shape
        ), NO_PREDICTED_IOU

    def predict_mean(self, target: PromptTarget, prompt: Prompt) -> tuple[Array, float]:
        """The mean mask of the class; the whole image for a class that the training split does not have."""
        height, width = target.target.shape
        if target.class_index not in self.mean_masks:
            return np.ones((height, width), np.uint8), NO_PREDICTED_IOU
        share = resize_plane(self.mean_masks[target.class_index], height, width)
        return (share >= self.thresholds[target.class_index]).astype(np.uint8), NO_PREDICTED_IOU


def fit_baselines(data: Dataset, rows: list[int]) -> Baselines:
    """Fit the baselines to the masks of some rows.

    The box scale maximises the mean IoU, and the threshold of each mean mask the pooled IoU.

    Args:
        data: with masks.
        rows: of the training split; without any, the box is not scaled and there is no mean mask.
    """

    def measure(row: int) -> list[tuple[int, Array, Array]]:
        return [
            (target.class_index, _box_ious(target), _downsample(target))
            for target in find_prompt_targets(data, row)
        ]

    iou_sums = np.zeros(len(BOX_SCALES))
    cells: dict[int, Array] = {}
    with progress(say("fitting baselines"), len(rows)) as advance:
        for measured in prefetch(rows, measure):
            for number, fits, grid in measured:
                iou_sums += fits
                cells[number] = cells.get(number, 0) + grid
            advance(1)
    means = {number: ratio(there, known).astype(np.float32) for number, (there, known) in cells.items()}
    levels = {number: _best_threshold(means[number], *grid) for number, grid in cells.items()}
    return Baselines(BOX_SCALES[int(iou_sums.argmax())], means, levels)


def predict_baselines(baselines: Baselines, data: Dataset, rows: list[int]) -> list[PromptPredictions]:
    """The predictions of the filled box and of the mean mask."""

    def predict_with(name: str, predict: PredictMask) -> PromptPredictions:
        header = Predictions(name, "", rows, np.zeros(len(rows), dtype=bool))
        return score_prompts(header, data, lambda row: predict)

    return [
        predict_with(say("filled box"), baselines.predict_box),
        predict_with(say("mean mask"), baselines.predict_mean),
    ]


def _box_ious(target: PromptTarget) -> Array:
    """The IoU of the box around the points with the target, at each scale."""
    prompt, foreground, known = target.make_prompt(POINTS), target.target == 1, target.target != IGNORE
    whole, ious = int(foreground.sum()), []
    for times in BOX_SCALES:
        place = box_pixels(_box_around(prompt, times), target.target.shape)
        shared = int(foreground[place].sum())
        ious.append(shared / (whole + int(known[place].sum()) - shared))
    return np.array(ious)


def _downsample(target: PromptTarget) -> Array:
    """(2, _GRID, _GRID): how much of each cell is foreground, and how much of it has a label."""
    parts = (target.target == 1, target.target != IGNORE)
    return np.stack([resize_plane(part.astype(np.float32), _GRID, _GRID) for part in parts])


def _best_threshold(mean: Array, there: Array, known: Array) -> float:
    chosen = mean >= _THRESHOLDS[:, None, None]
    shared, predicted_cells = (chosen * there).sum(axis=(1, 2)), (chosen * known).sum(axis=(1, 2))
    return float(_THRESHOLDS[(shared / (there.sum() + predicted_cells - shared)).argmax()])


def _box_around(prompt: Prompt, times: float) -> Box:
    """The box around the foreground points, scaled about its centre; at least one pixel wide."""
    x, y = np.array(prompt.points).T
    (left, right), (top, bottom) = (
        (float(values.min()) - 0.5, float(values.max()) + 0.5) for values in (x, y)
    )
    across, down = (times - 1) * (right - left) / 2, (times - 1) * (bottom - top) / 2
    return left - across, top - down, right + across, bottom + down

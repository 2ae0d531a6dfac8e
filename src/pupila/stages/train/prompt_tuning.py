"""Calibrate a trained promptable model on validation: temperature, threshold and post-processing."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import PromptTarget, binarize_mask, find_prompt_targets
from pupila.core.messages import say
from pupila.core.threads import prefetch
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.stages.train.recipe import ValidationResult
from pupila.stages.train.segment_tuning import PostProcessingTuner, StoredPrediction, tune_post_processing
from pupila.stages.train.settings import TrainPlan
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.overlap import OverlapCounts, summarise_overlaps
from pupila.statistics.metrics.segment import confusion_counts, iou
from pupila.tasks.prompt import DecoderOutput, select_mask
from pupila.tasks.prompt_strategies import BOX, PROMPT_STRATEGIES, fill_box
from pupila.tasks.task import PostProcessing

METRIC = "mean_iou"  # selects the epoch: over all targets and prompt strategies
_SAMPLED = 500  # cells per mask for fitting the temperature


@dataclass(frozen=True, slots=True)
class PromptedTarget:
    """A class of an image, prompted with one strategy, and its stored prediction."""

    row: int  # of the data set
    class_index: int
    strategy: str
    stored: StoredPrediction | None = None

    def with_prediction(self, png: bytes, logits: Array, targets: Array) -> "PromptedTarget":
        """The target with its prediction: see `StoredPrediction`."""
        return replace(self, stored=StoredPrediction(png, logits, targets))

    @property
    def prediction(self) -> StoredPrediction:
        """The stored prediction."""
        assert self.stored is not None  # set by `with_prediction`
        return self.stored

    def classes(self) -> set[int]:
        """0 if any pixel is predicted background, 1 if any is foreground."""
        return self.prediction.classes()


def sample_cells(raw: DecoderOutput, kind: str, small: Array, seed: list[int]) -> tuple[Array, Array]:
    """(S, 2) logits of background and foreground, and (S,) targets, of some labelled cells.

    Args:
        raw: decoder output.
        kind: of the decoder.
        small: (h, w) uint8 target: 1, 0 or IGNORE.
        seed: of the random choice of cells.
    """
    known = np.flatnonzero(small.ravel() != IGNORE)
    some = known[np.random.default_rng(seed).integers(len(known), size=_SAMPLED)] if len(known) else known
    logits = raw.masks[select_mask(raw, kind)].ravel()[some]
    return np.stack([np.zeros_like(logits), logits], axis=1), small.ravel()[some].astype(np.int64)


def calibrate_prompts(
    plan: TrainPlan, data: Dataset, predictions: list[PromptedTarget], rows: list[int], groups: Array
) -> ValidationResult:
    """Temperature, threshold and post-processing, and the metrics for points and boxes.

    Args:
        plan: of the run.
        data: the data set.
        predictions: for V rows; rows without foreground have none.
        rows: V row numbers.
        groups: (V,) group numbers.
    """
    post_processing = PostProcessing(abstain_below=plan.abstain_below)
    blank = pl.DataFrame(
        {
            f"iou:{strategy.name}": pl.Series([None] * len(rows), dtype=pl.Float64)
            for strategy in PROMPT_STRATEGIES
        }
    )
    if not predictions:
        return ValidationResult(1.0, post_processing, None, blank)
    group_of = dict(zip(rows, groups.tolist(), strict=True))
    own = np.array([group_of[prompted.row] for prompted in predictions])
    stored = [prompted.prediction for prompted in predictions]
    temperature = fit_temperature(*(np.concatenate(part) for part in zip(
        *((prediction.logits, prediction.targets) for prediction in stored), strict=True)))  # fmt: skip
    spec = Preprocessing(height=plan.image_size, width=plan.image_size)

    def read_target(number: int) -> Array:
        return binarize_mask(data.mask(predictions[number].row), predictions[number].class_index)

    tuning = PostProcessingTuner(spec, 2, stored, read_target, own)
    post_processing = tune_post_processing(
        tuning, post_processing, {"positive": "object", "objective": "mean_dice"}
    )
    overlaps, _ = tuning.count_overlaps(post_processing)
    return ValidationResult(
        temperature,
        post_processing,
        _summarize_validation(overlaps, predictions, own, data),
        _tabulate_predictions(overlaps, predictions, rows),
    )


def _summarize_validation(
    overlaps: OverlapCounts, predictions: list[PromptedTarget], groups: Array, data: Dataset
) -> ValidationSummary:
    """The validation metrics for `bundle.json`: the selection metric first, then means for each prompt strategy."""
    every = summarise_overlaps(overlaps, groups, ["background", "object"])
    metrics = {METRIC: every.per_image["iou"].mean}
    for strategy in PROMPT_STRATEGIES:
        own = np.array(
            [number for number, prompted in enumerate(predictions) if prompted.strategy == strategy.name]
        )
        summary = summarise_overlaps(overlaps.select(own), groups[own], ["background", "object"])
        metrics |= {f"mean_{name}_{strategy.name}": summary.per_image[name].mean for name in ("iou", "dice")}
    rows = list(dict.fromkeys(prompted.row for prompted in predictions))
    return ValidationSummary(
        n=len(rows), groups=len(set(groups.tolist())), metrics=metrics, baseline=baseline(data, rows)
    )


def _tabulate_predictions(
    overlaps: OverlapCounts, predictions: list[PromptedTarget], rows: list[int]
) -> pl.DataFrame:
    """Columns of `oof.parquet`: the mean IoU over the classes of each row, for each prompt strategy."""
    scores = iou(overlaps.regions)[:, 1]
    columns: dict[str, list[float | None]] = {}
    for strategy in PROMPT_STRATEGIES:
        of: dict[int, list[float]] = {}
        for prompted, score in zip(predictions, scores.tolist(), strict=True):
            if prompted.strategy == strategy.name:
                of.setdefault(prompted.row, []).append(score)
        columns[f"iou:{strategy.name}"] = [float(np.mean(of[row])) if row in of else None for row in rows]
    return pl.DataFrame({name: pl.Series(values, dtype=pl.Float64) for name, values in columns.items()})


def baseline(data: Dataset, rows: list[int]) -> Baseline:
    """The baseline that fills the box of each target."""

    def score(target: PromptTarget) -> float:
        box = target.make_prompt(BOX).box
        assert box is not None  # the strategy is a box
        return float(iou(confusion_counts(target.target, fill_box(box, target.target.shape), 2))[1])

    def scores(row: int) -> list[float]:
        return [score(target) for target in find_prompt_targets(data, row)]

    every = [score for row_scores in prefetch(rows, scores) for score in row_scores]
    return Baseline(name=say("filled box"), metrics={METRIC: float(np.mean(every)) if every else 0.0})

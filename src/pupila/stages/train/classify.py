"""Plan and finish the training of classifiers: defaults, refusals, calibration and baseline."""

import numpy as np
import polars as pl

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import logit_column
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, mark, say
from pupila.imaging.images.decode import Array
from pupila.learning.losses import OVERLAP_LOSSES, parse_loss
from pupila.learning.trainers.classify import class_indices
from pupila.stages.train.recipe import TrainingRecipe, ValidationResult
from pupila.stages.train.settings import (
    PROMPT_SETTINGS,
    TrainPlan,
    TrainSettings,
    conflicting_settings,
    skips_training,
)
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.classify import majority_baseline
from pupila.statistics.metrics.estimates import estimate_overall
from pupila.statistics.metrics.threshold import parse_objective
from pupila.tasks.classify import CLASSIFY, select_classes, softmax
from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.classify import tune_classes


def _is_collapsed(logits: Array) -> bool:
    return len(logits) > 0 and len(set(logits.argmax(axis=1).tolist())) < 2


def _calibrate(
    plan: TrainPlan, data: Dataset, logits: Array, rows: list[int], groups: Array
) -> ValidationResult:
    """Temperature, threshold, and the metrics of the resulting predictions."""
    targets = class_indices(data.images["target"][rows].to_list(), plan.classes)
    start = PostProcessing(abstain_below=plan.abstain_below)
    calibration = tune_classes(logits, targets, plan.classes, start, plan.threshold)
    probabilities = softmax(logits / calibration.temperature)
    predictions = select_classes(probabilities, plan.classes, calibration.post_processing)
    return ValidationResult(
        calibration,
        _summarize_validation(plan.classes, targets, predictions, groups),
        pl.DataFrame({
            "prediction": pl.Series([plan.classes[number] for number in predictions], dtype=pl.String),
            **{logit_column(name): pl.Series(logits[:, number]) for number, name in enumerate(plan.classes)},
        }),
    )  # fmt: skip


def _summarize_validation(
    classes: list[str], numbers: Array, predictions: Array, groups: Array
) -> ValidationSummary | None:
    if not len(numbers):
        return None
    return ValidationSummary(
        n=len(numbers),
        groups=len(set(groups.tolist())),
        metrics=estimate_overall(numbers, predictions, groups, len(classes)),
        baseline=majority_baseline(numbers, classes),
    )


def _baseline(data: Dataset, rows: list[int]) -> Baseline:
    return majority_baseline(class_indices(data.images["target"][rows].to_list(), data.classes), data.classes)


def _check_settings(settings: TrainSettings, data: Dataset) -> None:
    if len(data.classes) < 2 and not skips_training(settings):
        raise PupilaError(
            say("Too few classes to train"), actual=say("one class: {names}", names=listing(data.classes)),
            expected=say("at least two classes"),
        )  # fmt: skip
    if settings.class_weights != "none" and settings.sampling == "balanced":
        raise conflicting_settings(
            f"class_weights={settings.class_weights}, sampling=balanced",
            say("only one of them: together they count rare classes twice"),
            "--sampling natural",
        )
    if settings.threshold is not None:
        if len(data.classes) != 2:
            raise conflicting_settings(
                f"threshold={settings.threshold}",
                say("data with two classes, not {n}", n=len(data.classes)),
                "--threshold null",
            )
        parse_objective(settings.threshold, data.classes)
    overlaps = (
        [name for _, name in parse_loss(settings.loss) if name in OVERLAP_LOSSES]
        if settings.loss != "auto"
        else []
    )
    if overlaps:
        raise conflicting_settings(
            f"loss={settings.loss}",
            say("a segmentation task for {names}", names=listing(overlaps)),
            "--loss cross_entropy",
        )


CLASSIFY_RECIPE = TrainingRecipe(
    task=CLASSIFY,
    defaults=lambda network: {"loss": "cross_entropy", "epochs": 20, "finetune_epochs": 10},
    augment="A1",
    unused_settings=("encoder", "view", "overlap", "tversky_beta", *PROMPT_SETTINGS),
    metric=lambda classes: "macro_f1",
    max_batch_size=32,
    concatenate=lambda parts: np.concatenate(parts),
    is_collapsed=_is_collapsed,
    calibrate=_calibrate,
    baseline=_baseline,
    check_settings=_check_settings,
    baseline_name=mark("majority class '{name}'"),
)

"""Plan the training of classifiers."""

from functools import partial
from typing import Any

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.images.decode import Array
from pupila.learning.losses.classes import LOSSES, OVERLAP_LOSSES
from pupila.learning.models.settings import LOGISTIC
from pupila.stages.train.inputs import choose_augment, choose_fit
from pupila.stages.train.planning.head import needs_of_head, settle_head
from pupila.stages.train.planning.inputs import check_inputs, prepare_inputs
from pupila.stages.train.planning.planner import (
    TaskLosses,
    TaskPlanner,
    check_criterion,
    freeze_all,
    pick_head_precision,
)
from pupila.stages.train.planning.unfreezing import STRONG, decide_unfreezing, default_settings
from pupila.stages.train.settings import conflicting_settings, skips_training
from pupila.stages.train.task_settings.classify import ClassifyTrainSettings
from pupila.statistics.metrics.threshold import parse_objective

# Overlap losses are for masks.
_LOSSES = TaskLosses(
    {name: loss for name, loss in LOSSES.items() if name not in OVERLAP_LOSSES}, smoothed="cross_entropy"
)


def _check(settings: ClassifyTrainSettings, data: Dataset) -> None:
    if len(data.classes) < 2 and not skips_training(settings):
        raise PupilaError(
            say("Too few classes to train"), actual=say("one class: {names}", names=listing(data.classes)),
            expected=say("at least two classes"),
        )  # fmt: skip
    if settings.class_weights not in ("auto", "none") and settings.sampling == "balanced":
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
    check_inputs(settings)
    check_criterion(settings, _LOSSES)


def _settle(settings: ClassifyTrainSettings, images: int) -> tuple[Any, dict[str, str]]:
    """With the head decided, and how a logistic one weights its classes."""
    settled, reasons = settle_head(settings, images)
    if (
        settings.class_weights != "auto"
        or settled.head != LOGISTIC
        or settings.loss not in ("auto", "cross_entropy")
    ):
        return settled, reasons
    reasons["class_weights"] = say(
        "of a logistic head: rare classes count more, without outweighing the common ones"
    )
    return settled.model_copy(update={"class_weights": "inverse_sqrt"}), reasons


def _list_targets(data: Dataset) -> Array:
    """(N, C) float: 1 for the class of an image, 0 for the others, NaN without one."""
    classes = np.array(data.classes)
    return np.array([
        np.full(len(classes), np.nan) if name is None else (classes == name).astype(np.float64)
        for name in data.images["target"].to_list()
    ])  # fmt: skip


CLASSIFY_PLANNER = TaskPlanner(
    defaults=lambda network: default_settings("cross_entropy"),
    augment="A1",
    max_batch_size=32,
    check=_check,
    prepare=prepare_inputs,
    choose_fit=partial(choose_fit, list_targets=_list_targets),
    choose_augment=partial(choose_augment, list_targets=_list_targets),
    pick_unfreeze=freeze_all,
    pick_precision=pick_head_precision,
    needs=needs_of_head,
    settle=_settle,
    decide_by_trial=decide_unfreezing,
    recipes={"strong": STRONG},
)

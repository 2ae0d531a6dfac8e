"""Plan the training of multi-label classifiers."""

from functools import partial
from typing import Any

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.images.decode import Array
from pupila.learning.losses.labels import LABEL_LOSSES
from pupila.learning.models.network import Network
from pupila.stages.train.inputs import choose_augment, choose_fit
from pupila.stages.train.planning.head import needs_of_head, settle_head
from pupila.stages.train.planning.inputs import check_inputs, prepare_inputs
from pupila.stages.train.planning.planner import (
    Needs,
    TaskLosses,
    TaskPlanner,
    check_criterion,
    freeze_all,
    pick_head_precision,
    require_training,
)
from pupila.stages.train.planning.unfreezing import STRONG, decide_unfreezing, default_settings
from pupila.stages.train.task_settings.multilabel import MultilabelTrainSettings
from pupila.tasks.label_text import ABSENT, PRESENT, UNKNOWN

_LOSSES = TaskLosses(LABEL_LOSSES, smoothed="bce")


def _check(settings: MultilabelTrainSettings, data: Dataset) -> None:
    require_training(settings, say("A multi-label model needs training"))
    matrix = data.label_matrix
    if not ((matrix == PRESENT).any(axis=0) & (matrix == ABSENT).any(axis=0)).any():
        raise PupilaError(
            say("No class can be learned"),
            actual=say("no class of {names} is present in one image and absent in another",
                       names=listing(data.classes)),
            expected=say("images that show a class, and images that are known to lack it"),
            remedy=say("write 0 where an image lacks a class: an empty cell means unknown"),
        )  # fmt: skip
    check_inputs(settings)
    check_criterion(settings, _LOSSES)


def _list_needs(settings: Any, plan: Any, network: Network) -> Needs:
    asymmetric = "asymmetric" in plan.loss, "--loss asymmetric"
    return {
        **needs_of_head(settings, plan, network),
        **dict.fromkeys(("gamma_positive", "gamma_negative", "probability_margin"), asymmetric),
    }


def _list_targets(data: Dataset) -> Array:
    """(N, C) float: 1 for a class that an image shows, 0 for one that it lacks, NaN where it is unknown."""
    labels = data.label_matrix
    return np.where(labels == UNKNOWN, np.nan, labels == PRESENT)


MULTILABEL_PLANNER = TaskPlanner(
    defaults=lambda network: default_settings("bce"),
    augment="A1",
    max_batch_size=32,
    check=_check,
    prepare=prepare_inputs,
    choose_fit=partial(choose_fit, list_targets=_list_targets),
    choose_augment=partial(choose_augment, list_targets=_list_targets),
    pick_unfreeze=freeze_all,
    pick_precision=pick_head_precision,
    needs=_list_needs,
    settle=settle_head,
    decide_by_trial=decide_unfreezing,
    recipes={"strong": STRONG},
)

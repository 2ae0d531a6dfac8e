"""Plan the training of segmentation models."""

from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.losses.classes import LOSSES, OVERLAP_LOSSES
from pupila.learning.losses.sums import loss_names
from pupila.learning.models.network import Network
from pupila.stages.train.measure import measure_precision
from pupila.stages.train.planning.planner import (
    Needs,
    TaskLosses,
    TaskPlanner,
    check_criterion,
    require_training,
)
from pupila.stages.train.settings import conflicting_settings
from pupila.stages.train.task_settings.segment import SegmentTrainPlan, SegmentTrainSettings

_LOSSES = TaskLosses(LOSSES, smoothed="cross_entropy")


def _check(settings: SegmentTrainSettings, data: Dataset) -> None:
    if len(data.classes) < 2:
        raise PupilaError(
            say("Too few classes to train"), actual=say("one class: {names}", names=listing(data.classes)),
            expected=say("at least two classes"),
        )  # fmt: skip
    require_training(settings, say("A segmentation model needs training"))
    check_criterion(settings, _LOSSES)
    names = loss_names(settings.loss) if settings.loss != "auto" else ["cross_entropy"]
    if settings.class_weights != "none" and all(name in OVERLAP_LOSSES for name in names):
        raise PupilaError(
            say("{loss} ignores class_weights", loss=settings.loss),
            remedy=say("--loss dice+cross_entropy or omit --class-weights"),
        )
    if settings.view == "resize" and settings.overlap != "auto":
        raise conflicting_settings(
            f"view=resize, overlap={settings.overlap}", say("view=tile: only tiles overlap"), "--view tile"
        )


def _default_settings(network: Network) -> dict[str, Any]:
    epochs = 3 if network.pretrained else 40
    return {"loss": "dice+cross_entropy", "epochs": epochs, "finetune_epochs": 24, "batch_norm": "frozen"}


def _prepare(settings: SegmentTrainSettings, preprocessing: Preprocessing) -> Preprocessing:
    """With tiles, if they are wanted."""
    if settings.view != "tile":
        return preprocessing
    overlap = preprocessing.height // 4 if settings.overlap == "auto" else settings.overlap
    return preprocessing.model_copy(update={"view": settings.view, "overlap": overlap})


def _pick_unfreeze(network: Network) -> tuple[int, str]:
    return network.body.depth // 2, say(
        "the deeper half of the encoder; the first half detects edges and colours and is the most expensive to train"
    )


def _list_needs(settings: SegmentTrainSettings, plan: SegmentTrainPlan, network: Network) -> Needs:
    return {
        "focal_gamma": ("focal" in plan.loss, "--loss focal"),
        "tversky_beta": ("tversky" in plan.loss, "--loss tversky"),
    }


SEGMENT_PLANNER = TaskPlanner(
    defaults=_default_settings,
    augment="medium",
    max_batch_size=8,
    check=_check,
    prepare=_prepare,
    pick_unfreeze=_pick_unfreeze,
    pick_precision=lambda network, device, unfreeze: measure_precision(network, device),
    needs=_list_needs,
)

"""Plan the training of segmentation models."""

from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, number, say
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.losses.classes import LOSSES, OVERLAP_LOSSES
from pupila.learning.losses.sums import loss_names
from pupila.learning.models.network import NO_WEIGHTS, Network
from pupila.learning.models.segment import SIDE
from pupila.stages.train.measure import measure_precision
from pupila.stages.train.planning.mask_sizes import (
    LARGER_SIZES,
    TILE_SIDE,
    TOO_COARSE,
    MaskSizes,
    pick_epochs,
)
from pupila.stages.train.planning.mask_trial import decide_by_trial
from pupila.stages.train.planning.planner import (
    Decisions,
    Needs,
    TaskLosses,
    TaskPlanner,
    check_criterion,
    require_training,
)
from pupila.stages.train.task_settings.segment import SegmentTrainPlan, SegmentTrainSettings

_LOSSES = TaskLosses(LOSSES, smoothed="cross_entropy")
HEAD_EPOCHS = 3  # at most, of the decoder alone
UNFREEZE_ALL_EPOCHS = (
    24  # of a fine-tuning; with fewer, the deeper half of the encoder learns more in the same time
)


def _check(settings: SegmentTrainSettings, data: Dataset) -> None:
    if len(data.classes) < 2:
        raise PupilaError(
            say("Too few classes to train"), actual=say("one class: {names}", names=listing(data.classes)),
            expected=say("at least two classes"),
        )  # fmt: skip
    require_training(settings, say("A segmentation model needs training"))
    check_criterion(settings, _LOSSES)
    names = loss_names(settings.loss) if settings.loss != "auto" else ["cross_entropy"]
    if settings.class_weights not in ("auto", "none") and all(name in OVERLAP_LOSSES for name in names):
        raise PupilaError(
            say("{loss} ignores class_weights", loss=settings.loss),
            remedy=say("--loss dice+cross_entropy or omit --class-weights"),
        )


def _default_settings(network: Network) -> dict[str, Any]:
    epochs = HEAD_EPOCHS if network.pretrained else 40
    return {
        "loss": "dice+cross_entropy", "epochs": epochs, "finetune_epochs": 24, "batch_norm": "frozen",
        "class_weights": "none",
    }  # fmt: skip


def _prepare(settings: SegmentTrainSettings, preprocessing: Preprocessing) -> Preprocessing:
    """With tiles, if they are wanted."""
    if settings.view != "tile":
        return preprocessing
    overlap = preprocessing.height // 4 if settings.overlap == "auto" else settings.overlap
    return preprocessing.model_copy(update={"view": settings.view, "overlap": overlap})


def _decide_from_data(settings: SegmentTrainSettings, data: Dataset, rows: list[int]) -> Decisions:
    """View and image size by the finest class, then as many epochs as cost the same for every data set."""
    scenes = MaskSizes(data, [row for row in rows if data.images["target"][row] is not None], SIDE, 1)
    free = settings.budget is None and bool(scenes.rows)  # a budget decides by what it measures
    decided: Decisions = {}
    if settings.view == "auto" and settings.image_size == "auto" and free:
        decided = _pick_view(scenes)
    elif settings.view == "auto":
        decided = {"view": ("resize", say("default"))}
    if settings.finetune_epochs == "auto" and settings.weights != NO_WEIGHTS and free:
        view, side = (decided.get(name, [getattr(settings, name)])[0] for name in ("view", "image_size"))
        epochs, reason = pick_epochs(scenes.count_inputs(view, SIDE if side == "auto" else side))
        decided["finetune_epochs"] = (epochs, reason)
        if settings.epochs == "auto":
            decided["epochs"] = (
                min(HEAD_EPOCHS, epochs // 4),
                say("a quarter of finetune_epochs, at most {most}", most=HEAD_EPOCHS),
            )
        if settings.unfreeze == "auto" and epochs >= UNFREEZE_ALL_EPOCHS:
            decided["unfreeze"] = (
                "all",
                say("the images are few enough to train all blocks"),
            )
    return decided


def _pick_view(scenes: MaskSizes) -> Decisions:
    side, (name, overlap) = scenes.pick_size(LARGER_SIZES), scenes.find_worst_class(SIDE)
    reason = say(
        "resized to {size} pixels and back, {name} has an IoU of {iou} with its full-resolution mask; at least {least} "
        "is required", size=SIDE, name=name, iou=number(overlap, 2), least=number(TOO_COARSE, 2),
    )  # fmt: skip
    if side == SIDE:
        return {"view": ("resize", reason)}
    return {
        "view": ("tile" if side is None else "resize", reason),
        "image_size": (side or TILE_SIDE, reason),
    }


def _pick_unfreeze(network: Network) -> tuple[int, str]:
    return network.body.depth // 2, say(
        "the deeper half of the encoder; the first half detects edges and colours and is the most expensive to train"
    )


def _list_needs(settings: SegmentTrainSettings, plan: SegmentTrainPlan, network: Network) -> Needs:
    return {
        "focal_gamma": ("focal" in plan.loss, "--loss focal"),
        "tversky_beta": ("tversky" in plan.loss, "--loss tversky"),
        "overlap": (plan.view == "tile", "--view tile"),
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
    decide_from_data=_decide_from_data,
    decide_by_trial=decide_by_trial,
)

"""A budget for segmentation models: image size or tiles, then a few epochs of the decoder and the fine-tuning."""

import torch

from pupila.core.messages import number, say
from pupila.learning.models.network import Network
from pupila.stages.train.budgets.cost import (
    LEAST_SHARE,
    MAX_EPOCHS,
    MIN_FINETUNE_EPOCHS,
    BudgetedSettings,
    Cost,
    Room,
    TaskBudget,
    Timed,
)
from pupila.stages.train.measure import has_bfloat16, time_step
from pupila.stages.train.planning.mask_sizes import TILE_SIDE, TOO_COARSE, MaskSizes
from pupila.stages.train.settings import TrainSettings

MASK_IMAGE_SIZES = (512, 448, 384, 320, 256, 192, 128)  # pixels, candidates
ENOUGH_MASK_EPOCHS = 25  # a smaller image size is chosen until this many fit
MIN_TILE_EPOCHS = 6  # of all tiles; with fewer, images are resized instead
MAX_HEAD_EPOCHS = 3  # of a decoder alone
# Cost of a step that trains the decoder, or also the deeper half of the encoder, relative to one that trains all.
HEAD_COST, HALF_COST = 0.65, 0.8


def _pick_timed_side(settings: TrainSettings, network: Network) -> int:
    """The user's image size, or a small one, as cost grows quadratically."""
    return network.preprocessing.height if settings.image_size != "auto" else MASK_IMAGE_SIZES[-2]


def _time_network(settings: TrainSettings, network: Network, device: str) -> tuple[float, float]:
    step = time_step(network, device)
    if settings.precision in ("auto", "bfloat16") and has_bfloat16(device):  # emulated it takes half a minute
        step = min(step, time_step(network, device, torch.bfloat16))
    return 0.0, step


def _fit(decided: BudgetedSettings, cost: Cost, room: Room, timed: Timed) -> None:
    data, stride = timed.data, timed.network.stride
    labelled = [row for row in timed.rows if data.images["target"][row] is not None]
    scenes = MaskSizes(data, labelled, max(timed.median_side, stride), stride)
    epoch = _fit_masks(decided, cost, room.left, scenes, timed.trainings, timed.network.pretrained)
    if decided.settings.view == "auto":
        decided.limit("view", "resize", say("default"))
    share = max(LEAST_SHARE, min(1.0, room.left / epoch))
    room.fill(decided.settings, cost, share)
    epoch *= share / timed.trainings
    validating = cost.validation_images / max(1, cost.validation_images + cost.images)
    finetune = (
        epoch if decided.settings.unfreeze == "all" or not timed.network.pretrained else HALF_COST * epoch
    )
    room.expect(head=HEAD_COST * epoch, finetune=finetune, validation=validating * epoch)


def _fit_masks(
    decided: BudgetedSettings,
    cost: Cost,
    left: float,
    scenes: MaskSizes,
    trainings: int,
    pretrained: bool,
) -> float:
    """Choose the largest image size at which enough epochs fit, tiles if it would lose a class, then the epochs.

    Returns:
        Seconds of an epoch over all layers, of all trainings.
    """

    def seconds(side: int, inputs: float) -> float:
        """Seconds of an epoch with this many inputs per image."""
        share = inputs * (side / cost.image_size) ** 2
        return (
            trainings
            * share
            * (cost.images * (cost.step + cost.loading) + cost.validation_images * cost.step)
        )

    sizes = [cost.image_size]
    if decided.settings.image_size == "auto":
        fitting = [s for s in MASK_IMAGE_SIZES if s % scenes.stride == 0]
        sizes = [s for s in fitting if s <= scenes.side] or fitting[-1:]
    side = next((s for s in sizes if left / seconds(s, 1) >= ENOUGH_MASK_EPOCHS), sizes[-1])
    epoch, name, overlap = seconds(side, 1), *scenes.find_worst_class(side)
    tiles = max(1.0, scenes.pixels / TILE_SIDE**2)
    if overlap < TOO_COARSE and left / seconds(TILE_SIDE, tiles) >= MIN_TILE_EPOCHS:
        decided.set("view", "tile", say(
            "resizing to {size} pixels leaves {name} an IoU of only {iou} with its full-resolution mask",
            size=side, name=name, iou=number(overlap, 2),
        ))  # fmt: skip
    if decided.settings.view == "tile":
        side = TILE_SIDE if decided.settings.image_size == "auto" else side
        epoch = seconds(side, max(1.0, scenes.pixels / side**2))
    decided.set("image_size", side, say(
        "the largest size at which {enough} epochs fit, or the smallest; {tile} for tiles",
        enough=ENOUGH_MASK_EPOCHS, tile=TILE_SIDE,
    ))  # fmt: skip
    _share_epochs(decided, min(MAX_EPOCHS, left / epoch), say(
        "an epoch takes {epoch} s at this image size, and {left} s are available",
        epoch=number(epoch, 1), left=number(max(0.0, left), 0),
    ), pretrained)  # fmt: skip
    return epoch


def _share_epochs(decided: BudgetedSettings, whole: float, reason: str, pretrained: bool) -> None:
    """Split the time of `whole` epochs over all layers into a few head epochs and the fine-tuning."""
    settings = decided.settings
    head = (
        settings.epochs if isinstance(settings.epochs, int) else max(1, min(MAX_HEAD_EPOCHS, int(whole / 4)))
    )
    finetune = max(1, int((whole - HEAD_COST * head) / (1.0 if settings.unfreeze == "all" else HALF_COST)))
    few = finetune < MIN_FINETUNE_EPOCHS and settings.unfreeze == settings.finetune_epochs == "auto"
    if not pretrained:
        decided.set("epochs", max(1, int(whole)), reason)
    elif few or settings.unfreeze == 0:
        decided.set("unfreeze", 0, reason)
        decided.set("epochs", max(1, int(whole / HEAD_COST)), reason)
    else:
        decided.set("epochs", head, reason)
        decided.set("finetune_epochs", finetune, reason)


SEGMENT_BUDGET = TaskBudget(timed_side=_pick_timed_side, time_network=_time_network, fit=_fit)

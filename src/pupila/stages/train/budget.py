"""Fit a training into a time budget, by timing a few images and steps."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.errors import PupilaError
from pupila.core.messages import number, say
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.imaging.images.preprocess import fit_image, min_decode_side
from pupila.imaging.masks.codec import resize_mask
from pupila.learning.augment import augment
from pupila.learning.models.network import Network
from pupila.stages.train.classify import CLASSIFY_RECIPE
from pupila.stages.train.measure import pick_engine, resolve_device, time_step
from pupila.stages.train.recipe import TrainingRecipe
from pupila.stages.train.settings import TrainSettings
from pupila.statistics.metrics.segment import confusion_counts, iou

IMAGE_SIZES = (256, 224, 192, 160, 128, 96, 64)  # pixels, candidates
MASK_IMAGE_SIZES = (512, 448, 384, 320, 256, 192, 128)  # pixels, candidates for segmentation
ENOUGH_MASK_EPOCHS = 25  # a smaller image size is chosen until this many fit
TILE_SIDE = 256  # pixels
MIN_TILE_EPOCHS = 6  # of all tiles; with fewer, images are resized instead
TOO_COARSE = 0.8  # IoU of a class with itself after resizing down and up; below it tiles are better
_MASKS_MEASURED = 24  # masks
ENOUGH_EPOCHS = 15  # from scratch; a smaller image size is chosen until this many fit
MAX_EPOCHS, MAX_FINETUNE_EPOCHS, MAX_VIEWS = 60, 15, 10
MIN_FINETUNE_EPOCHS = 3
MAX_HEAD_EPOCHS = 3  # of a decoder alone
# Cost of a step that trains the decoder, or also the deeper half of the encoder, relative to one that trains all.
HEAD_COST, HALF_COST = 0.65, 0.8
FINETUNED_BLOCKS = 3
RESERVE = 20.0  # seconds for the start, the export and its parity check
TUNING_SECONDS = 0.25  # per validation image, for post-processing
EXPORT_SECONDS = 15.0  # for the trial export of a segmentation model
SPARE = 0.8  # share of the remaining time that is planned; other processes need the rest
_IMAGES_TIMED = 8  # images
_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass
class Cost:
    """Measured cost per image on this machine, in seconds."""

    images: int  # of the training split
    validation_images: int  # of validation
    loading: float  # to read, decode, resize and augment
    encoding: float  # with the frozen encoder; 0 without pretrained weights
    step: float  # forward and backward through all layers
    image_size: int  # at which the cost was measured


@dataclass
class BudgetedSettings:
    """Settings with their reasons; those of the user stay as they are."""

    settings: TrainSettings
    reasons: dict[str, str] = field(default_factory=dict)

    def set(self, name: str, value: Any, reason: str) -> None:
        """Decide a setting that the user did not set."""
        if name not in self.settings.model_fields_set:
            self.settings = self.settings.model_copy(update={name: value})
            self.reasons[name] = reason


def parse_seconds(budget: str) -> float:
    """`90s`, `15m` or `2h` in seconds.

    Raises:
        PupilaError: anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", str(budget).strip())
    if not match or not float(match[1]):
        raise PupilaError(
            say("Invalid budget"), actual=repr(budget), expected=say("a time such as 90s, 15m or 2h")
        )
    return float(match[1]) * _UNITS[match[2]]


def fit_to_budget(
    settings: TrainSettings,
    data: Dataset,
    splits: SplitFile,
    build_network: Callable[[TrainSettings], Network],
    recipe: TrainingRecipe = CLASSIFY_RECIPE,
) -> BudgetedSettings:
    """Decide image size, epochs, augmented views and unfrozen blocks so that training ends in time.

    Raises:
        PupilaError: the budget is not a time, or too short for one epoch.
    """
    start = time.monotonic()
    budget = parse_seconds(str(settings.budget))
    network = build_network(settings)
    if not network.task.caches_features:
        network = build_network(
            settings.model_copy(update={"image_size": _timed_image_size(network, settings)})
        )
    measured = _measure_cost(settings, data, splits, network, recipe)
    trainings = (
        _count_folds(splits) + 1 if _count_folds(splits) else 1
    )  # one for each fold, and one on all of them
    spent = RESERVE + (time.monotonic() - start)
    if not network.task.caches_features:
        spent += TUNING_SECONDS * measured.validation_images * max(1, trainings - 1) + EXPORT_SECONDS
    left = SPARE * (budget - spent)
    decided = BudgetedSettings(settings)
    if not network.task.caches_features:
        scenes = MaskSizes(
            data,
            [row for row in _training_rows(splits) if data.images["target"][row] is not None],
            network.stride,
        )
        _fit_masks(decided, measured, left, trainings, scenes, network.pretrained)
    elif network.pretrained:
        _fit_pretrained(decided, measured, left, trainings)
    else:
        _fit_from_scratch(decided, measured, left, trainings, _median_side(data))
    return decided


def _timed_image_size(network: Network, settings: TrainSettings) -> int:
    """The image size at which segmentation steps are timed: the user's, or a small one, as cost grows quadratically."""
    return network.preprocessing.height if settings.image_size != "auto" else MASK_IMAGE_SIZES[-2]


def _measure_cost(
    settings: TrainSettings, data: Dataset, splits: SplitFile, network: Network, recipe: TrainingRecipe
) -> Cost:
    device = resolve_device(settings.device)
    rows, folds = _training_rows(splits), _count_folds(splits)
    some = rows[:: max(1, len(rows) // _IMAGES_TIMED)][:_IMAGES_TIMED]
    preset = recipe.augment if settings.augment == "auto" else settings.augment
    start = time.perf_counter()
    for row in some:
        rgb = data.pixels(row, min_decode_side(network.preprocessing))
        augment(fit_image(rgb, network.preprocessing), preset, row)
    picture = (time.perf_counter() - start) / len(some)
    encoded = (
        pick_engine(network, device).seconds if network.pretrained and network.task.caches_features else 0.0
    )
    step = time_step(network, device)
    if not network.task.caches_features and settings.precision in ("auto", "bfloat16"):
        step = min(step, time_step(network, device, torch.bfloat16))
    images = round(len(rows) * (folds - 1) / folds) if folds else len(rows)
    others = len(rows) - images if folds else len(splits.in_split(VALIDATION))
    return Cost(images, others, picture, encoded, step, network.preprocessing.height)


def _training_rows(splits: SplitFile) -> list[int]:
    """The rows of the training split, or of all folds."""
    return [row for row, a in enumerate(splits.images) if a.split == TRAIN or a.fold is not None]


def _count_folds(splits: SplitFile) -> int:
    return len({a.fold for a in splits.images if a.fold is not None})


def _fit_pretrained(decided: BudgetedSettings, cost: Cost, left: float, trainings: int) -> None:
    """Encode once for all trainings, train the head, and unfreeze the last blocks if the remaining time allows it."""
    pictures = (cost.images + cost.validation_images) * cost.loading
    once = pictures + (cost.images + cost.validation_images) * cost.encoding
    if once > left:
        _refuse_budget(once)
    more = (left / 2 - once) / (cost.images * (cost.encoding + cost.loading))
    views = max(1, min(MAX_VIEWS, 1 + int(more)))
    decided.set("augmented_views", views, say(
        "half of the budget encodes {n} augmented views per image at {ms} ms each",
        n=views, ms=number(1e3 * (cost.encoding + cost.loading), 1),
    ))  # fmt: skip
    spent = once + (views - 1) * cost.images * (cost.encoding + cost.loading)
    epoch = trainings * (cost.images * (cost.step + cost.loading) + cost.validation_images * cost.encoding)
    epochs = min(MAX_FINETUNE_EPOCHS, int((left - spent) / epoch))
    reason = say(
        "{left} s remain, and an epoch with unfrozen blocks takes {epoch} s",
        left=number(max(0.0, left - spent), 0),
        epoch=number(epoch, 0),
    )
    decided.set("unfreeze", FINETUNED_BLOCKS if epochs >= MIN_FINETUNE_EPOCHS else 0, reason)
    if epochs >= MIN_FINETUNE_EPOCHS:
        decided.set("finetune_epochs", epochs, reason)


def _fit_from_scratch(
    decided: BudgetedSettings, cost: Cost, left: float, trainings: int, largest: int
) -> None:
    """Choose the largest image size at which enough epochs fit."""
    usual = decided.settings.image_size
    sizes = (
        [cost.image_size]
        if usual != "auto"
        else [s for s in IMAGE_SIZES if s <= min(cost.image_size, largest)] or [64]
    )
    for side in sizes:
        step = cost.step * (side / cost.image_size) ** 2
        epoch = trainings * (
            cost.images * (step + cost.loading) + cost.validation_images * (step / 3 + cost.loading)
        )
        epochs = int((left - (cost.images + cost.validation_images) * cost.loading) / epoch)
        if epochs >= ENOUGH_EPOCHS:
            break
    if epochs < 1:
        _refuse_budget(epoch)
    decided.set("image_size", side, say(
        "the largest size at which {enough} epochs fit, or the smallest; the median image side is {largest} pixels",
        enough=ENOUGH_EPOCHS, largest=largest,
    ))  # fmt: skip
    decided.set("epochs", min(MAX_EPOCHS, epochs), say(
        "an epoch takes {epoch} s at this image size, and {left} s are available",
        epoch=number(epoch, 1), left=number(left, 0),
    ))  # fmt: skip


def _fit_masks(
    decided: BudgetedSettings, cost: Cost, left: float, trainings: int, scenes: "MaskSizes", pretrained: bool
) -> None:
    """Choose the largest image size at which enough epochs fit, tiles if it would lose a class, then the epochs."""

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
    if left < epoch:
        _refuse_budget(epoch)
    decided.set("image_size", side, say(
        "the largest size at which {enough} epochs fit, or the smallest; {tile} for tiles",
        enough=ENOUGH_MASK_EPOCHS, tile=TILE_SIDE,
    ))  # fmt: skip
    _share_epochs(decided, min(MAX_EPOCHS, left / epoch), say(
        "an epoch takes {epoch} s at this image size, and {left} s are available",
        epoch=number(epoch, 1), left=number(left, 0),
    ), pretrained)  # fmt: skip


def _share_epochs(decided: BudgetedSettings, whole: float, reason: str, pretrained: bool) -> None:
    """Split the time of `whole` epochs over all layers into a few head epochs and the fine-tuning."""
    settings = decided.settings
    head = (
        settings.epochs if isinstance(settings.epochs, int) else max(1, min(MAX_HEAD_EPOCHS, int(whole / 4)))
    )
    finetune = max(1, int((whole - HEAD_COST * head) / (1.0 if settings.unfreeze == "all" else HALF_COST)))
    few = finetune < MIN_FINETUNE_EPOCHS and settings.unfreeze == settings.finetune_epochs == "auto"
    if not pretrained:
        decided.set("epochs", int(whole), reason)
    elif few or settings.unfreeze == 0:
        decided.set("unfreeze", 0, reason)
        decided.set("epochs", max(1, int(whole / HEAD_COST)), reason)
    else:
        decided.set("epochs", head, reason)
        decided.set("finetune_epochs", finetune, reason)


@dataclass(frozen=True, slots=True)
class MaskSizes:
    """Image and mask sizes of a data set."""

    data: Dataset
    rows: list[int]  # outside the sealed test split
    stride: int  # pixels; image sizes are multiples of it

    @property
    def side(self) -> int:
        """The median of the shorter sides, pixels."""
        return max(_median_side(self.data), self.stride)

    @property
    def pixels(self) -> float:
        """Mean number of pixels of an image."""
        return float((self.data.images["width"].cast(int) * self.data.images["height"].cast(int)).mean())  # type: ignore[arg-type]

    def find_worst_class(self, side: int) -> tuple[str, float]:
        """The class that loses most when masks are resized to a square, and its IoU with itself after resizing back."""
        rows, classes = self.rows, len(self.data.classes)
        total = np.zeros((classes + 1, classes + 1), dtype=np.int64)  # the last one: pixels without a label
        for row in rows[:: max(1, len(rows) // _MASKS_MEASURED)][:_MASKS_MEASURED]:
            mask = self.data.mask(row)
            back = np.minimum(resize_mask(resize_mask(mask, side, side), *mask.shape), classes)
            total += confusion_counts(mask, back, classes + 1)
        ious = iou(total[:classes, :classes])
        worst = int(ious.argmin())
        return self.data.classes[worst], float(ious[worst])


def _median_side(data: Dataset) -> int:
    """The median of the shorter sides, pixels: a larger input holds no more detail."""
    shorter = sorted(map(min, data.images["width"].to_list(), data.images["height"].to_list()))
    return int(shorter[len(shorter) // 2])


def _refuse_budget(needed: float) -> None:
    raise PupilaError(
        say("The budget is too short"), actual=say("not enough time for one epoch"),
        expected=say("at least {n} s", n=number(needed / SPARE + RESERVE, 0)),
        remedy=say("a longer --budget, or fewer images"),
    )  # fmt: skip

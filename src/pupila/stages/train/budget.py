"""Training in a given time: what a few timed pictures and steps say can be afforded."""

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
from pupila.core.messages import say
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.imaging.images.prepare import place, side_to_decode
from pupila.imaging.masks.codec import resized
from pupila.learning.augment import augment
from pupila.learning.models.network import Network
from pupila.stages.train.classify import CLASSES
from pupila.stages.train.engine import device_of, fastest, step_seconds
from pupila.stages.train.recipe import Kind
from pupila.stages.train.settings import TrainSettings
from pupila.statistics.metrics.segment import counts, iou

SIDES = (256, 224, 192, 160, 128, 96, 64)  # pixels, that may be tried
MASK_SIDES = (512, 448, 384, 320, 256, 192, 128)  # pixels, that may be tried for masks
ENOUGH_MASK_EPOCHS = 25  # for which the side is made smaller
TILE_SIDE, FEWEST_TILE_EPOCHS = (
    256,
    6,
)  # pixels; epochs of all tiles, below which pictures are resized after all
TOO_COARSE = 0.8  # IoU of a class with itself after resizing there and back, below which tiles are better
_LOOKED_AT = 24  # masks
ENOUGH_EPOCHS = 15  # of training from scratch, for which the side is made smaller
MOST_EPOCHS, MOST_FINE_EPOCHS, MOST_VIEWS = 60, 15, 10
FEWEST_FINE_EPOCHS = 3
MOST_HEAD_EPOCHS = 3  # of a decoder alone
HEAD_COST, HALF_COST = (
    0.65,
    0.8,
)  # of a step in which the decoder, or the deeper half too, learns, over one of all
FINE_BLOCKS = 3
RESERVE = 20.0  # seconds for the start, the export and its proof
TUNED, EXPORTED = (
    0.25,
    15.0,
)  # seconds: to tune the answer to an image of validation; to try the export of masks
SPARE = 0.8  # share of what is left that is planned with: a laptop has other work too
_TIMED = 8  # pictures
_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass
class Measured:
    """What a picture costs here, in seconds."""

    images: int  # of the training split
    others: int  # of validation
    picture: float  # read, decoded, placed and augmented once
    encoded: float  # by the frozen encoder; 0 where nothing is pretrained
    step: float  # forward and backward through everything
    side: int  # at which it was measured


@dataclass
class Decided:
    """Settings with their reasons; what the user set stays."""

    wish: TrainSettings
    reasons: dict[str, str] = field(default_factory=dict)

    def set(self, name: str, value: Any, reason: str) -> None:
        """Decide a setting that the user left open."""
        if name not in self.wish.model_fields_set:
            self.wish = self.wish.model_copy(update={name: value})
            self.reasons[name] = reason


def seconds_of(budget: str) -> float:
    """`90s`, `15m` or `2h` in seconds.

    Raises:
        PupilaError: anything else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", str(budget).strip())
    if not found or not float(found[1]):
        raise PupilaError(say("Bad budget"), found=repr(budget), wanted=say("a time such as 90s, 15m or 2h"))
    return float(found[1]) * _UNITS[found[2]]


def within_budget(
    wish: TrainSettings,
    data: Dataset,
    splits: SplitFile,
    network_of: Callable[[TrainSettings], Network],
    kind: Kind = CLASSES,
) -> Decided:
    """Decide side, epochs, views and what is thawed, so that training ends in time.

    Raises:
        PupilaError: the budget is no time, or too short for one epoch.
    """
    start = time.monotonic()
    budget = seconds_of(str(wish.budget))
    network = network_of(wish)
    if not network.pooled:
        network = network_of(wish.model_copy(update={"side": _measured_side(network, wish)}))
    measured = _measure(wish, data, splits, network, kind)
    trainings = _folds(splits) + 1 if _folds(splits) else 1  # one for each fold, and one on all of them
    spent = RESERVE + (time.monotonic() - start)
    if not network.pooled:
        spent += TUNED * measured.others * max(1, trainings - 1) + EXPORTED
    left = SPARE * (budget - spent)
    decided = Decided(wish)
    if not network.pooled:
        scenes = Scenes(
            data, [row for row in _learned(splits) if data.images["target"][row] is not None], network.stride
        )
        _masks(decided, measured, left, trainings, scenes, network.pretrained)
    elif network.pretrained:
        _pretrained(decided, measured, left, trainings)
    else:
        _from_scratch(decided, measured, left, trainings, _side_of_images(data))
    return decided


def _measured_side(network: Network, wish: TrainSettings) -> int:
    """The side at which steps for masks are timed: that of the user, or a small one, for steps grow with its square."""
    return network.preparation.height if wish.side != "auto" else MASK_SIDES[-2]


def _measure(wish: TrainSettings, data: Dataset, splits: SplitFile, network: Network, kind: Kind) -> Measured:
    device = device_of(wish.device)
    rows, folds = _learned(splits), _folds(splits)
    some = rows[:: max(1, len(rows) // _TIMED)][:_TIMED]
    preset = kind.augment if wish.augment == "auto" else wish.augment
    start = time.perf_counter()
    for row in some:
        rgb = data.pixels(row, side_to_decode(network.preparation))
        augment(place(rgb, network.preparation), preset, row)
    picture = (time.perf_counter() - start) / len(some)
    encoded = fastest(network, device).seconds if network.pretrained and network.pooled else 0.0
    step = step_seconds(network, device)
    if not network.pooled and wish.precision in ("auto", "bfloat16"):
        step = min(step, step_seconds(network, device, torch.bfloat16))
    images = round(len(rows) * (folds - 1) / folds) if folds else len(rows)
    others = len(rows) - images if folds else len(splits.of(VALIDATION))
    return Measured(images, others, picture, encoded, step, network.preparation.height)


def _learned(splits: SplitFile) -> list[int]:
    """The rows that training learns from."""
    return [row for row, a in enumerate(splits.images) if a.split == TRAIN or a.fold is not None]


def _folds(splits: SplitFile) -> int:
    return len({a.fold for a in splits.images if a.fold is not None})


def _pretrained(decided: Decided, cost: Measured, left: float, trainings: int) -> None:
    """Encode once for all trainings, learn the head, and thaw the last blocks where the rest of the time allows it."""
    pictures = (cost.images + cost.others) * cost.picture
    once = pictures + (cost.images + cost.others) * cost.encoded
    if once > left:
        _refuse(once)
    more = (left / 2 - once) / (cost.images * (cost.encoded + cost.picture))
    views = max(1, min(MOST_VIEWS, 1 + int(more)))
    decided.set("views", views, say(
        "half of the time encodes {n} views of each image at {ms:.1f} ms each",
        n=views, ms=1e3 * (cost.encoded + cost.picture),
    ))  # fmt: skip
    spent = once + (views - 1) * cost.images * (cost.encoded + cost.picture)
    epoch = trainings * (cost.images * (cost.step + cost.picture) + cost.others * cost.encoded)
    epochs = min(MOST_FINE_EPOCHS, int((left - spent) / epoch))
    reason = say(
        "{left:.0f} s are left, and an epoch with thawed blocks takes {epoch:.0f} s",
        left=max(0.0, left - spent),
        epoch=epoch,
    )
    decided.set("thaw", FINE_BLOCKS if epochs >= FEWEST_FINE_EPOCHS else 0, reason)
    if epochs >= FEWEST_FINE_EPOCHS:
        decided.set("fine_epochs", epochs, reason)


def _from_scratch(decided: Decided, cost: Measured, left: float, trainings: int, largest: int) -> None:
    """The largest side at which enough epochs fit."""
    usual = decided.wish.side
    sides = [cost.side] if usual != "auto" else [s for s in SIDES if s <= min(cost.side, largest)] or [64]
    for side in sides:
        step = cost.step * (side / cost.side) ** 2
        epoch = trainings * (cost.images * (step + cost.picture) + cost.others * (step / 3 + cost.picture))
        epochs = int((left - (cost.images + cost.others) * cost.picture) / epoch)
        if epochs >= ENOUGH_EPOCHS:
            break
    if epochs < 1:
        _refuse(epoch)
    decided.set("side", side, say(
        "the largest at which {enough} epochs fit, or the smallest; half of the images are at least {largest} pixels",
        enough=ENOUGH_EPOCHS, largest=largest,
    ))  # fmt: skip
    decided.set("epochs", min(MOST_EPOCHS, epochs), say(
        "an epoch takes {epoch:.1f} s at this side, and {left:.0f} s are planned", epoch=epoch, left=left
    ))  # fmt: skip


def _masks(
    decided: Decided, cost: Measured, left: float, trainings: int, scenes: "Scenes", pretrained: bool
) -> None:
    """The largest side at which enough epochs fit; tiles where resizing to it would lose a class; then the epochs."""

    def seconds(side: int, inputs: float) -> float:
        """Of an epoch, with so many inputs an image."""
        share = inputs * (side / cost.side) ** 2
        return trainings * share * (cost.images * (cost.step + cost.picture) + cost.others * cost.step)

    sides = [cost.side]
    if decided.wish.side == "auto":
        fitting = [s for s in MASK_SIDES if s % scenes.stride == 0]
        sides = [s for s in fitting if s <= scenes.side] or fitting[-1:]
    side = next((s for s in sides if left / seconds(s, 1) >= ENOUGH_MASK_EPOCHS), sides[-1])
    epoch, name, kept = seconds(side, 1), *scenes.kept(side)
    tiles = max(1.0, scenes.pixels / TILE_SIDE**2)
    if kept < TOO_COARSE and left / seconds(TILE_SIDE, tiles) >= FEWEST_TILE_EPOCHS:
        decided.set("view", "tile", say(
            "resized to {side} pixels, {name} would keep an IoU of {kept:.2f} with itself",
            side=side, name=name, kept=kept,
        ))  # fmt: skip
    if decided.wish.view == "tile":
        side = TILE_SIDE if decided.wish.side == "auto" else side
        epoch = seconds(side, max(1.0, scenes.pixels / side**2))
    if left < epoch:
        _refuse(epoch)
    decided.set("side", side, say(
        "the largest at which {enough} epochs fit, or the smallest; of a tile {tile}",
        enough=ENOUGH_MASK_EPOCHS, tile=TILE_SIDE,
    ))  # fmt: skip
    _mask_epochs(decided, min(MOST_EPOCHS, left / epoch), say(
        "an epoch takes {epoch:.1f} s at this side, and {left:.0f} s are planned", epoch=epoch, left=left
    ), pretrained)  # fmt: skip


def _mask_epochs(decided: Decided, whole: float, reason: str, pretrained: bool) -> None:
    """Share out what is as long as so many epochs of everything: a few for the decoder first."""
    wish = decided.wish
    head = wish.epochs if isinstance(wish.epochs, int) else max(1, min(MOST_HEAD_EPOCHS, int(whole / 4)))
    fine = max(1, int((whole - HEAD_COST * head) / (1.0 if wish.thaw == "all" else HALF_COST)))
    few = fine < FEWEST_FINE_EPOCHS and wish.thaw == wish.fine_epochs == "auto"
    if not pretrained:
        decided.set("epochs", int(whole), reason)
    elif few or wish.thaw == 0:
        decided.set("thaw", 0, reason)
        decided.set("epochs", max(1, int(whole / HEAD_COST)), reason)
    else:
        decided.set("epochs", head, reason)
        decided.set("fine_epochs", fine, reason)


@dataclass(frozen=True, slots=True)
class Scenes:
    """The masks of a data set, as far as a budget has to know them."""

    data: Dataset
    rows: list[int]  # that may be looked at, for the test split is sealed
    stride: int  # pixels, of which a side is a multiple

    @property
    def side(self) -> int:
        """The median of the shorter sides, pixels."""
        return max(_side_of_images(self.data), self.stride)

    @property
    def pixels(self) -> float:
        """Of an image, in the mean."""
        return float((self.data.images["width"].cast(int) * self.data.images["height"].cast(int)).mean())  # type: ignore[arg-type]

    def kept(self, side: int) -> tuple[str, float]:
        """The class that loses most when masks are resized to a square, and its IoU with itself after the way back."""
        rows, classes = self.rows, len(self.data.classes)
        total = np.zeros((classes + 1, classes + 1), dtype=np.int64)  # the last one: pixels that got no label
        for row in rows[:: max(1, len(rows) // _LOOKED_AT)][:_LOOKED_AT]:
            mask = self.data.mask(row)
            back = np.minimum(resized(resized(mask, side, side), *mask.shape), classes)
            total += counts(mask, back, classes + 1)
        told = iou(total[:classes, :classes])
        worst = int(told.argmin())
        return self.data.classes[worst], float(told[worst])


def _side_of_images(data: Dataset) -> int:
    """The median of the shorter sides, pixels: a larger input would show nothing more."""
    shorter = sorted(map(min, data.images["width"].to_list(), data.images["height"].to_list()))
    return int(shorter[len(shorter) // 2])


def _refuse(needed: float) -> None:
    raise PupilaError(
        say("The budget is too short"), found=say("not one pass over the images fits"),
        wanted=say("about {n:.0f} s or more", n=needed / SPARE + RESERVE),
        remedy=say("a longer --budget, or fewer images"),
    )  # fmt: skip

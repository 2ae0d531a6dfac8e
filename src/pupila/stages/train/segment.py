"""Training for masks: pictures resized or in tiles, Dice or IoU on validation at the images' own size."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.threads import ahead
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.prepare import Preparation, place
from pupila.imaging.masks.codec import as_png, resized
from pupila.imaging.masks.drawing import overlay
from pupila.learning.augment import contact_sheet
from pupila.learning.loader.batches import chunks, order
from pupila.learning.loader.segment import MaskedViews
from pupila.learning.loop import Judged
from pupila.learning.losses import OVERLAPS, class_weights, loss_of, terms_of
from pupila.learning.models.network import Network, Thawed
from pupila.stages.train.recipe import Frozen, Kind, Sides
from pupila.stages.train.segment_tuning import Answered, baseline, conclude, levels_of, score_name
from pupila.stages.train.settings import OF_PROMPTS, TrainPlan, TrainSettings, as_it_is, at_odds
from pupila.statistics.metrics import segment as figures
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.tasks.segment import SEGMENT, probabilities_of
from pupila.tasks.task import Decision, Prepared

_AT_ONCE = 8  # inputs that run through the network together
EXAMPLES, EXAMPLE_SIDE = 6, 160  # panels of a training, and the side of a picture on them, pixels
_SAMPLED = 500  # pixels of an image, by which the temperature is fitted


@dataclass(frozen=True, slots=True)
class Asked:
    """A validation image on its way from the network to its mask."""

    row: int
    image: Prepared
    targets: Array  # (K, h, w) int64
    logits: Array  # (K, C, h, w) float32
    loss: float


class MaskLesson:
    """A `Lesson` of masks.

    An item is a row of the data set, and which of its tiles: row + N * tile.

    Args:
        data: the data set.
        sides: what to learn from and what to judge by.
        plan: every setting, decided.
        network: is trained in place.
    """

    def __init__(self, data: Dataset, sides: Sides, plan: TrainPlan, network: Network) -> None:
        self.data, self.sides, self.plan, self.network = data, sides, plan, network
        rows = [*sides.train, *sides.validation]
        spec, learned = network.preparation, sides.train or sides.validation
        self.views = MaskedViews(data, spec, rows, plan.augment, plan.seed, learned)
        weights = class_weights(data.shares[sides.train].sum(axis=0), plan.class_weights)
        self.criterion = loss_of(plan.loss, None if weights is None else weights.to(plan.device), plan)
        tiles = {row: self.views.tiles(row) for row in sides.train}
        self._most = max(tiles.values(), default=1)
        self._items = np.array([row + tile * len(data) for row in sides.train for tile in range(tiles[row])])
        self.told = reading(plan, network)
        self._examples = sides.validation[:: max(1, len(sides.validation) // 3)][:3]

    def batches(self, epoch: int) -> list[list[int]]:
        """The items of the epoch's batches."""
        return chunks(self._items[order(len(self._items), self.plan.seed, epoch)], self.plan.batch_size)

    def inputs(self, items: list[int], view: int) -> tuple[Array, Array]:
        """(K, 3, H, W) float32 pictures and (K, H, W) int64 classes of their pixels."""
        count = len(self.data)
        return self.views.batch([(item % count, view * self._most + item // count) for item in items])

    def module(self, thaw: int | str) -> nn.Module:
        """Encoder and head."""
        return Thawed(self.network, thaw)

    def judged(self, module: nn.Module, epoch: int) -> Judged:
        """What validation says of the module, at the images' own size."""
        classes = len(self.plan.classes)
        if not self.sides.validation:
            return Judged(score=float(epoch), loss=None, classes_answered=classes, metrics={})

        shown: dict[int, Array] = {}

        def counted(asked: Asked) -> tuple[Array, float]:
            answer = probabilities_of(asked.logits, asked.image, self.told).argmax(axis=0)
            if asked.row in self._examples:
                shown[asked.row] = answer.astype(np.uint8)
            return figures.counts(self.views.truth(asked.row), answer, classes), asked.loss

        told = list(ahead(self._asked(module), counted))
        counts = np.stack([one for one, _ in told])
        labelled = counts[counts.any(axis=(1, 2))]
        means = {
            name.lower(): float(figures.image_scores(labelled, metric).mean()) if len(labelled) else 0.0
            for name, metric in (("Dice", figures.dice), ("IoU", figures.iou))
        }
        return Judged(
            score=figures.score(counts),
            loss=float(np.mean([loss for _, loss in told])),
            classes_answered=int(counts.sum(axis=(0, 1)).astype(bool).sum()),
            metrics=means,
            example=self._panel(shown) if self._is_shown(epoch) else None,
        )

    def _is_shown(self, epoch: int) -> bool:
        """The first epoch that is judged, and every few from there."""
        epochs = max(self.plan.epochs, self.plan.fine_epochs)
        return epoch >= 0 and epoch % max(1, -(-epochs // EXAMPLES)) == 0

    def _panel(self, answers: dict[int, Array]) -> bytes:
        """A PNG: some pictures, one below the other, each with its truth and with the answer laid over it."""
        classes, side = len(self.plan.classes), EXAMPLE_SIDE
        size = Preparation(height=side, width=side)
        rows = []
        for row in self._examples:
            picture = place(self.data.pixels(row, 2 * side), size)
            masks = (self.views.truth(row), answers[row])
            rows.append([picture, *(overlay(picture, resized(mask, side, side), classes) for mask in masks)])
        return contact_sheet(rows)

    def collected(self, module: nn.Module) -> list[Answered]:
        """What the module answers to the validation rows, in their order, as the calibrated bundle would."""
        samples = list(ahead(self._asked(module), self._sampled))
        if not samples:
            return []
        logits, truth = (np.concatenate(part) for part in zip(*samples, strict=True))
        told = self.told.model_copy(update={"temperature": fit_temperature(logits, truth)})
        pngs = ahead(self._asked(module), partial(self._drawn, told))
        return [Answered(png, *sample) for png, sample in zip(pngs, samples, strict=True)]

    def head(self) -> Frozen | None:
        """None: an encoder's maps are too large to be kept for every view."""
        return None

    def _sampled(self, asked: Asked) -> tuple[Array, Array]:
        """Logits and classes of some labelled pixels, by which the temperature is fitted."""
        random = np.random.default_rng([self.plan.seed, asked.row])
        known = np.flatnonzero(asked.targets.ravel() != IGNORE)
        some = known[random.integers(len(known), size=_SAMPLED)] if len(known) else known
        flat = asked.logits.transpose(0, 2, 3, 1).reshape(-1, asked.logits.shape[1])
        return flat[some], asked.targets.ravel()[some]

    def _drawn(self, told: BundleInfo, asked: Asked) -> bytes:
        """Of two classes the foreground's probability in levels, else the likeliest class, as PNG."""
        probabilities = probabilities_of(asked.logits, asked.image, told)
        binary = len(self.plan.classes) == 2
        return as_png(
            levels_of(probabilities[1]) if binary else probabilities.argmax(axis=0).astype(np.uint8), 0
        )

    def _asked(self, module: nn.Module) -> Iterator[Asked]:
        """The network's answers to the validation rows, image by image; the next ones are prepared meanwhile."""
        module.eval()
        tiled = self.network.preparation.view == "tile"
        groups = chunks(np.asarray(self.sides.validation, dtype=np.int64), 1 if tiled else _AT_ONCE)

        def made(rows: list[int]) -> list[tuple[Prepared, Array]]:
            return [self.views.whole(row) for row in rows]

        for rows, images in zip(groups, ahead(groups, made, self.plan.workers), strict=True):
            logits = self._run(module, np.concatenate([image.inputs for image, _ in images]))
            start = 0
            for row, (image, targets) in zip(rows, images, strict=True):
                own = logits[start : start + len(image.inputs)]
                start += len(image.inputs)
                with torch.inference_mode():
                    loss = float(self.criterion(own, torch.from_numpy(targets).to(self.plan.device)))
                seen = replace(image, inputs=image.inputs[:0])  # large, and of no more use
                yield Asked(row, seen, targets, own.cpu().numpy(), loss)

    def _run(self, module: nn.Module, inputs: Array) -> Tensor:
        """(K, C, h, w) float32 logits, in float32 whatever the steps run in."""
        found = []
        with torch.inference_mode():
            for start in range(0, len(inputs), _AT_ONCE):
                pixels = torch.from_numpy(inputs[start : start + _AT_ONCE]).to(self.plan.device)
                found.append(module(pixels.contiguous(memory_format=torch.channels_last)).float())
        return torch.cat(found)


def reading(plan: TrainPlan, network: Network) -> BundleInfo:
    """How logits become probabilities before anything is calibrated or tuned."""
    return BundleInfo(
        made_by="", created="", task=SEGMENT.name, classes=plan.classes, preparation=network.preparation,
        decision=Decision(), model={}, validation={},
    )  # fmt: skip


def _collapsed(found: list[Answered]) -> bool:
    """Whether all pixels of all images got one class."""
    return len(found) > 0 and len(set().union(*(one.classes() for one in found))) < 2


def _baseline(data: Dataset, rows: list[int]) -> dict[str, Any]:
    """What always answering the best single class would reach."""
    counts = data.class_pixels[rows]
    matrices = np.zeros((len(rows), counts.shape[1], counts.shape[1]), dtype=np.int64)
    matrices[:, :, 0] = counts  # of a constant answer the true classes alone count
    return baseline(matrices, data.classes)


def _check(wish: TrainSettings, data: Dataset) -> None:
    if len(data.classes) < 2:
        raise PupilaError(
            say("Nothing to tell apart"), found=say("one class: {names}", names=listing(data.classes)),
            wanted=say("two classes or more"),
        )  # fmt: skip
    if as_it_is(wish):
        raise PupilaError(
            say("A network for masks has to learn its classes"), found="epochs=0", wanted=say("one epoch or more"),
            remedy="--set epochs=20",
        )  # fmt: skip
    names = [name for _, name in terms_of(wish.loss)] if wish.loss != "auto" else ["cross_entropy"]
    if wish.class_weights != "none" and all(name in OVERLAPS for name in names):
        raise at_odds(f"loss={wish.loss}, class_weights={wish.class_weights}",
                      say("a loss that weighs pixels: an overlap weighs its classes alike"),
                      "loss=dice+cross_entropy")  # fmt: skip


def _usual(network: Network) -> dict[str, Any]:
    epochs = 3 if network.pretrained else 40
    return {"loss": "dice+cross_entropy", "epochs": epochs, "fine_epochs": 24}


MASKS = Kind(
    task=SEGMENT,
    usual=_usual,
    augment="medium",
    idle=("head", "head_width", "dropout", "views", "sampling", "threshold", *OF_PROMPTS),
    score=score_name,
    batch=8,
    lesson=MaskLesson,
    joined=lambda parts: [one for part in parts for one in part],
    collapsed=_collapsed,
    conclude=conclude,
    baseline=_baseline,
    check=_check,
)

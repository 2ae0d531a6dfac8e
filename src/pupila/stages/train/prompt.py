"""Training for prompts: a mask decoder on kept embeddings, judged by the IoU of what points and boxes ask for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import things_of
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.threads import ahead
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import as_png
from pupila.learning.features import Features
from pupila.learning.loader.batches import chunks, order
from pupila.learning.loader.prompt import PromptedViews, padded
from pupila.learning.loader.views import View
from pupila.learning.loop import Batch, Judged
from pupila.learning.losses import prompted
from pupila.learning.models.network import Network, Thawed
from pupila.learning.models.settings import OWN
from pupila.stages.train.engine import encoder_on
from pupila.stages.train.phases import on_device
from pupila.stages.train.prompt_tuning import Unit, baseline, conclude, sampled, score_name
from pupila.stages.train.recipe import Kind, Sides
from pupila.stages.train.segment_tuning import levels_of
from pupila.stages.train.settings import TrainPlan, TrainSettings
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.segment import METRICS, counts
from pupila.tasks.prompt import HERE, NO_POINT, NOT_HERE, PROMPT, Raw, placed_prompt, probability_of
from pupila.tasks.prompt_strategies import WAYS
from pupila.tasks.segment import things
from pupila.tasks.task import Decision, Prepared

_VIEWS = 4  # augmented views of an image that "auto" encodes


class Prompting(nn.Module):
    """A promptable network as it is trained: several rounds, in which the answer is corrected by a point.

    Args:
        network: is trained in place.
        corrections: rounds after the first one.
        thaw: blocks of the encoder that are trained too; None: features come in place of pixels.
    """

    def __init__(self, network: Network, corrections: int, thaw: int | str | None) -> None:
        super().__init__()
        self._thawed = (
            [] if thaw is None else [Thawed(network, thaw)]
        )  # in a list, so that weights are kept once
        self.head: Any = network.head
        self.encoder: Any = None if thaw is None else network.encoder
        self._side, self._corrections = network.preparation.height, corrections

    def forward(
        self, seen: Tensor, points: Tensor, labels: Tensor, truth: Tensor
    ) -> list[tuple[Tensor, ...]]:
        """(N, 3, H, W) pixels or (N, size) features, (N, M, P, 2) points, (N, M, P) labels, (N, M, h, w) truth.

        Returns:
            Of each round (N, M, 4, h, w) logits, (N, M, 4) expected IoUs, and (N, M) whether the prompt is ambiguous.
        """
        maps = self.head.embedded(seen if self.encoder is None else self.encoder(seen))
        rounds: list[tuple[Tensor, ...]] = []
        for number in range(1 + self._corrections):
            masks, quality = self.head.decoded(maps, points, labels)
            ambiguous = (labels >= 0).sum(dim=2) == 1
            rounds.append((masks, quality, ambiguous))
            if number < self._corrections:
                best = torch.where(ambiguous, 1 + quality[..., 1:].argmax(dim=2), 0)
                place, label = self._most_wrong(_chosen(masks.detach(), best), truth)
                points, labels = torch.cat([points, place], dim=2), torch.cat([labels, label], dim=2)
        return rounds

    def _most_wrong(self, logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """(N, M, 1, 2) the place where (N, M, h, w) logits are most wrong around, and (N, M, 1) what is there."""
        known = truth != IGNORE
        wrong = ((logits > 0) != (truth == 1)) & known
        height, width = wrong.shape[2:]
        window = max(3, height // 16 | 1)
        around = functional.avg_pool2d(wrong.float(), window, 1, window // 2)
        most = torch.where(wrong, around, -1.0).flatten(2).argmax(dim=2)
        y, x = most.div(width, rounding_mode="floor"), most % width
        place = torch.stack([(x + 0.5) * self._side / width, (y + 0.5) * self._side / height], dim=-1)
        inside = truth.flatten(2).gather(2, most[..., None]) == 1
        label = torch.where(
            wrong.flatten(2).any(dim=2, keepdim=True), torch.where(inside, HERE, NOT_HERE), NO_POINT
        )
        return place[:, :, None], label

    def train(self, mode: bool = True) -> "Prompting":
        """Training mode for what is trained; the rest stays as it answers."""
        super().train(mode)
        for whole in self._thawed:
            whole.train(mode)
        return self


def _chosen(masks: Tensor, number: Tensor) -> Tensor:
    """(N, M, h, w): of (N, M, 4, h, w) the one of each (N, M) number."""
    return masks.gather(2, number[..., None, None, None].expand(-1, -1, 1, *masks.shape[3:]))[:, :, 0]


def criterion(rounds: list[tuple[Tensor, ...]], truth: Tensor) -> Tensor:
    """The mean loss of the rounds."""
    own = truth.flatten(0, 1)
    parts = [
        prompted(masks.flatten(0, 1), quality.flatten(0, 1), own, ambiguous.flatten())
        for masks, quality, ambiguous in rounds
    ]
    return torch.stack(parts).mean()


class PromptLesson:
    """A `Lesson` of prompts.

    Args:
        data: the data set.
        sides: what to learn from and what to judge by.
        plan: every setting, decided.
        network: is trained in place.
    """

    def __init__(self, data: Dataset, sides: Sides, plan: TrainPlan, network: Network) -> None:
        self.data, self.plan, self.network = data, plan, network
        there = np.asarray(data.class_pixels[:, list(things(data.classes))].sum(axis=1) > 0)
        self.sides = Sides(*([row for row in rows if there[row]] for rows in (sides.train, sides.validation)))
        if sides.train and not self.sides.train:
            raise PupilaError(
                say("Nothing to point at"), found=say("{n} training masks without a thing", n=len(sides.train)),
                wanted=listing(list(things(data.classes).values())) or say("a class besides the background"),
            )  # fmt: skip
        rows = [*self.sides.train, *self.sides.validation]
        head: Any = network.head
        self.views = PromptedViews(data, network.preparation, rows, plan.augment, plan.seed, head.cells)
        encoder = encoder_on(plan.engine, network, plan.device)
        self.features = Features(self.views.views, encoder, plan.cache)
        # What judges and decides is encoded as the bundle will encode it, whatever training does for speed.
        engine = "onnxruntime" if plan.device == "cpu" else "torch"
        exact = encoder if plan.engine == engine else encoder_on(engine, network, plan.device)
        self.exact = Features(self.views.views, exact, "none" if plan.cache == "none" else "float32")
        self.criterion: Callable[[Any, Tensor], Tensor] = criterion
        self.told = reading(plan, network)

    def batches(self, epoch: int) -> list[list[int]]:
        """Row numbers of the epoch's batches."""
        places = order(len(self.sides.train), self.plan.seed, epoch)
        return chunks(np.asarray(self.sides.train, dtype=np.int64)[places], self.plan.batch_size)

    def inputs(self, items: list[int], view: int) -> tuple[tuple[Array, ...], Array]:
        """(K, 3, H, W) float32 pictures with their prompts, and (K, M, h, w) uint8 truths."""
        return self.asked(self.views.views.inputs([(row, view) for row in items]), items, view, view)

    def asked(self, seen: Array, rows: list[int], view: View, epoch: int) -> tuple[tuple[Array, ...], Array]:
        """What is seen of K rows with (K, M, P, 2) points, (K, M, P) labels and (K, M, h, w) truths; these again."""
        drawn = [self.views.drawn(row, view, epoch, self.plan, self.network.prompts) for row in rows]
        points, labels, truths = (list(part) for part in zip(*drawn, strict=True))
        truth = padded(truths, IGNORE)
        return (seen, padded(points, 0), padded(labels, NO_POINT), truth), truth

    def module(self, thaw: int | str) -> nn.Module:
        """Encoder and head, which take pixels."""
        return Prompting(self.network, self.plan.corrections, thaw)

    def head(self) -> "FrozenPrompts":
        """The head on the encoder's kept embeddings."""
        return FrozenPrompts(self)

    def judged(self, module: nn.Module, epoch: int) -> Judged:
        """What validation says of the module: the mean IoU of what points ask for, and of what boxes ask for."""
        if not self.sides.validation:
            return Judged(score=float(epoch), loss=None, classes_answered=2, metrics={})

        def counted(asked: "_Asked") -> tuple[str, Array, float]:
            probability, _ = probability_of(asked.raw, asked.image, self.told)
            return asked.unit.way, counts(asked.truth, (probability >= 0.5).astype(np.uint8), 2), asked.loss

        told = list(ahead(self._asked(module), counted))
        found = {way.name: np.stack([count for name, count, _ in told if name == way.name]) for way in WAYS}
        scores = {name: float(METRICS["IoU"](each)[:, 1].mean()) for name, each in found.items()}
        answered = np.concatenate(list(found.values())).sum(axis=(0, 1)).astype(bool)
        score = float(np.mean(list(scores.values())))
        return Judged(
            score=score,
            loss=float(np.mean([loss for *_, loss in told])),
            classes_answered=int(answered.sum()),
            metrics={"iou": score, **{f"iou_{name}": v for name, v in scores.items()}},
        )

    def collected(self, module: nn.Module) -> list[Unit]:
        """What the module answers to the prompts of the validation rows, as the calibrated bundle would."""
        samples = list(ahead(self._asked(module), self._sampled))
        if not samples:
            return []
        logits, truth = (np.concatenate(part) for part in zip(*samples, strict=True))
        told = self.told.model_copy(update={"temperature": fit_temperature(logits, truth)})
        units = ahead(self._asked(module), partial(self._drawn, told))
        return [unit.answered(png, *sample) for (unit, png), sample in zip(units, samples, strict=True)]

    def _sampled(self, asked: "_Asked") -> tuple[Array, Array]:
        seed = [self.plan.seed, asked.unit.row, asked.unit.number]
        return sampled(asked.raw, self.told.prompts, asked.small, seed)

    def _drawn(self, told: BundleInfo, asked: "_Asked") -> tuple[Unit, bytes]:
        probability, _ = probability_of(asked.raw, asked.image, told)
        return asked.unit, as_png(levels_of(probability), 0)

    def _asked(self, module: nn.Module) -> "Iterator[_Asked]":
        """The head's answers to the prompts of the validation rows, image by image; the next are drawn meanwhile."""
        module.eval()
        head, rows = self.network.head, self.sides.validation
        self.exact.fill([(row, None) for row in rows] if _is_frozen(module) else [])
        for row, units in zip(rows, ahead(rows, self._units, self.plan.workers), strict=True):
            with torch.inference_mode():
                maps = head.embedded(self._seen(module, row))  # type: ignore[operator]
                for unit, prompt, truth, small in units:
                    height, width = truth.shape
                    image = Prepared(np.empty(0), height, width)
                    points, labels = placed_prompt(prompt, height, width, self.told)
                    fed = (
                        torch.from_numpy(part[None, None]).to(self.plan.device) for part in (points, labels)
                    )
                    masks, quality = head.decoded(maps, *fed)  # type: ignore[operator]
                    ambiguous = torch.tensor([prompt.ambiguous], device=masks.device)
                    loss = prompted(
                        masks[0], quality[0], torch.from_numpy(small)[None].to(masks.device), ambiguous
                    )
                    raw = Raw(masks[0, 0].float().cpu().numpy(), quality[0, 0].float().cpu().numpy(), prompt)
                    yield _Asked(unit, image, raw, truth, small, float(loss))

    def _seen(self, module: nn.Module, row: int) -> Any:
        """(1, size) features of a validation row: kept ones, unless the encoder is trained too."""
        if _is_frozen(module):
            return torch.from_numpy(self.exact([row], None)).to(self.plan.device)
        pixels = torch.from_numpy(self.views.views.inputs([(row, None)])).to(self.plan.device)
        return module.encoder(pixels)  # type: ignore[operator]

    def _units(self, row: int) -> list[tuple[Unit, Any, Array, Array]]:
        """Every thing of an image and every way of asking for it, with the prompt and the truth, large and small."""
        placed = self.views.mask(row, None)
        known = placed != IGNORE
        return [
            (Unit(row, thing.number, way.name), thing.prompt(way), thing.truth,
             self.views.truth(placed == thing.number, known))
            for thing in things_of(self.data, row) for way in WAYS
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asked:
    """A prompt on its way from the decoder to its mask."""

    unit: Unit
    image: Prepared
    raw: Raw
    truth: Array  # (H, W) uint8: 1, 0 or IGNORE
    small: Array  # (h, w) the same at the size of the decoder's masks
    loss: float


class FrozenPrompts:
    """The head, which learns from embeddings that are made once for each picture and view."""

    def __init__(self, lesson: PromptLesson) -> None:
        self.lesson, plan = lesson, lesson.plan
        self.views: list[View] = (
            list(range(min(plan.views, plan.epochs))) if plan.augment != "none" else [None]
        )
        lesson.features.fill([(row, view) for view in self.views for row in lesson.sides.train])
        self.module: nn.Module = Prompting(lesson.network, plan.corrections, None).to(plan.device)

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        """Batches in the epoch, and the batches."""
        self.module.train()
        lesson, view = self.lesson, self.views[epoch % len(self.views)]
        batches = lesson.batches(epoch)

        def made(rows: list[int]) -> tuple[tuple[Array, ...], Array]:
            return lesson.asked(lesson.features(rows, view), rows, view, epoch)

        made_ahead = ahead(batches, made, lesson.plan.workers)
        return len(batches), (on_device(inputs, targets, lesson.plan) for inputs, targets in made_ahead)

    def judged(self, module: nn.Module, epoch: int) -> Judged:
        """What validation says of the head."""
        return self.lesson.judged(module, epoch)

    def collected(self, module: nn.Module) -> list[Unit]:
        """The head's answers to the prompts of the validation rows."""
        return self.lesson.collected(module)


def _is_frozen(module: nn.Module) -> bool:
    """Whether kept features can stand for pictures: no part of the encoder is trained."""
    encoder: Any = module.encoder
    return encoder is None or not any(p.requires_grad for p in encoder.parameters())


def reading(plan: TrainPlan, network: Network) -> BundleInfo:
    """How the decoder is asked and read before anything is calibrated or tuned."""
    return BundleInfo(
        made_by="", created="", task=PROMPT.name, classes=plan.classes, preparation=network.preparation,
        decision=Decision(), prompts=network.prompts, model={}, validation={},
    )  # fmt: skip


def _collapsed(found: list[Unit]) -> bool:
    """Whether every prompt got everything, or every prompt nothing."""
    return len(found) > 0 and len(set().union(*(one.classes() for one in found))) < 2


def _check(wish: TrainSettings, data: Dataset) -> None:
    if data.legend is None:
        raise PupilaError(
            say("Nothing to point at"), found=say("classes of whole images: {names}", names=listing(data.classes)),
            wanted=say("a data set with masks"), remedy="--set model=auto",
        )  # fmt: skip


def _usual(network: Network) -> dict[str, Any]:
    """R0's recipe; a laptop's encoder is quick enough for augmented views."""
    told: dict[str, Any] = {"loss": "20*focal+dice", "epochs": 20, "fine_epochs": 10, "learning_rate": 1e-4}
    return told | ({"views": _VIEWS} if network.name == OWN else {"augment": "none"})


PROMPTS = Kind(
    task=PROMPT,
    usual=_usual,
    augment="light",
    idle=("head", "head_width", "dropout", "view", "overlap", "loss", "focal_gamma", "tversky_beta", "label_smoothing",
          "class_weights", "sampling", "threshold", "budget"),
    score=score_name,
    batch=2,
    lesson=PromptLesson,
    joined=lambda parts: [one for part in parts for one in part],
    collapsed=_collapsed,
    conclude=conclude,
    baseline=baseline,
    check=_check,
)  # fmt: skip

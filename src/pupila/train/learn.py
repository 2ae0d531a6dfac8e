"""Learning one split: first the head on frozen features, then, where wished, the encoder's last blocks too."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pupila.dataset.manifest import Dataset
from pupila.features import Features
from pupila.images.decode import Array
from pupila.loader.batches import chunks, order
from pupila.loader.pictures import Pictures
from pupila.loader.views import View, Views
from pupila.loop import Batch, Judged, Keeper, Phase, State, fit
from pupila.losses import LOSSES, class_weights
from pupila.metrics.classify import accuracy, confusion, macro_f1
from pupila.models.network import Network
from pupila.threads import ahead
from pupila.train.engine import encoder_on
from pupila.train.settings import TrainPlan

_JUDGED_AT_ONCE = 64  # pictures
_FEATURES_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Sides:
    """Row numbers of the data set."""

    train: list[int]
    validation: list[int]  # empty: train for all epochs, the last is the best


@dataclass(frozen=True, slots=True)
class Learned:
    """What came out."""

    logits: Array  # (V, C) float32 of the validation rows, in their order
    states: dict[str, State]  # phase -> where it ended

    @property
    def collapsed(self) -> bool:
        """Whether the last phase's best weights answer one class alone."""
        return len(self.logits) > 0 and len(set(self.logits.argmax(axis=1).tolist())) < 2

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it: it can go on."""
        return any(state.interrupted for state in self.states.values())


class Lesson:
    """Everything that both phases share.

    Args:
        data: the data set.
        sides: what to learn from and what to judge by.
        plan: every setting, decided.
        network: is trained in place.
    """

    def __init__(self, data: Dataset, sides: Sides, plan: TrainPlan, network: Network) -> None:
        self.sides, self.plan, self.network = sides, plan, network
        numbers = {name: number for number, name in enumerate(plan.classes)}
        self.targets = np.array([numbers.get(name, -1) for name in data.images["target"]], dtype=np.int64)
        pictures = Pictures(data, network.preparation, [*sides.train, *sides.validation])
        self.views = Views(pictures, plan.augment, plan.seed)
        counts = np.bincount(self.targets[sides.train], minlength=len(plan.classes))
        weights = class_weights(counts, plan.class_weights)
        self.criterion = LOSSES[plan.loss](None if weights is None else weights.to(plan.device), plan)
        self.chances = None
        if plan.sampling == "balanced":
            self.chances = 1.0 / np.maximum(counts, 1)[self.targets[sides.train]]

    def batches(self, epoch: int) -> list[list[int]]:
        """Row numbers of the epoch's batches."""
        places = order(len(self.sides.train), self.plan.seed, epoch, self.chances)
        return chunks(np.asarray(self.sides.train)[places], self.plan.batch_size)

    def tensors(self, inputs: Array, rows: list[int]) -> Batch:
        """Inputs and targets on the device."""
        device = self.plan.device
        return torch.from_numpy(inputs).to(device), torch.from_numpy(self.targets[rows]).to(device)

    def judged(self, logits: Array, epoch: int) -> Judged:
        """What validation says of (V, C) logits; without validation a later epoch is a better one."""
        if not len(logits):
            return Judged(score=float(epoch), loss=None, classes_answered=len(self.plan.classes), metrics={})
        truth, answers = self.targets[self.sides.validation], logits.argmax(axis=1)
        with torch.inference_mode():
            loss = self.criterion(*self.tensors(logits, self.sides.validation))
        matrix = confusion(truth, answers, len(self.plan.classes))
        score = float(macro_f1(matrix))
        return Judged(
            score=score,
            loss=float(loss),
            classes_answered=len(set(answers.tolist())),
            metrics={"macro_f1": score, "accuracy": float(accuracy(matrix))},
        )


def learn(lesson: Lesson, keeper: Callable[[str], Keeper]) -> Learned:
    """Train the lesson's network in place.

    Args:
        lesson: what to learn.
        keeper: phase name to where its checkpoints are kept.
    """
    plan, network = lesson.plan, lesson.network
    states: dict[str, State] = {}
    logits = np.empty((0, len(plan.classes)), np.float32)
    pretrained = network.pretrained
    if pretrained and plan.epochs:
        states["head"], logits = _learn_head(lesson, keeper("head"))
    if plan.thaw and not any(state.interrupted for state in states.values()):
        states["fine"], logits = _learn_pixels(lesson, keeper("fine"), pretrained)
    return Learned(logits, states)


def _learn_head(lesson: Lesson, keeper: Keeper) -> tuple[State, Array]:
    plan, network = lesson.plan, lesson.network
    features = Features(lesson.views, encoder_on(plan.engine, network, plan.device))
    views: list[View] = list(range(min(plan.views, plan.epochs)))
    train, validation = lesson.sides.train, lesson.sides.validation
    features.fill([(row, view) for view in views for row in train] + [(row, None) for row in validation])
    head = network.head.to(plan.device)

    def stream(epoch: int) -> tuple[int, Iterator[Batch]]:
        head.train()
        batches = lesson.batches(epoch)
        view = views[epoch % len(views)]
        return len(batches), (lesson.tensors(features(rows, view), rows) for rows in batches)

    def answer(module: nn.Module) -> Array:
        some = chunks(np.asarray(validation, dtype=np.int64), _FEATURES_AT_ONCE)
        return _answers(module, (features(rows, None) for rows in some), plan)

    phase = _phase("head", plan, plan.epochs, plan.learning_rate, "float32", learned=False)
    state = fit(head, phase, stream, lesson.criterion, _judge(lesson, answer), keeper)
    return state, answer(head)


def _learn_pixels(lesson: Lesson, keeper: Keeper, pretrained: bool) -> tuple[State, Array]:
    plan = lesson.plan
    module = Thawed(lesson.network, plan.thaw, pretrained).to(plan.device)
    module = module.to(memory_format=torch.channels_last)
    first_view = plan.epochs if pretrained else 0  # other draws than those of the head's phase

    def stream(epoch: int) -> tuple[int, Iterator[Batch]]:
        module.train()
        batches = lesson.batches(epoch)
        made = ahead(
            batches, lambda rows: lesson.views.inputs([(r, first_view + epoch) for r in rows]), plan.workers
        )
        return len(batches), (
            (inputs.contiguous(memory_format=torch.channels_last), targets)
            for inputs, targets in map(lesson.tensors, made, batches)
        )

    def answer(whole: nn.Module) -> Array:
        return _pixel_answers(lesson, whole)

    epochs = plan.fine_epochs if pretrained else plan.epochs
    rate = plan.fine_learning_rate if pretrained else plan.learning_rate
    phase = _phase("fine", plan, epochs, rate, plan.precision, learned=pretrained and plan.epochs > 0)
    state = fit(module, phase, stream, lesson.criterion, _judge(lesson, answer), keeper)
    return state, answer(module)


class Thawed(nn.Module):
    """Encoder and head as one module of which only some blocks are trained.

    A pretrained encoder keeps its batch-norm statistics: small batches of new pictures would spoil them.

    Args:
        network: is trained in place.
        thaw: how many of the last blocks, or "all".
        pretrained: whether the encoder knows something already.
    """

    def __init__(self, network: Network, thaw: int | str, pretrained: bool) -> None:
        super().__init__()
        self.encoder, self.head, self._pretrained = network.encoder, network.head, pretrained
        self._thawed = [network.encoder] if thaw == "all" else network.blocks[-int(thaw) :]
        self.encoder.requires_grad_(False)
        for block in self._thawed:
            block.requires_grad_(True)

    def forward(self, pixels: Tensor) -> Any:
        """(N, 3, H, W) to (N, C) logits."""
        return self.head(self.encoder(pixels))

    def train(self, mode: bool = True) -> "Thawed":
        """Training mode for what is trained; the rest stays as it answers."""
        super().train(mode)
        if self._pretrained:
            self.encoder.eval()
            for block in self._thawed:
                block.train(mode)
            for part in self.encoder.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()
        return self


def answers_as_they_are(lesson: Lesson) -> Array:
    """(V, C) logits that the network gives before anything is learned."""
    return _pixel_answers(
        lesson, nn.Sequential(lesson.network.encoder, lesson.network.head).to(lesson.plan.device)
    )


def _pixel_answers(lesson: Lesson, whole: nn.Module) -> Array:
    rows = chunks(np.asarray(lesson.sides.validation, dtype=np.int64), _JUDGED_AT_ONCE)
    inputs = ahead(rows, lambda some: lesson.views.inputs([(row, None) for row in some]), lesson.plan.workers)
    return _answers(whole, inputs, lesson.plan)


def _phase(name: str, plan: TrainPlan, epochs: int, rate: float, precision: str, learned: bool) -> Phase:
    return Phase(
        name=name, epochs=epochs, learning_rate=rate, precision=precision,
        schedule=plan.schedule, warmup_epochs=min(plan.warmup_epochs, epochs / 2), optimizer=plan.optimizer,
        weight_decay=plan.weight_decay, clip_norm=plan.clip_norm, patience=plan.patience,
        collapse_patience=plan.collapse_patience, seed=plan.seed, learned=learned,
    )  # fmt: skip


def _judge(lesson: Lesson, answer: Callable[[nn.Module], Array]) -> Callable[[nn.Module, int], Judged]:
    return lambda module, epoch: lesson.judged(answer(module), epoch)


def _answers(module: nn.Module, inputs: Any, plan: TrainPlan) -> Array:
    """(V, C) float32 logits, in float32 whatever the steps run in."""
    module.eval()
    with torch.inference_mode():
        found = [module(torch.from_numpy(batch).to(plan.device)).float().cpu().numpy() for batch in inputs]
    return np.concatenate(found) if found else np.empty((0, len(plan.classes)), np.float32)

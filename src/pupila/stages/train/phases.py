"""Learning one split: first the head under a frozen encoder, then the encoder's last blocks too."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from pupila.core.threads import ahead
from pupila.imaging.images.decode import Array
from pupila.learning.loop import Batch, Keeper, Phase, State, fit
from pupila.stages.train.recipe import Lesson
from pupila.stages.train.settings import TrainPlan


@dataclass(frozen=True, slots=True)
class Learned:
    """What came out."""

    found: Any  # the answers to the validation rows, as the task keeps them
    states: dict[str, State]  # phase -> where it ended

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it: it can go on."""
        return any(state.interrupted for state in self.states.values())


def learn(lesson: Lesson, keeper: Callable[[str], Keeper]) -> Learned:
    """Train the lesson's network in place.

    Args:
        lesson: what to learn.
        keeper: phase name to where its checkpoints are kept.
    """
    plan, network = lesson.plan, lesson.network
    states: dict[str, State] = {}
    collect: Callable[[], Any] | None = None  # what the last phase leaves behind
    if network.pretrained and plan.epochs:
        states["head"], collect = _learn_head(lesson, keeper("head"))
    if plan.thaw and not any(state.interrupted for state in states.values()):
        states["fine"], collect = _learn_pixels(lesson, keeper("fine"), plan.thaw)
    return Learned(collect() if collect else None, states)


def _learn_head(lesson: Lesson, keeper: Keeper) -> tuple[State, Callable[[], Any]]:
    """The head alone, from kept features where there are such; what collects its answers."""
    plan, frozen = lesson.plan, lesson.head()
    if frozen is None:
        return _learn_pixels(lesson, keeper, 0)
    phase = _phase("head", plan, plan.epochs, plan.learning_rate, "float32", learned=False)
    state = fit(frozen.module, phase, frozen.stream, lesson.criterion, frozen.judged, keeper)
    return state, partial(frozen.collected, frozen.module)


def _learn_pixels(lesson: Lesson, keeper: Keeper, thaw: int | str) -> tuple[State, Callable[[], Any]]:
    plan, network = lesson.plan, lesson.network
    later = network.pretrained and thaw != 0
    module = lesson.module(thaw).to(plan.device)
    module = module.to(memory_format=torch.channels_last)
    first_view = plan.epochs if later else 0  # other draws than those of the head's phase

    def stream(epoch: int) -> tuple[int, Iterator[Batch]]:
        module.train()
        batches = lesson.batches(epoch)
        made = ahead(batches, lambda items: lesson.inputs(items, first_view + epoch), plan.workers)
        return len(batches), (on_device(inputs, targets, plan) for inputs, targets in made)

    epochs = plan.fine_epochs if later else plan.epochs
    rate = plan.fine_learning_rate if later and network.pooled else plan.learning_rate
    name = "head" if network.pretrained and not later else "fine"
    phase = _phase(name, plan, epochs, rate, plan.precision, learned=later and plan.epochs > 0)
    if later and not network.pooled:  # a decoder has much more to learn than what was pretrained
        phase = replace(phase, encoder_rate=plan.fine_learning_rate)
    state = fit(module, phase, stream, lesson.criterion, lesson.judged, keeper)
    return state, partial(lesson.collected, module)


def on_device(inputs: Array | tuple[Array, ...], targets: Array, plan: TrainPlan) -> Batch:
    """Inputs and targets as tensors on the plan's device; pictures in the layout in which convolutions are quickest."""
    first, *others = inputs if isinstance(inputs, tuple) else (inputs,)
    pixels = torch.from_numpy(first).to(plan.device)
    if pixels.ndim == 4:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
    more = tuple(torch.from_numpy(one).to(plan.device) for one in others)
    return (pixels, *more) if more else pixels, torch.from_numpy(targets).to(plan.device)


def _phase(name: str, plan: TrainPlan, epochs: int, rate: float, precision: str, learned: bool) -> Phase:
    return Phase(
        name=name, epochs=epochs, learning_rate=rate, precision=precision,
        schedule=plan.schedule, warmup_epochs=min(plan.warmup_epochs, epochs / 2), optimizer=plan.optimizer,
        weight_decay=plan.weight_decay, clip_norm=plan.clip_norm, patience=plan.patience,
        collapse_patience=plan.collapse_patience, seed=plan.seed, learned=learned,
    )  # fmt: skip

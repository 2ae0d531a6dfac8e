"""Train on one split: first the head on a frozen encoder, then the encoder's last blocks too."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from pupila.core.threads import prefetch
from pupila.learning.fit_once import fit_once
from pupila.learning.loop import Batch, Checkpointer, Phase, State, fit
from pupila.learning.memory import reused_memory
from pupila.learning.trainers.trainer import HeadTrainer, TaskTrainer, to_device
from pupila.stages.train.settings import TrainPlan

HEAD, FINETUNE = "head", "finetune"  # phases: a frozen encoder, then unfrozen blocks


@dataclass(frozen=True, slots=True)
class TrainedSplit:
    """Result of training on one split."""

    predictions: Any  # for the validation rows, in the form of the task
    states: dict[str, State]  # phase -> its last state
    probe: Any = None  # predictions of the linear probe for the validation rows; None: there is none

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C stopped it: it can be resumed."""
        return any(state.interrupted for state in self.states.values())


@reused_memory()
def train_split(
    trainer: TaskTrainer, plan: TrainPlan, make_checkpointer: Callable[[str], Checkpointer]
) -> TrainedSplit:
    """Train the network of the trainer in place.

    Args:
        trainer: of the task.
        plan: schedule of the phases.
        make_checkpointer: name of a phase to its checkpointer.
    """
    network = trainer.network
    states: dict[str, State] = {}
    predict: Callable[[], Any] | None = None  # with the weights of the last phase
    probe: Any = None
    if network.pretrained and plan.epochs:
        head = trainer.build_head_trainer()
        layer = None if head is None else head.fit_probe()
        probe = None if head is None or layer is None else head.predict_validation(layer)
        states[HEAD], predict = _train_head(trainer, head, plan, make_checkpointer(HEAD))
    if plan.unfreeze and not any(state.interrupted for state in states.values()):
        checkpointer = make_checkpointer(FINETUNE)
        try:
            epochs = _count_epochs(checkpointer, _find_epochs(trainer, plan, FINETUNE), HEAD in states)
            skipped = checkpointer.pacer is not None and not epochs
            module = None if skipped else _build_module(trainer, plan, plan.unfreeze)
        except KeyboardInterrupt:  # between the phases: the best weights of the head are in place
            if HEAD not in states:
                raise
            states[HEAD] = replace(states[HEAD], interrupted=True)
        else:
            if module is not None:
                states[FINETUNE], predict = _train_pixels(trainer, plan, checkpointer, module, FINETUNE)
    return TrainedSplit(predict() if predict else None, states, probe)


def _train_head(
    trainer: TaskTrainer, head: HeadTrainer | None, plan: TrainPlan, checkpointer: Checkpointer
) -> tuple[State, Callable[[], Any]]:
    """Train the head alone, on cached features if the task has them; returns also what predicts with it."""
    if head is None:
        return _train_pixels(trainer, plan, checkpointer, _build_module(trainer, plan, 0), HEAD)
    epochs = _count_epochs(checkpointer, plan.epochs, is_trained=False)
    phase = _make_phase(HEAD, plan, epochs, plan.lr, "float32", can_predict=False)
    if head.solve is not None:
        state = fit_once(head.module, phase, head.solve, head.validate, checkpointer)
    else:
        state = fit(head.module, phase, head.stream, trainer.criterion, head.validate, checkpointer)
    _finish(checkpointer, state)
    return state, partial(head.predict_validation, head.module)


def _count_epochs(checkpointer: Checkpointer, planned: int, is_trained: bool) -> int:
    """The epochs of a phase: as planned, or as many as there is time for."""
    if checkpointer.pacer is None:
        return planned
    return checkpointer.pacer.begin(checkpointer.name, planned, is_trained)


def _finish(checkpointer: Checkpointer, state: State) -> None:
    """Tell the pacer that the phase has ended."""
    if checkpointer.pacer is not None and not state.interrupted:
        checkpointer.pacer.finish(checkpointer.name)


def _find_epochs(trainer: TaskTrainer, plan: TrainPlan, name: str) -> int:
    """The planned epochs of a phase."""
    return plan.finetune_epochs if trainer.network.pretrained and name == FINETUNE else plan.epochs


def _build_module(trainer: TaskTrainer, plan: TrainPlan, unfreeze: int | str) -> nn.Module:
    module: nn.Module = trainer.build_module(unfreeze).to(plan.device)
    return module.to(memory_format=torch.channels_last)


def _train_pixels(
    trainer: TaskTrainer, plan: TrainPlan, checkpointer: Checkpointer, module: nn.Module, name: str
) -> tuple[State, Callable[[], Any]]:
    network = trainer.network
    finetuning = network.pretrained and name == FINETUNE
    first_view = plan.epochs if finetuning else 0  # views that the head phase did not use

    def stream(epoch: int) -> tuple[int, Iterator[Batch]]:
        module.train()
        batches = trainer.batches(epoch)
        prepared = prefetch(batches, lambda items: trainer.inputs(items, first_view + epoch), plan.workers)
        return len(batches), (to_device(inputs, targets, plan.device) for inputs, targets in prepared)

    is_trained = finetuning and plan.epochs > 0
    epochs = _count_epochs(checkpointer, _find_epochs(trainer, plan, name), is_trained)
    two_rates = finetuning and network.task.finetunes_at_two_rates
    rate = plan.finetune_lr if finetuning and not two_rates else plan.lr
    phase = _make_phase(name, plan, epochs, rate, plan.precision, can_predict=is_trained)
    phase = replace(phase, mixing=trainer.mixing, layer_decay=plan.layer_decay if finetuning else 1.0)
    if two_rates:
        phase = replace(phase, encoder_lr=plan.finetune_lr)
    state = fit(module, phase, stream, trainer.criterion, trainer.validate, checkpointer)
    _finish(checkpointer, state)
    return state, partial(trainer.predict_validation, module)


def _make_phase(
    name: str, plan: TrainPlan, epochs: int, lr: float, precision: str, can_predict: bool
) -> Phase:
    return Phase(
        name=name, epochs=epochs, lr=lr, precision=precision,
        schedule=plan.schedule, warmup_epochs=min(plan.warmup_epochs, epochs / 2), optimizer=plan.optimizer,
        weight_decay=plan.weight_decay, clip_norm=plan.clip_norm, patience=plan.patience,
        collapse_patience=plan.collapse_patience, seed=plan.seed, can_predict=can_predict,
        ema_decay=plan.ema_decay,
    )  # fmt: skip

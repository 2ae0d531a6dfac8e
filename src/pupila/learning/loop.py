"""The training loop: deterministic, with the same result whether it was interrupted and resumed or not."""

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pupila.artifacts.run.folder import checkpoint_file, example_file
from pupila.artifacts.run.log import EpochLog
from pupila.artifacts.run.outcomes import Outcomes
from pupila.core import checksums, files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.learning.ema import AveragedWeights
from pupila.learning.mixing import Mixing
from pupila.learning.optimizers import OPTIMIZERS, group_parameters, optimizer_tensors, restore_optimizer
from pupila.learning.pacing import OutOfTime, Pacer, Replan, report_progress, schedule_progress, stop_in_time

Inputs = Tensor | tuple[Tensor, ...]  # of a module; a tuple is taken apart
Batch = tuple[Inputs, Tensor]  # inputs, (N,) int64 targets, of masks (N, H, W), of several labels (N, C)
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_OUTCOMES = "outcomes"  # prefix of their tensors in a checkpoint
PLATEAU_EPOCHS = 3  # without a better score, after which "plateau" halves the rate


@dataclass(frozen=True, slots=True)
class Phase:
    """The parameters of one training phase."""

    name: str  # "head" or "finetune"
    epochs: int
    lr: float
    schedule: str  # "constant", "cosine" or "plateau"
    warmup_epochs: float
    optimizer: str
    weight_decay: float
    clip_norm: float | None  # largest norm of the gradient; None: not clipped
    patience: int  # epochs without improvement, after which the phase ends
    collapse_patience: int  # consecutive collapsed epochs, after which the phase ends
    precision: str
    seed: int
    can_predict: bool  # whether the module is trained already: then an epoch must beat its initial score
    encoder_lr: float | None = None  # of the module's `encoder`, where it learns at another rate
    layer_decay: float = 1.0  # factor of the learning rate from each block of the encoder to the one before
    ema_decay: float = 0.0  # of the averaged weights, which are validated and left in the module
    mixing: Mixing = field(default_factory=Mixing)
    replans: tuple[Replan, ...] = ()  # changes of its number of epochs, in their order


@dataclass(frozen=True, slots=True)
class EpochResult:
    """Validation result of one epoch."""

    score: float  # the task's metric, higher is better
    loss: float | None  # None without validation
    collapsed: bool  # whether all images get the same prediction, as far as the task can tell
    metrics: dict[str, float]
    example: bytes | None = None  # a PNG of example predictions, after some epochs
    outcomes: Outcomes | None = None  # of the validation images; None without validation

    @property
    def rank(self) -> tuple[float, float]:
        """Orders epochs, higher is better: by score, then by loss, for few images give many equal scores."""
        return self.score, 0.0 if self.loss is None else -self.loss


@dataclass(frozen=True, slots=True)
class State:
    """Where a phase stands after an epoch."""

    epoch: int = 0  # completed epochs
    best_epoch: int = 0
    best_score: float = -math.inf
    best_loss: float = math.inf  # of that epoch, 0 without validation; -inf: no equal score is better
    stale: int = 0  # epochs since the best
    collapsed: int = 0  # consecutive collapsed epochs
    factor: float = 1.0  # of the learning rate, by plateau
    interrupted: bool = False  # by Ctrl-C; never stored in a checkpoint, since the run can be resumed

    def after(self, result: EpochResult, phase: Phase) -> "State":
        """The state one epoch later."""
        better = result.rank > (self.best_score, -self.best_loss)
        stale = 0 if better else self.stale + 1
        halve = phase.schedule == "plateau" and stale > 0 and stale % PLATEAU_EPOCHS == 0
        return State(
            epoch=self.epoch + 1,
            best_epoch=self.epoch + 1 if better else self.best_epoch,
            best_score=result.score if better else self.best_score,
            best_loss=-result.rank[1] if better else self.best_loss,
            stale=stale,
            collapsed=self.collapsed + 1 if result.collapsed else 0,
            factor=self.factor / 2 if halve else self.factor,
        )

    def ends(self, phase: Phase) -> bool:
        """Whether the phase is over."""
        return (
            self.epoch >= (phase.replans[-1].epochs if phase.replans else phase.epochs)
            or self.stale >= phase.patience
            or self.collapsed >= phase.collapse_patience
            or (self.best_loss == -math.inf and self.best_score >= 1)  # which no epoch can beat
        )


def fit(
    module: nn.Module,
    phase: Phase,
    stream: Callable[[int], tuple[int, Iterable[Batch]]],
    criterion: Callable[[Any, Tensor], Tensor],
    validate: Callable[[nn.Module, int], EpochResult],
    checkpointer: "Checkpointer",
) -> State:
    """Train until the phase ends; the module is left with the weights of its best epoch.

    Ctrl-C at any moment ends the phase too, after a completed epoch or if the module was trained already.

    Args:
        module: what is trained; parameters that need no gradient stay as they are.
        phase: its parameters.
        stream: epoch number to (batches in it, batches), the same for the same number.
        criterion: outputs of the module, such as logits (N, C), and targets (N,) to a scalar.
        validate: the module and the epoch's number to what validation says.
        checkpointer: keeps and restores checkpoints, and writes the log.
    """
    state = State()
    try:
        encoder_share = 1.0 if phase.encoder_lr is None else phase.encoder_lr / phase.lr
        groups = group_parameters(module, encoder_share, phase.layer_decay)
        optimizer = OPTIMIZERS[phase.optimizer](groups, phase.lr, phase.weight_decay)
        averaged = AveragedWeights(module, phase.ema_decay)
        learner = _Learner(module, optimizer, averaged)
        state = checkpointer.restore(module, optimizer, averaged)
        if phase.can_predict and not state.epoch:
            state = replace(state, best_score=validate(module, -1).score, best_loss=-math.inf)
            checkpointer.save_best(module)
        with progress(say("epochs"), phase.epochs - state.epoch) as advance:
            while not state.ends(phase := _replan(phase, checkpointer, state)):
                start = time.monotonic()
                batches = report_progress(stream(state.epoch), advance)
                trained = state.epoch > 0 or phase.can_predict
                batches = stop_in_time(checkpointer.pacer, checkpointer.name, state.epoch, trained, batches)
                loss = _train_epoch(learner, phase, state, batches, criterion)
                with averaged.apply_to(module):
                    result = validate(module, state.epoch)
                    state = state.after(result, phase)
                    if not state.stale:
                        checkpointer.save_best(module)
                rate = float(optimizer.param_groups[0]["lr"])
                checkpointer.save_example(state, result.example)
                checkpointer.add_outcomes(state, result.outcomes)
                checkpointer.save(module, optimizer, state, EpochLog(
                    part=checkpointer.name, phase=phase.name, epoch=state.epoch, train_loss=loss,
                    validation_loss=result.loss, metrics=result.metrics, score=result.score, lr=rate,
                    seconds=round(time.monotonic() - start, 3),
                ), averaged)  # fmt: skip
        checkpointer.load_best(module)
    except OutOfTime:
        checkpointer.load_best(module)
    except KeyboardInterrupt:
        if not (state.epoch or phase.can_predict or checkpointer.has_best()):
            raise
        state = replace(state, interrupted=True)
        checkpointer.load_best(module)  # weights of the last epoch, or some of each, may be in place
    return state


def _replan(phase: Phase, checkpointer: "Checkpointer", state: State) -> Phase:
    """The phase with all changes of its number of epochs so far."""
    if (pacer := checkpointer.pacer) is None:
        return phase
    return replace(phase, replans=pacer.replan(checkpointer.name, state.epoch, phase.epochs))


@dataclass(frozen=True, slots=True)
class _Learner:
    """What a step changes."""

    module: nn.Module
    optimizer: torch.optim.Optimizer
    averaged: AveragedWeights


def _train_epoch(
    learner: _Learner,
    phase: Phase,
    state: State,
    stream: tuple[int, Iterable[Batch]],
    criterion: Callable[[Any, Tensor], Tensor],
) -> float:
    """One pass; returns the mean loss. Dropout's draws depend on (seed, epoch, step) alone.

    Raises:
        PupilaError: the loss of a phase without earlier weights is infinite or no number.
    """
    module, optimizer = learner.module, learner.optimizer
    steps, batches = stream
    total, count = 0.0, 0
    device = next(module.parameters()).device
    scaler = torch.GradScaler(device.type, enabled=phase.precision == "float16")
    for step, (inputs, targets) in enumerate(batches):
        _seed(((phase.seed * 1_000_003 + state.epoch) * 1_000_003 + step) % 2**63, device)
        for group in optimizer.param_groups:
            group["lr"] = group["share"] * scheduled_lr(phase, state, state.epoch + step / steps)
        mixed = phase.mixing.mix(inputs, (phase.seed, state.epoch, step))
        with torch.autocast(device.type, PRECISIONS[phase.precision], enabled=phase.precision != "float32"):
            outputs = module(*mixed.inputs) if isinstance(inputs, tuple) else module(mixed.inputs)
            loss = mixed.loss(criterion, outputs, targets)
        optimizer.zero_grad()
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if phase.clip_norm is not None:
            scaler.unscale_(optimizer)
            weights = [p for g in optimizer.param_groups for p in g["params"]]
            nn.utils.clip_grad_norm_(weights, phase.clip_norm)
        scaler.step(optimizer)
        scaler.update()
        learner.averaged.update(module)
        total += float(loss.detach()) * len(targets)
        count += len(targets)
    # A scaler skips such steps by itself, and a module that could predict before keeps its earlier weights.
    if not (math.isfinite(total) or phase.can_predict or scaler.is_enabled()):
        raise PupilaError(
            say("Training diverged: the loss is not finite in epoch {n}", n=state.epoch + 1),
            remedy=say("a lower --lr, or --clip-norm 1"),
        )
    return total / max(count, 1)


def _seed(seed: int, device: torch.device) -> None:
    """Seed the generators that a step draws from: on a CPU not those of devices, which would store a stack trace."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def scheduled_lr(phase: Phase, state: State, time: float) -> float:
    """The learning rate at a time counted in epochs, 0 at the start of the phase."""
    warm = min(1.0, (time + 1e-3) / phase.warmup_epochs) if phase.warmup_epochs else 1.0
    if phase.schedule == "cosine":
        progress = schedule_progress(time, phase.warmup_epochs, phase.epochs, phase.replans)
        return phase.lr * warm * (0.5 + 0.5 * math.cos(math.pi * progress))
    return phase.lr * warm * state.factor


class Checkpointer:
    """Saves and restores the training state of one phase; a kill loses at most one epoch.

    Args:
        folder: of the run.
        name: of the phase, and of the fold where there are folds.
        on_log: called with all lines of the log, after each epoch and when a run is resumed.
        on_note: called with a sentence for the user.
    """

    def __init__(
        self,
        folder: str,
        name: str,
        on_log: Callable[[list[EpochLog]], None] = lambda lines: None,
        on_note: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.last = checkpoint_file(folder, f"{name}-last")
        self._best = checkpoint_file(folder, f"{name}-best")
        self._folder, self.name = folder, name
        self.on_log, self.on_note = on_log, on_note
        self.pacer: Pacer | None = None  # ends the phase in time; None: there is no limit
        self.lines: list[EpochLog] = []
        self.outcomes: Outcomes | None = None  # of all epochs; None where one of them has none

    def save(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        state: State,
        line: EpochLog,
        averaged: AveragedWeights,
    ) -> None:
        """Save the state after an epoch, once `save_best` has saved it where it is the best; this makes it valid."""
        self.lines.append(line)
        checkpoint = {"state": asdict(state), "lines": [line.model_dump_json() for line in self.lines]}
        tensors = {
            **_weights(module),
            **averaged.to_tensors(),
            **dict(optimizer_tensors(optimizer)),
            **_outcome_tensors(self.outcomes),
        }
        files.write_bytes(self.last, _pack(tensors, checkpoint))
        self.on_log(self.lines)

    def save_example(self, state: State, example: bytes | None) -> None:
        """Save the example image of an epoch, if it has one."""
        if example is not None:
            files.write_bytes(example_file(self._folder, self.name, state.epoch), example)

    def add_outcomes(self, state: State, outcomes: Outcomes | None) -> None:
        """Add the outcomes of an epoch, which are saved with the state after it."""
        if self.outcomes is not None and outcomes is not None:
            self.outcomes = self.outcomes.then(outcomes)
        else:  # a part of which an earlier Pupila trained the first epochs has none
            self.outcomes = outcomes if state.epoch == 1 else None

    def save_best(self, module: nn.Module) -> None:
        """Save the weights as the best so far."""
        files.write_bytes(self._best, _pack(_weights(module), {}))

    def restore(
        self, module: nn.Module, optimizer: torch.optim.Optimizer, averaged: AveragedWeights
    ) -> State:
        """The state after the last whole epoch; a fresh one where there is no checkpoint, or a damaged one."""
        if not files.exists(self.last):
            return State()
        try:
            tensors, metadata = _read_checkpoint(self.last, module)
            checkpoint = json.loads(metadata["checkpoint"])
            state = replace(State(), **checkpoint["state"])
            lines = [EpochLog.model_validate_json(line) for line in checkpoint["lines"]]
            if state.best_score > -math.inf:
                _read_checkpoint(self._best, module)
            averaged.restore(tensors)
        except (DamagedCheckpoint, OSError, ValueError, KeyError, TypeError) as fault:
            self._restart(fault)
            return State()
        module.load_state_dict(_module_tensors(tensors))
        restore_optimizer(optimizer, tensors)
        self.lines = lines
        self.outcomes = Outcomes.from_arrays({name: t.numpy() for name, t in tensors.items()}, _OUTCOMES)
        self.on_log(self.lines)
        return state

    def _restart(self, fault: Exception) -> None:
        reason = fault.args[0] if isinstance(fault, DamagedCheckpoint) else self.last
        self.on_note(
            say("A checkpoint can't be read ({fault}): {phase} starts again from its first epoch.",
                fault=reason, phase=self.name)
        )  # fmt: skip
        files.remove(self.last)
        files.remove(self._best)

    def has_best(self) -> bool:
        """Whether an epoch was completed."""
        return files.exists(self._best)

    def load_best(self, module: nn.Module) -> None:
        """Load the weights of the best epoch into the module."""
        if self.has_best():
            with safe_open(self._best, "pt") as stored:
                module.load_state_dict(_module_tensors(_tensors(stored)))


class DamagedCheckpoint(Exception):
    """A checkpoint that is damaged, or of another model; the argument names it."""


def _read_checkpoint(path: str, module: nn.Module) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a checkpoint that fits the module.

    Raises:
        DamagedCheckpoint: there is none.
    """
    try:
        damaged = checksums.is_damaged(files.read_bytes(path))
        with safe_open(path, "pt") as stored:
            tensors, metadata = _tensors(stored), stored.metadata()
    except (OSError, SafetensorError, ValueError) as fault:
        raise DamagedCheckpoint(path) from fault
    ours = {name: value.shape for name, value in module.state_dict().items()}
    if damaged or {name: value.shape for name, value in _module_tensors(tensors).items()} != ours:
        raise DamagedCheckpoint(path)
    return tensors, metadata


def _module_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix("module/"): t for n, t in tensors.items() if n.startswith("module/")}


def _weights(module: nn.Module) -> dict[str, Tensor]:
    return {f"module/{name}": tensor for name, tensor in module.state_dict().items()}


def _outcome_tensors(outcomes: Outcomes | None) -> dict[str, Tensor]:
    arrays = {} if outcomes is None else outcomes.to_arrays(_OUTCOMES)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _tensors(stored: Any) -> dict[str, Tensor]:
    names = list(stored.keys())
    return {name: stored.get_tensor(name) for name in names}


def _pack(tensors: dict[str, Tensor], metadata: dict[str, Any]) -> bytes:
    whole = {name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in tensors.items()}
    return checksums.seal(save(whole, {"checkpoint": json.dumps(metadata), checksums.KEY: checksums.BLANK}))

"""Budgets on simulated machines: no test reads a clock."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from pupila.artifacts.run.budget import BudgetLog
from pupila.learning.loop import Batch, Checkpointer, EpochResult, State
from pupila.learning.mixing import Mixing
from pupila.learning.pacing import OutOfTime, stop_in_time
from pupila.stages.train.budgets.watch import BudgetWatch
from pupila.stages.train.phases import FINETUNE, HEAD, train_split

STEPS, VALIDATION = 8, 0.25  # batches of an epoch; its validation as a share of the training


@dataclass
class Machine:
    """A clock that work moves on: as fast as the machine is at the time."""

    slowness: Callable[[float], float]
    time: float = 0.0

    def work(self, seconds: float) -> None:
        """Do what takes so many seconds on a machine without other work."""
        for _ in range(10):
            self.time += seconds / 10 * self.slowness(self.time)

    def clock(self) -> float:
        return self.time


@dataclass
class Trainer:
    """A `TaskTrainer` whose epochs cost time on the machine, with a head on cached features or without."""

    machine: Machine
    epoch: float  # seconds of a machine without other work
    caches: bool
    network: Any = field(default_factory=lambda: SimpleNamespace(
        pretrained=True, task=SimpleNamespace(finetunes_at_two_rates=False),
    ))  # fmt: skip
    module: nn.Module = field(default_factory=lambda: nn.Linear(3, 2))

    def criterion(self, outputs: Any, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(outputs, targets)

    def batches(self, epoch: int) -> list[list[int]]:
        return [[step] for step in range(STEPS)]

    def inputs(self, items: list[int], view: int) -> tuple[Any, Any]:
        self.machine.work(self.epoch / STEPS)
        random = np.random.default_rng([view, *items])
        return random.normal(size=(4, 3)).astype(np.float32), random.integers(0, 2, 4)

    mixing: Mixing = field(default_factory=Mixing)

    def build_module(self, unfreeze: int | str) -> nn.Module:
        return self.module

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        self.machine.work(VALIDATION * self.epoch)
        return EpochResult(score=float(epoch), loss=1.0, collapsed=False, metrics={})

    def predict_validation(self, module: nn.Module) -> str:
        return "pixels"

    def build_head_trainer(self) -> Any:
        return self if self.caches else None

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        generator = torch.Generator().manual_seed(epoch)
        return 1, iter([(torch.randn(4, 3, generator=generator), torch.tensor([0, 1, 0, 1]))])


@dataclass(frozen=True)
class CachedHead:
    """Trains a head in no time."""

    trainer: Trainer
    solve: None = None

    def fit_probe(self) -> None:
        return None

    @property
    def module(self) -> nn.Module:
        return self.trainer.module

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        return self.trainer.stream(epoch)

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        return EpochResult(score=float(epoch), loss=1.0, collapsed=False, metrics={})

    def predict_validation(self, module: nn.Module) -> str:
        return "features"


class ClassTrainer(Trainer):
    """The trainer of a classifier: its head is trained on cached features."""

    def build_head_trainer(self) -> Any:
        return CachedHead(self)


class MemoryCheckpointer(Checkpointer):
    """Keeps the best weights in memory: thousands of epochs would wait for the disk."""

    best: dict[str, torch.Tensor] | None = None

    def save(self, *trained: Any) -> None:
        pass

    def save_best(self, module: nn.Module) -> None:
        self.best = {name: value.clone() for name, value in module.state_dict().items()}

    def restore(self, *trained: Any) -> State:
        return State()

    def load_best(self, module: nn.Module) -> None:
        if self.best is not None:
            module.load_state_dict(self.best)


def make_plan(**changes: Any) -> Any:
    plan = SimpleNamespace(
        epochs=3, finetune_epochs=12, unfreeze=3, lr=0.01, finetune_lr=0.001, precision="float32", schedule="cosine",
        warmup_epochs=1.0, optimizer="adamw", weight_decay=0.0, clip_norm=None, patience=99, collapse_patience=99,
        seed=23, workers=0, device="cpu", layer_decay=1.0, ema_decay=0.0,
    )  # fmt: skip
    return SimpleNamespace(**{**vars(plan), **changes})


@dataclass
class Result:
    """What a simulated run has come to."""

    log: BudgetLog
    states: dict[str, Any]
    predictions: Any
    end: float  # seconds
    weights: torch.Tensor


def simulate(machine: Machine, log: BudgetLog, epoch: float, caches: bool, **changes: Any) -> Result:
    """Train and finish a run on a machine; `log.expected` is what was measured before."""
    torch.manual_seed(0)
    watch = BudgetWatch(log, machine.clock)
    watch.open = frozenset({FINETUNE})
    trainer = (ClassTrainer if caches else Trainer)(machine, epoch, caches)

    def make_checkpointer(part: str) -> Checkpointer:
        checkpointer = MemoryCheckpointer("", part)
        checkpointer.pacer = watch
        return checkpointer

    trained = train_split(trainer, make_plan(**changes), make_checkpointer)  # type: ignore[arg-type]
    machine.work(log.expected["finish"])
    weights = trainer.module.weight.detach().clone()  # type: ignore[operator]
    return Result(watch.log, trained.states, trained.predictions, watch.elapsed, weights)


def expect(
    seconds: float, epoch: float, finish: float, slowness: float = 1.0, caches: bool = True
) -> BudgetLog:
    whole = slowness * epoch * (1 + VALIDATION)
    expected = {"finetune": whole, "validation": slowness * VALIDATION * epoch, "finish": slowness * finish}
    return BudgetLog(seconds=seconds, expected=expected if caches else {**expected, "head": whole})


def test_on_a_steady_machine_what_is_left_is_spent_on_more_epochs() -> None:
    # 100 s, of which the end takes 5 s: 95 s hold 38 epochs of 2.5 s, though 12 were planned
    result = simulate(Machine(lambda time: 1.0), expect(100, 2.0, 5.0), 2.0, caches=True)
    assert result.states[FINETUNE].epoch == 37  # the trained head is validated first, 0.5 s
    assert 95 < result.end <= 100
    assert [step.step for step in result.log.steps] == [HEAD, FINETUNE]
    assert result.log.steps[1].planned == pytest.approx(12 * 2.5)


def test_a_phase_without_time_for_three_epochs_is_skipped() -> None:
    result = simulate(Machine(lambda time: 1.0), expect(12, 2.0, 5.0), 2.0, caches=True)
    assert (set(result.states), result.predictions) == ({HEAD}, "features")
    (choice,) = result.log.find(FINETUNE, "epochs")
    assert (choice.value, choice.planned) == (0, 12)
    assert "an epoch takes 2.5 s, and 7 s remain" in choice.reason


def test_a_head_on_cached_features_does_not_wait_for_the_validation_of_images() -> None:
    watch = BudgetWatch(expect(30, 20.0, 5.0), lambda: 23.0)  # 2 s are left, and a validation takes 5 s
    watch.replan(HEAD, 0, watch.begin(HEAD, 3, is_trained=False))
    assert not watch.is_over(HEAD, 0, 1, STEPS)
    assert BudgetWatch(watch.log, lambda: 0.0).begin(FINETUNE, 12, is_trained=True) == 0


def test_without_time_for_one_epoch_it_is_shortened() -> None:
    # 6 s for an epoch of 8 s and a validation of 2 s: 4 s hold four batches of 1 s
    result = simulate(Machine(lambda time: 1.0), expect(11, 8.0, 5.0, caches=False), 8.0, caches=False)
    assert (set(result.states), result.states[HEAD].epoch) == ({HEAD}, 1)
    assert [entry.value for entry in result.log.find(HEAD, "batches")] == [4]
    assert result.end == pytest.approx(11.0)


def test_an_epoch_that_becomes_too_slow_is_given_up() -> None:
    machine = Machine(lambda time: 1.0 if time < 30 else 5.0)
    result = simulate(machine, expect(60, 4.0, 2.0), 4.0, caches=True)
    epochs = [(entry.epoch, entry.value) for entry in result.log.find(FINETUNE, "epochs")]
    assert epochs[0] == (0, 11) and epochs[-1][1] < 11
    assert result.states[FINETUNE].epoch == epochs[-1][1]
    assert result.end <= 66


def sudden(at: float, factor: float) -> Callable[[float], float]:
    return lambda time: factor if time >= at else 1.0


def pace(watch: BudgetWatch, machine: Machine, phase: tuple[str, int, bool], epoch: float) -> int:
    """The epochs of a phase as the loop has them: name, planned epochs, and whether the module is trained already."""
    part, planned, is_trained = phase
    if not (epochs := watch.begin(part, planned, is_trained)):
        return 0

    def draw() -> Iterator[int]:
        for step in range(STEPS):
            machine.work(epoch / STEPS)
            yield step

    completed = 0
    machine.work(VALIDATION * epoch if is_trained else 0.0)
    with contextlib.suppress(OutOfTime):
        while completed < watch.replan(part, completed, epochs)[-1].epochs:
            list(stop_in_time(watch, part, completed, completed > 0 or is_trained, (STEPS, draw()))[1])
            machine.work(VALIDATION * epoch)
            completed += 1
    watch.finish(part)
    return completed


@given(
    limit=st.floats(30, 300), cost=st.floats(0.5, 40), share=st.floats(0.02, 0.12), at=st.floats(0, 1),
    caches=st.booleans(), first=st.sampled_from([1.0, 3.0]), grows=st.sampled_from([0.0, 0.015]),
)  # fmt: skip
def test_whatever_the_machine_does_a_run_ends_in_time_with_a_model(
    limit: float, cost: float, share: float, at: float, caches: bool, first: float, grows: float
) -> None:
    finish = share * limit
    slowest = first * (1 + grows * limit) if grows else 5 * first
    unavoidable = slowest * (finish + cost * (VALIDATION + 3 / STEPS))  # steps that can't be shortened
    assume(unavoidable < limit)
    moment = at * (limit - unavoidable)  # of a sudden change; later it would hit what can't be shortened
    machine = Machine(lambda time: first * (1 + grows * time) * (1.0 if grows else sudden(moment, 5.0)(time)))
    watch = BudgetWatch(expect(limit, cost, finish, slowness=first, caches=caches), machine.clock)
    watch.open = frozenset({FINETUNE})
    assert pace(watch, machine, (HEAD, 3, False), 0.0 if caches else cost) >= 1  # a model
    pace(watch, machine, (FINETUNE, 12, True), cost)
    machine.work(finish)
    assert machine.time <= 1.1 * limit


def test_a_resumed_run_repeats_the_decisions_and_has_the_same_weights() -> None:
    machine = Machine(sudden(30, 3.0))
    first = simulate(machine, expect(60, 2.0, 3.0), 2.0, caches=True)
    changed = [entry for entry in first.log.find(FINETUNE, "epochs") if entry.epoch]
    assert changed  # it was shortened
    # The checkpoints are lost, and the machine is fast now: what is recorded counts.
    again = first.log.model_copy(update={"steps": first.log.steps[:1]})
    repeated = simulate(Machine(lambda time: 0.1), again, 2.0, caches=True)
    assert repeated.log.decisions == first.log.decisions
    assert repeated.states == first.states
    assert torch.equal(repeated.weights, first.weights)


def test_beyond_what_is_recorded_a_resumed_run_decides_again() -> None:
    first = simulate(Machine(lambda time: 1.0), expect(60, 2.0, 3.0), 2.0, caches=True)
    begun = [entry for entry in first.log.decisions if not entry.epoch]
    cut = first.log.model_copy(update={"decisions": begun, "steps": []})
    slow = simulate(Machine(lambda time: 4.0), cut, 2.0, caches=True)
    assert slow.log.decisions[: len(begun)] == begun
    assert slow.states[FINETUNE].epoch < first.states[FINETUNE].epoch
    assert slow.end <= 66


def test_folds_share_the_time() -> None:
    machine = Machine(lambda time: 1.0)
    watch = BudgetWatch(expect(100, 2.0, 10.0), machine.clock)
    watch.trainings = 3
    assert watch.begin("fold0-finetune", 50, is_trained=False) == 12  # 30 s of 90, of 2.5 s each
    machine.work(40)
    assert watch.begin("fold1-finetune", 50, is_trained=False) == 10  # 25 s of the 50 that are left
    assert watch.begin("whole-finetune", 50, is_trained=False) == 20

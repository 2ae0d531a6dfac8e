"""The loop: rates by hand, when a phase ends, and a state that survives its file."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pupila.artifacts.run.log import EpochLog
from pupila.artifacts.run.outcomes import Outcomes
from pupila.core.errors import PupilaError
from pupila.learning.ema import AveragedWeights
from pupila.learning.loop import Batch, Checkpointer, EpochResult, Phase, State, fit, scheduled_lr
from pupila.learning.optimizers import OPTIMIZERS

PHASE = Phase(
    name="head", epochs=6, lr=0.1, schedule="constant", warmup_epochs=0.0, optimizer="adamw",
    weight_decay=0.0, clip_norm=None, patience=99, collapse_patience=99, precision="float32",
    seed=23, can_predict=False,
)  # fmt: skip
STEPS = 3


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tensors as small as these gain nothing from more, and wait long for them where a machine has other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def result(score: float, collapsed: bool = False) -> EpochResult:
    return EpochResult(score=score, loss=1.0, collapsed=collapsed, metrics={"macro_f1": score})


def after(scores: list[float], phase: Phase, collapsed: bool = False) -> State:
    state = State()
    for score in scores:
        state = state.after(result(score, collapsed), phase)
    return state


def stream(epoch: int) -> tuple[int, Iterator[Batch]]:
    """Three batches of four points, told apart by the sign of their first number."""
    points = torch.randn(STEPS, 4, 3, generator=torch.Generator().manual_seed(epoch))
    return STEPS, iter([(some, (some[:, 0] > 0).long()) for some in points])


def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))


def trained(
    folder: Path, scores: list[float], phase: Phase = PHASE, net: nn.Module | None = None
) -> tuple[Any, ...]:
    """The module, the state and the log after a training with these validation results."""
    net = net or module()
    checkpointer = Checkpointer(str(folder), phase.name)
    state = fit(
        net.train(),
        phase,
        stream,
        functional.cross_entropy,
        lambda _, epoch: result(scores[epoch]),
        checkpointer,
    )
    return net, state, checkpointer.lines


def test_the_outcomes_of_all_epochs_survive_an_interruption(tmp_path: Path) -> None:
    scores = [0.2, 0.5, 0.4, 0.7, 0.6, 0.3]

    def train(folder: Path, epochs: int, first: int = 0) -> Outcomes | None:
        def validate(_: nn.Module, epoch: int) -> EpochResult:
            values = np.array([epoch, 9, epoch + 1], np.uint8)
            own = Outcomes.of_epoch([4, 0, 2], np.zeros(3, np.uint8), values) if epoch >= first else None
            return replace(result(scores[epoch]), outcomes=own)

        checkpointer = Checkpointer(str(folder), "head")
        phase = replace(PHASE, epochs=epochs)
        fit(module().train(), phase, stream, functional.cross_entropy, validate, checkpointer)
        return checkpointer.outcomes

    assert train(tmp_path / "part", 4) is not None
    resumed, whole = train(tmp_path / "part", 6), train(tmp_path / "whole", 6)
    assert resumed is not None and whole is not None
    assert whole.values.tolist() == [[epoch, 9, epoch + 1] for epoch in range(6)]
    for ours, theirs in zip(resumed.to_arrays("").values(), whole.to_arrays("").values(), strict=True):
        assert ours.dtype == theirs.dtype and (ours == theirs).all()
    assert train(tmp_path / "whole", 6) is not None  # a part that is complete
    assert train(tmp_path / "old", 2, first=9) is None and train(tmp_path / "old", 6, first=2) is None


def flat(net: nn.Module) -> list[float]:
    return torch.cat([value.flatten().double() for value in net.state_dict().values()]).tolist()


def test_the_rate_rises_over_the_warm_up() -> None:
    phase = replace(PHASE, warmup_epochs=2.0)
    assert scheduled_lr(phase, State(), 0.0) == pytest.approx(0.1 * 0.0005)  # not 0: the first step counts
    assert scheduled_lr(phase, State(), 1.0) == pytest.approx(0.05, rel=2e-3)
    assert scheduled_lr(phase, State(), 2.0) == scheduled_lr(phase, State(), 5.0) == 0.1
    assert scheduled_lr(PHASE, State(), 0.0) == 0.1


def test_the_cosine_falls_from_the_end_of_the_warm_up_to_0() -> None:
    phase = replace(PHASE, schedule="cosine", warmup_epochs=2.0)
    rates = [scheduled_lr(phase, State(), time) for time in (2, 3, 4, 6)]
    quarter = 0.1 * (0.5 + 0.5 * math.cos(math.pi / 4))  # 0.0854
    assert rates == pytest.approx([0.1, quarter, 0.05, 0.0])


def test_plateau_halves_after_each_third_epoch_without_gain() -> None:
    phase = replace(PHASE, schedule="plateau")
    report = {3: 1.0, 4: 0.5, 6: 0.5, 7: 0.25}  # epochs of which the first is the best
    for epochs, factor in report.items():
        state = after([0.5] * epochs, phase)
        assert state.factor == factor
        assert scheduled_lr(phase, state, 1.0) == pytest.approx(0.1 * factor)
    assert after([0.5, 0.4, 0.4, 0.6, 0.5, 0.5], phase).factor == 1.0  # an improvement resets the count
    assert after([0.5] * 7, PHASE).factor == 1.0


def test_a_phase_ends_by_epochs_by_patience_or_by_collapse() -> None:
    assert [after([0.1, 0.2, 0.3, 0.4, 0.5, 0.6][:n], PHASE).ends(PHASE) for n in (5, 6)] == [False, True]
    patient = replace(PHASE, patience=2)
    assert [after(scores, patient).ends(patient) for scores in ([0.5, 0.5], [0.5, 0.5, 0.4])] == [False, True]
    collapsing = replace(PHASE, collapse_patience=2)
    assert [after([0.1, 0.2][:n], collapsing, collapsed=True).ends(collapsing) for n in (1, 2)] == [
        False,
        True,
    ]
    assert after([0.1, 0.2], collapsing, collapsed=True).after(result(0.3), collapsing).collapsed == 0


def test_the_best_epoch_is_the_first_of_equals_and_its_weights_are_left(tmp_path: Path) -> None:
    scores = [0.1, 0.7, 0.7, 0.2, 0.3, 0.4]
    net, state, lines = trained(tmp_path / "whole", scores)
    assert (state.epoch, state.best_epoch, state.best_score, state.stale) == (6, 2, 0.7, 4)
    two, *_ = trained(tmp_path / "two", scores, replace(PHASE, epochs=2))
    assert flat(net) == flat(two)
    assert [line.score for line in lines] == scores
    assert all(line.lr == 0.1 and line.train_loss > 0 for line in lines)


def test_of_equal_scores_the_lower_loss_is_better() -> None:
    state = State()
    for loss in (0.5, 0.3, 0.4):
        state = state.after(EpochResult(score=0.7, loss=loss, collapsed=False, metrics={}), PHASE)
    assert (state.best_epoch, state.best_loss, state.stale) == (2, 0.3, 1)
    state = state.after(EpochResult(score=0.6, loss=0.1, collapsed=False, metrics={}), PHASE)
    assert (state.best_epoch, state.stale) == (2, 2)


def test_what_could_answer_before_has_to_be_beaten(tmp_path: Path) -> None:
    phase = replace(PHASE, can_predict=True)
    fresh = flat(module())
    before = [0.1] * 6 + [0.5]  # validated at epoch -1 first
    net, state, _ = trained(tmp_path / "worse", before, phase)
    assert (flat(net), state.best_epoch, state.best_score) == (fresh, 0, 0.5)
    net, state, _ = trained(tmp_path / "equal", [0.5] * 7, phase)
    assert (flat(net), state.best_epoch) == (fresh, 0)
    net, state, lines = trained(tmp_path / "perfect", [1.0] * 7, phase)
    assert (flat(net), state.epoch, state.best_epoch, lines) == (fresh, 0, 0, [])  # nothing can beat it
    net, state, _ = trained(tmp_path / "better", [0.1, 0.6, 0.1, 0.1, 0.1, 0.1, 0.5], phase)
    assert flat(net) != fresh
    assert (state.best_epoch, state.best_score) == (2, 0.6)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_a_run_in_two_parts_ends_as_one(optimizer: str, schedule: str, tmp_path: Path) -> None:
    phase = replace(PHASE, optimizer=optimizer, schedule=schedule, weight_decay=0.01, clip_norm=0.5)
    scores = [0.1, 0.2, 0.2, 0.2, 0.2, 0.9]

    class Killed(Exception):
        pass

    def killed_at_the_fifth(epoch: int) -> tuple[int, Iterator[Batch]]:
        if epoch == 4:
            raise Killed
        return stream(epoch)

    checkpointer = Checkpointer(str(tmp_path / "parts"), phase.name)
    with pytest.raises(Killed):
        fit(
            module(),
            phase,
            killed_at_the_fifth,
            functional.cross_entropy,
            lambda _, e: result(scores[e]),
            checkpointer,
        )
    torch.manual_seed(99)  # whatever was drawn in between
    parts, whole = (trained(tmp_path / name, scores, phase) for name in ("parts", "whole"))
    assert flat(parts[0]) == flat(whole[0])
    assert parts[1] == whole[1]
    report = [
        [line.model_copy(update={"part": "", "seconds": 0.0}) for line in lines]
        for _, _, lines in (parts, whole)
    ]
    assert report[0] == report[1]
    assert len(report[0]) == 6


def log_line(epoch: int) -> EpochLog:
    return EpochLog(
        part="finetune", phase="finetune", epoch=epoch, train_loss=0.1, metrics={"accuracy": 1 / 3},
        score=0.25, lr=0.1, seconds=0.1,
    )  # fmt: skip


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_the_state_comes_back_from_its_file(optimizer: str, tmp_path: Path) -> None:
    net, other = module(), module()
    ours, theirs = (OPTIMIZERS[optimizer](list(n.parameters()), 0.1, 0.0) for n in (net, other))
    averaged, others = (AveragedWeights(n, 0.0) for n in (net, other))
    for number in range(2):
        functional.cross_entropy(net(torch.randn(4, 3)), torch.tensor([0, 1, 0, 1])).backward()  # type: ignore[no-untyped-call]
        ours.step()
        state = State(epoch=number + 1, best_epoch=1, best_score=0.25, stale=number, factor=0.5)
        earlier = Checkpointer(str(tmp_path), "finetune")
        if not state.stale:
            earlier.save_best(net)
        earlier.save(net, ours, state, log_line(number + 1), averaged)
    heard: list[list[EpochLog]] = []
    checkpointer = Checkpointer(str(tmp_path), "finetune", heard.append)
    assert checkpointer.restore(other, theirs, others) == state
    assert flat(other) == flat(net)
    assert heard == [[log_line(2)]]
    for slots, actual in zip(ours.state.values(), theirs.state.values(), strict=True):
        assert all(torch.equal(torch.as_tensor(slots[k]), torch.as_tensor(actual[k])) for k in slots)
    checkpointer.load_best(other)
    assert flat(other) != flat(net)  # of the first epoch, which was the best


def test_a_folder_without_a_checkpoint_is_a_fresh_start(tmp_path: Path) -> None:
    net = module()
    before = flat(net)
    checkpointer = Checkpointer(str(tmp_path), "head")
    optimizer = OPTIMIZERS["sgd"](list(net.parameters()), 0.1, 0.0)
    assert checkpointer.restore(net, optimizer, AveragedWeights(net, 0.0)) == State()
    checkpointer.load_best(net)
    assert flat(net) == before
    trained(tmp_path, [0.5], replace(PHASE, epochs=1))
    assert list((tmp_path / "checkpoints").glob("*-last.safetensors"))


def test_ctrl_c_ends_the_phase_with_the_best_so_far_once_an_epoch_is_done(tmp_path: Path) -> None:
    def struck(scores: list[float], folder: Path) -> tuple[nn.Module, State]:
        def validate(_: nn.Module, epoch: int) -> EpochResult:
            if epoch == len(scores):
                raise KeyboardInterrupt
            return result(scores[epoch])

        net = module()
        return net, fit(
            net, PHASE, stream, functional.cross_entropy, validate, Checkpointer(str(folder), "head")
        )

    net, state = struck([0.5, 0.4], tmp_path / "two")
    assert (state.epoch, state.best_epoch, state.interrupted) == (2, 1, True)
    assert flat(net) == flat(trained(tmp_path / "one", [0.5], replace(PHASE, epochs=1))[0])
    assert trained(tmp_path / "two", [0.5, 0.4, 0.1, 0.1, 0.1, 0.1])[1].interrupted is False  # continues
    with pytest.raises(KeyboardInterrupt):
        struck([], tmp_path / "none")


def test_a_gradient_is_clipped_to_the_requested_norm(tmp_path: Path) -> None:
    # plain momentum of one step: the weights move by rate x gradient, so by 0.1 x 0.001 at most
    phase = replace(PHASE, epochs=1, optimizer="sgd", clip_norm=0.001)
    moved = {}
    for name, report in (("clipped", phase), ("free", replace(phase, clip_norm=None))):
        torch.manual_seed(0)
        net = nn.Linear(3, 2)
        before = torch.cat([p.detach().flatten().clone() for p in net.parameters()])
        trained(tmp_path / name, [0.5], report, net)
        moved[name] = float((torch.cat([p.detach().flatten() for p in net.parameters()]) - before).norm())
    assert moved["free"] > moved["clipped"] > 0
    assert moved["clipped"] <= 0.1 * 0.001 * (1 + 1.9 + 2.71) * 1.001  # three steps with momentum 0.9


def test_parameters_that_need_no_gradient_stay(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    net[0].requires_grad_(False)
    before = [p.clone() for p in net.parameters()]
    trained(tmp_path, [0.5], replace(PHASE, epochs=1, weight_decay=0.5), net)
    same = [torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True)]
    assert same == [True, True, False, False]


def test_ctrl_c_in_the_first_epoch_of_what_can_answer_already_keeps_it(tmp_path: Path) -> None:
    def validate(_: nn.Module, epoch: int) -> EpochResult:
        if epoch == 0:
            raise KeyboardInterrupt
        return result(0.9)

    net = module()
    before = flat(net)
    phase = replace(PHASE, can_predict=True)
    state = fit(
        net, phase, stream, functional.cross_entropy, validate, Checkpointer(str(tmp_path), "finetune")
    )
    assert (state.epoch, state.interrupted) == (0, True)
    assert flat(net) == before


def test_a_seed_may_be_a_date_or_as_large_as_torch_takes(tmp_path: Path) -> None:
    weights = {
        seed: flat(trained(tmp_path / str(seed), [0.5], replace(PHASE, epochs=1, seed=seed))[0])
        for seed in (20261121, 2**63 - 1)
    }
    assert all(weights.values())


def test_a_loss_that_is_no_number_ends_the_training_with_what_to_change(tmp_path: Path) -> None:
    def criterion(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(outputs, targets) * math.nan

    with pytest.raises(PupilaError, match=r"diverged.*epoch 1") as fault:
        fit(
            module(),
            PHASE,
            stream,
            criterion,
            lambda _, epoch: result(0.5),
            Checkpointer(str(tmp_path), "head"),
        )
    assert "--lr" in fault.value.remedy

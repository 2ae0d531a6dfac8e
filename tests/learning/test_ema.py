"""The moving average of the weights by hand, in a phase, and across an interruption."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from pupila.learning.ema import AveragedWeights
from pupila.learning.loop import Batch, Checkpointer, EpochResult, Phase, fit
from pupila.learning.mixing import Mixing

PHASE = Phase(
    name="finetune", epochs=5, lr=0.1, schedule="cosine", warmup_epochs=0.0, optimizer="adamw", weight_decay=0.01,
    clip_norm=None, patience=99, collapse_patience=99, precision="float32", seed=23, can_predict=False,
    ema_decay=0.9, mixing=Mixing(mixup=0.4, cutmix=1.0),
)  # fmt: skip


def weight_of(module: nn.Linear) -> float:
    return float(module.weight.detach())


def set_weight(module: nn.Module, value: float) -> None:
    with torch.no_grad():
        next(module.parameters()).fill_(value)


def test_the_average_by_hand() -> None:
    module = nn.Linear(1, 1, bias=False)
    set_weight(module, 0.0)
    averaged = AveragedWeights(module, decay=0.15)
    set_weight(module, 1.0)
    averaged.update(module)  # decay 1 / 10, as it rises from there: 0.1 * 0 + 0.9 * 1
    with averaged.apply_to(module):
        assert weight_of(module) == pytest.approx(0.9)
    assert weight_of(module) == 1.0  # the weight itself is back
    set_weight(module, 2.0)
    averaged.update(module)  # 2 / 11 is above 0.15: 0.15 * 0.9 + 0.85 * 2
    with averaged.apply_to(module):
        assert weight_of(module) == pytest.approx(0.15 * 0.9 + 1.7)


def test_without_decay_nothing_is_stored() -> None:
    module = nn.Linear(2, 2)
    averaged = AveragedWeights(module, decay=0.0)
    averaged.update(module)
    assert averaged.to_tensors() == {}
    before = module.weight.detach().clone()
    with averaged.apply_to(module):
        assert torch.equal(module.weight, before)


def test_only_what_is_trained_is_averaged_and_batch_norm_statistics_with_it() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    module[0].requires_grad_(False)
    names = {name for name in AveragedWeights(module, 0.9).to_tensors() if name.startswith("ema/")}
    own = {"1.weight", "1.bias", "1.running_mean", "1.running_var", "2.weight", "2.bias"}
    assert names == {f"ema/{name}" for name in own}


class Pictures(nn.Module):
    """A convolution with batch norm and dropout."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(4, 2),
        )

    def forward(self, pixels: torch.Tensor) -> Any:
        return self.layers(pixels)


def stream(epoch: int) -> tuple[int, Iterator[Batch]]:
    pixels = torch.randn(3, 4, 3, 8, 8, generator=torch.Generator().manual_seed(epoch))
    return 3, iter([(some, (some.mean(dim=(1, 2, 3)) > 0).long()) for some in pixels])


def train(
    folder: Path, epochs: int = 5, phase: Phase = PHASE
) -> tuple[nn.Module, list[float], dict[str, Any]]:
    """The module after these epochs of the phase, its weights at each validation, and its last checkpoint."""
    module, sums = Pictures().train(), []

    class Killed(Exception):
        pass

    def validate(own: nn.Module, epoch: int) -> EpochResult:
        sums.append(float(own.state_dict()["layers.5.weight"].sum()))
        own.eval()
        return EpochResult(score=float(epoch), loss=1.0, collapsed=False, metrics={})

    def stopped(epoch: int) -> tuple[int, Iterator[Batch]]:
        if epoch == epochs:
            raise Killed
        module.train()
        return stream(epoch)

    checkpointer = Checkpointer(str(folder), phase.name)
    with contextlib.suppress(Killed):
        fit(module, phase, stopped, functional.cross_entropy, validate, checkpointer)
    return module, sums, dict(module.state_dict())


def test_a_phase_with_averages_and_mixing_that_was_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    train(tmp_path / "parts", epochs=3)
    torch.manual_seed(99)
    _, later, parts = train(tmp_path / "parts")
    _, sums, whole = train(tmp_path / "whole")
    assert later == sums[3:]
    assert all(torch.equal(parts[name], whole[name]) for name in whole)
    stored = [
        load_file(next((tmp_path / name / "checkpoints").glob("*-last.safetensors")))
        for name in ("parts", "whole")
    ]
    assert all(torch.equal(stored[0][name], stored[1][name]) for name in stored[1])
    assert stored[0].keys() == stored[1].keys() and any(name.startswith("ema/") for name in stored[0])


def test_the_averages_are_left_in_the_module_and_not_the_last_weights(tmp_path: Path) -> None:
    module, sums, _ = train(tmp_path / "averaged")
    plain, raw, _ = train(tmp_path / "plain", phase=replace(PHASE, ema_decay=0.0))
    assert float(module.state_dict()["layers.5.weight"].sum()) == sums[-1]
    assert float(plain.state_dict()["layers.5.weight"].sum()) == raw[-1] != sums[-1]


def test_a_checkpoint_without_averages_starts_the_phase_again(tmp_path: Path) -> None:
    train(tmp_path, epochs=2, phase=replace(PHASE, ema_decay=0.0))
    notes: list[str] = []
    checkpointer = Checkpointer(str(tmp_path), PHASE.name, on_note=notes.append)
    fit(Pictures(), replace(PHASE, epochs=1), stream, functional.cross_entropy,
        lambda module, epoch: EpochResult(1.0, 1.0, False, {}), checkpointer)  # fmt: skip
    assert len(notes) == 1 and len(checkpointer.lines) == 1

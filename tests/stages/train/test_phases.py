"""The learning rates of the phases."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from pupila.learning.loop import Phase
from pupila.learning.mixing import Mixing
from pupila.stages.train import phases
from pupila.tasks import TASKS

PLAN: Any = SimpleNamespace(
    epochs=0, unfreeze=1, finetune_epochs=2, lr=0.1, finetune_lr=0.01, precision="float32", device="cpu", workers=0,
    schedule="cosine", warmup_epochs=0, optimizer="adamw", weight_decay=0, clip_norm=1, patience=3,
    collapse_patience=3, seed=0, layer_decay=1.0, ema_decay=0.0,
)  # fmt: skip


def find_rates(monkeypatch: pytest.MonkeyPatch, task: Any, pretrained: bool) -> tuple[float, float | None]:
    fitted: list[Phase] = []

    def record(module: nn.Module, phase: Phase, *others: Any) -> Any:
        fitted.append(phase)
        return SimpleNamespace(interrupted=False)

    monkeypatch.setattr(phases, "fit", record)
    trainer: Any = SimpleNamespace(
        network=SimpleNamespace(pretrained=pretrained, task=task), build_module=lambda unfreeze: nn.Linear(1, 1),
        criterion=None, mixing=Mixing(), validate=None, predict_validation=lambda module: None,
    )  # fmt: skip
    phases.train_split(trainer, PLAN, lambda name: SimpleNamespace(name=name, pacer=None))  # type: ignore[arg-type, return-value]
    return fitted[0].lr, fitted[0].encoder_lr


@pytest.mark.parametrize("caches", [True, False])
def test_only_a_head_from_random_weights_keeps_its_rate_beside_the_encoder(
    caches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for two, rates in ((True, (0.1, 0.01)), (False, (0.01, None))):
        task = replace(TASKS["classify"], caches_features=caches, finetunes_at_two_rates=two)
        assert find_rates(monkeypatch, task, pretrained=True) == rates
        assert find_rates(monkeypatch, task, pretrained=False) == (0.1, None)


def test_segmentation_alone_has_two_rates() -> None:
    assert [name for name, task in TASKS.items() if task.finetunes_at_two_rates] == ["segment"]

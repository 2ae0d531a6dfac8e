"""Unfrozen blocks are taken where they are right more often than noise explains."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pupila.stages.train.frozen_baseline import FrozenBaseline


def make_baseline(right: list[int], margin: float | None = 1.0) -> tuple[FrozenBaseline | None, nn.Linear]:
    """Of a classifier that is right on these images, and the module that is fine-tuned then."""
    trainer: Any = SimpleNamespace(
        split=SimpleNamespace(validation=list(range(len(right)))), score_images=lambda some: some.tolist()
    )
    module = nn.Linear(2, 2)
    nn.init.zeros_(module.weight)
    return FrozenBaseline.of(trainer, module, lambda: np.array(right, dtype=float), margin), module


@pytest.mark.parametrize(("won", "lost", "is_beaten"), [
    (0, 0, False), (1, 0, False), (2, 0, True), (3, 1, False), (4, 1, True), (4, 2, False), (0, 5, False),
])  # fmt: skip
def test_it_is_beaten_by_more_than_a_standard_error(won: int, lost: int, is_beaten: bool) -> None:
    # of the sum of the differences: the root of won + lost, so 3 - 1 is not more than 2, and 4 - 1 is more than 2.24
    before = [0] * won + [1] * lost + [1] * 10
    after = [1] * won + [0] * lost + [1] * 10
    baseline, module = make_baseline(before)
    assert baseline is not None
    nn.init.ones_(module.weight)  # fine-tuned
    comparison = baseline.compare(np.array(after, dtype=float))
    assert comparison.is_beaten is is_beaten
    assert bool(torch.all(module.weight == float(is_beaten)))
    assert comparison.predict().tolist() == (after if is_beaten else before)
    words = "better by more than" if is_beaten else "the encoder stays frozen"
    assert words in comparison.describe() and f"{len(before)} images" in comparison.describe()


def test_nothing_is_compared_without_a_margin_or_validation() -> None:
    assert make_baseline([1, 1], margin=None)[0] is None
    assert make_baseline([])[0] is None

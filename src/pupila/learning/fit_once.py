"""Train a head that has one optimum: a phase of one epoch, logged and resumed as those of `loop.fit`."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from pupila.artifacts.run.log import EpochLog
from pupila.learning.ema import AveragedWeights
from pupila.learning.loop import Checkpointer, EpochResult, Phase, State


@dataclass(frozen=True, slots=True)
class Solution:
    """How a head was fitted."""

    loss: float  # mean over the training images
    choice: str  # what was measured for it, in the language of the user; empty: nothing


def fit_once(
    module: nn.Module,
    phase: Phase,
    solve: Callable[[], Solution],
    validate: Callable[[nn.Module, int], EpochResult],
    checkpointer: Checkpointer,
) -> State:
    """Fit the module, unless a checkpoint has it already.

    Args:
        module: what is fitted.
        phase: its parameters.
        solve: fits the module in place; gives the same each time.
        validate: the module and the epoch's number to what validation says.
        checkpointer: keeps and restores checkpoints, and writes the log.
    """
    optimizer = torch.optim.SGD(module.parameters(), 0.0)  # a checkpoint has one; this one has no state
    averaged = AveragedWeights(module, decay=0.0)
    state = checkpointer.restore(module, optimizer, averaged)
    if not state.epoch:
        start = time.monotonic()
        solution = solve()
        result = validate(module, 0)
        state = state.after(result, phase)
        checkpointer.add_outcomes(state, result.outcomes)
        checkpointer.save_best(module)
        checkpointer.save(module, optimizer, state, EpochLog(
            part=checkpointer.name, phase=phase.name, epoch=1, train_loss=solution.loss, validation_loss=result.loss,
            metrics=result.metrics, score=result.score, lr=0.0, choice=solution.choice,
            seconds=round(time.monotonic() - start, 3),
        ), averaged)  # fmt: skip
    checkpointer.load_best(module)
    return state

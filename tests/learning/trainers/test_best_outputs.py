"""Outputs of the best validation are found again by the weights that gave them, and by no others."""

import torch
from torch import nn

from pupila.learning.trainers.best_outputs import BestOutputs, hash_weights


def module(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_the_outputs_of_the_best_score_are_given_once() -> None:
    best: BestOutputs[str] = BestOutputs()
    best.offer(module(0), (0.5, -1.0), "first")
    best.offer(module(1), (0.7, -1.0), "second")
    best.offer(module(2), (0.7, -1.0), "no better")
    best.offer(module(4), (0.7, -2.0), "a higher loss")
    best.offer(module(3), (0.6, -1.0), "worse")
    assert best.take(module(1)) == "second"
    assert best.take(module(1)) is None


def test_other_weights_get_nothing() -> None:
    best: BestOutputs[str] = BestOutputs()
    best.offer(module(0), (0.5, -1.0), "first")
    assert best.take(module(1)) is None


def test_a_better_score_whose_outputs_were_too_large_leaves_nothing() -> None:
    best: BestOutputs[str] = BestOutputs()
    best.offer(module(0), (0.5, -1.0), "first")
    best.offer(module(1), (0.7, -1.0), None)
    assert best.take(module(0)) is None and best.take(module(1)) is None


def test_every_weight_and_every_running_statistic_counts() -> None:
    plain = hash_weights(module(0))
    assert hash_weights(module(0)) == plain
    for name in module(0).state_dict():
        changed = module(0)
        changed.state_dict()[name].add_(1)
        assert hash_weights(changed) != plain, name

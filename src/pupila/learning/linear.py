"""Fit a linear head on cached features to its optimum; cross-validation over groups chooses its L2 strength."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pupila.core.messages import listing, number, say
from pupila.imaging.images.decode import Array
from pupila.learning.optimizers import LBFGS

Criterion = Callable[[Tensor, Tensor], Tensor]  # logits (N, C) and targets to the mean loss
Examples = tuple[Tensor, Tensor]  # (N, D) float32 features, targets (N,) or (N, C)
L2_STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)  # candidates, the strongest first
FOLDS = 5
MOST_ROWS = 50_000  # whose features are held in memory: 256 MB of 1,280 each
_CONSTANT = 1e-12  # variance of a feature that never varies
_TEMPERATURES = [2.0 ** (step / 2) for step in range(-12, 9)]  # 1/64 to 16
_UNTRIED = 0.03  # strength where nothing can be tried
_STEPS = 200  # of L-BFGS, at most
_SLOPE = 1e-5  # gradient at which it ends


@dataclass(frozen=True, slots=True)
class Standardisation:
    """Centres and scales features; one that never varies becomes 0."""

    mean: Tensor  # (D,)
    scale: Tensor  # (D,), 1 over the standard deviation

    @classmethod
    def of(cls, parts: Sequence[Tensor]) -> "Standardisation":
        """That of all rows of some (N, D) features."""
        count = sum(map(len, parts))
        mean = torch.stack([part.double().sum(dim=0) for part in parts]).sum(dim=0) / count
        squares = torch.stack([((part - mean) ** 2).sum(dim=0) for part in parts]).sum(dim=0) / count
        scale = torch.where(squares > _CONSTANT, squares.clamp_min(_CONSTANT).rsqrt(), 0.0)
        return cls(mean.to(parts[0].dtype), scale.to(parts[0].dtype))

    def __call__(self, features: Tensor) -> Tensor:
        """(N, D) features with mean 0 and standard deviation 1."""
        return (features - self.mean) * self.scale

    def fold_into(self, layer: nn.Linear) -> None:
        """Make a layer that takes standardised features take them as they are, with the same outputs."""
        with torch.no_grad():
            layer.weight.mul_(self.scale)
            layer.bias.sub_(layer.weight @ self.mean)


def fit_linear(parts: Sequence[Examples], criterion: Criterion, l2: float, layer: nn.Linear) -> float:
    """Give a layer the least mean loss plus l2 / 2 * the sum of its squared weights; returns that mean loss.

    Args:
        parts: of the examples; their mean losses are weighted by their rows.
        criterion: convex in the logits, so that nothing depends on where the search begins.
        l2: strength of the penalty; the bias is free. In scikit-learn's words C = 1 / (N * l2).
        layer: is changed in place; the search begins with it.
    """
    count = sum(len(features) for features, _ in parts)
    optimizer = LBFGS(
        layer.parameters(), max_iter=_STEPS, history_size=10, tolerance_grad=_SLOPE, line_search_fn="strong_wolfe",
    )  # fmt: skip
    last = [0.0]  # loss

    def evaluate() -> float:
        optimizer.zero_grad()
        total = penalty = l2 / 2 * layer.weight.square().sum()
        for features, targets in parts:
            total = total + criterion(layer(features), targets) * (len(features) / count)
        total.backward()  # type: ignore[no-untyped-call]
        last[0] = float(total.detach()) - float(penalty.detach())
        return float(total.detach())

    optimizer.step(evaluate)
    evaluate()  # the search may have ended elsewhere than it looked last
    optimizer.zero_grad()
    return last[0]


def divide_groups(labels: Array, groups: Array, folds: int) -> Array:
    """(N,) number of the fold of each row: no group is in two, and each fold gets its share of each class.

    Args:
        labels: (N, C) which classes a row shows.
        groups: (N,) numbers.
        folds: F; fewer where there are fewer groups.
    """
    names, places = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), labels.shape[1] + 1))
    np.add.at(counts, places, np.column_stack([labels, np.ones(len(labels))]))  # the last column: rows
    weights = 1 / np.maximum(counts.sum(axis=0), 1)  # a row of a rare class weighs more
    totals = np.zeros((min(folds, len(names)), counts.shape[1]))
    fold_of = np.empty(len(names), dtype=np.int64)
    for name in np.argsort(-(counts * weights).sum(axis=1), kind="stable"):
        fold_of[name] = np.argmin((totals * counts[name] * weights**2).sum(axis=1))
        totals[fold_of[name]] += counts[name]
    return fold_of[places]


@dataclass(frozen=True, slots=True)
class L2Choice:
    """The L2 strength with the least cross-validated loss after temperature scaling."""

    l2: float
    losses: dict[float, float]  # of each candidate: the mean over the rows, each predicted without its fold
    folds: int

    def describe(self) -> str:
        """What was tried, with the losses."""
        if not self.losses:
            return say("l2 {l2}: too few groups for cross-validation", l2=f"{self.l2:g}")
        tried = [say("{l2}: {loss}", l2=f"{l2:g}", loss=number(loss)) for l2, loss in self.losses.items()]
        return say(
            "l2 {l2} has the least calibrated loss in {folds}-fold cross-validation over groups of training images "
            "({tried})",
            l2=f"{self.l2:g}", folds=self.folds, tried=listing(tried, len(tried)),
        )  # fmt: skip


def choose_l2(examples: Examples, labels: Array, groups: Array, criterion: Criterion) -> L2Choice:
    """Choose the L2 strength of a linear head by cross-validation; with less than two groups, a medium one.

    Args:
        examples: N rows.
        labels: (N, C) which classes a row shows.
        groups: (N,) numbers of groups, none of which is divided.
        criterion: see `fit_linear`.
    """
    features, targets = examples
    fold_of = divide_groups(labels, groups, FOLDS)
    folds = int(fold_of.max(initial=0)) + 1
    if folds < 2:
        return L2Choice(_UNTRIED, {}, folds)
    predicted = {l2: features.new_empty(labels.shape) for l2 in L2_STRENGTHS}
    for fold in range(folds):
        inside = torch.from_numpy(fold_of != fold)
        standardise = Standardisation.of([features[inside]])
        parts = [(standardise(features[inside]), targets[inside])]
        layer = zero_layer(features.shape[1], labels.shape[1]).to(features)
        for l2 in L2_STRENGTHS:  # each begins where a stronger one ended
            fit_linear(parts, criterion, l2, layer)
            with torch.no_grad():
                predicted[l2][~inside] = layer(standardise(features[~inside]))
    losses = {l2: _calibrated_loss(logits, targets, criterion) for l2, logits in predicted.items()}
    return L2Choice(min(losses, key=lambda l2: losses[l2]), losses, folds)


def _calibrated_loss(logits: Tensor, targets: Tensor, criterion: Criterion) -> float:
    """The loss at the best temperature: temperature scaling follows, so that too large logits are no fault."""
    return min(float(criterion(logits / temperature, targets)) for temperature in _TEMPERATURES)


def zero_layer(size: int, classes: int) -> nn.Linear:
    """A linear layer whose logits are all 0."""
    layer = nn.Linear(size, classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def fit_standardised(parts: Sequence[Examples], criterion: Criterion, l2: float, layer: nn.Linear) -> float:
    """Fit a layer on standardised features, and make it take features as they are; returns its mean loss.

    Args:
        parts: of the examples, features as they are.
        criterion: see `fit_linear`.
        l2: strength, of standardised features.
        layer: is changed in place.
    """
    standardise = Standardisation.of([features for features, _ in parts])
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    loss = fit_linear([(standardise(features), targets) for features, targets in parts], criterion, l2, layer)
    standardise.fold_into(layer)
    return loss

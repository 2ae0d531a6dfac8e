"""A loss is a sum of named ones with weights, as users write it: `dice+0.5*focal`."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import unknown

Loss = Callable[[Tensor, Tensor], Tensor]


class LossSettings(Protocol):
    """The fields that every loss may read."""

    @property
    def label_smoothing(self) -> float:
        """Share given to the other classes, 0..1."""

    @property
    def focal_gamma(self) -> float:
        """How strongly confident predictions are down-weighted; 0 is cross-entropy."""


LossBuilder = Callable[[Tensor | None, Any], Loss]  # from class weights and settings


def parse_loss(loss: str, catalogue: Mapping[str, LossBuilder]) -> list[tuple[float, str]]:
    """`dice+0.5*focal` as [(1.0, "dice"), (0.5, "focal")].

    Args:
        loss: names of the catalogue with weights.
        catalogue: of the task.

    Raises:
        PupilaError: an unknown name, a weight that is not a positive number, or a repeated name.
    """
    terms = _split_terms(loss)
    names, example = loss_names(loss), "{}+0.5*{}".format(*catalogue)
    for name in names:
        if name not in catalogue:
            raise PupilaError(
                unknown(say("Unknown loss {name}", name=name or loss), name, list(catalogue)),
                remedy=say("a loss, or a sum such as {example}", example=example),
            )
    if len(set(names)) < len(names) or not all(weight > 0 for weight, _ in terms):
        raise PupilaError(
            say("Invalid loss"), actual=loss, expected=say("a sum such as {example}", example=example),
            remedy="pupila settings train",
        )  # fmt: skip
    return terms


def loss_names(loss: str) -> list[str]:
    """The names in a sum of losses, whether they are known or not."""
    return [name for _, name in _split_terms(loss)]


def _split_terms(loss: str) -> list[tuple[float, str]]:
    """Weight and name of each term; a weight that is no number is 0."""
    terms = []
    for part in loss.replace(" ", "").split("+"):
        weight, star, name = part.rpartition("*")
        try:
            terms.append((float(weight) if star else 1.0, name))
        except ValueError:
            terms.append((0.0, name))
    return terms


def make_loss(
    loss: str,
    weights: Tensor | None,
    settings: Any,
    catalogue: Mapping[str, LossBuilder],
) -> Loss:
    """The weighted sum of losses as read by `parse_loss`; some terms need more settings, such as `OverlapSettings`."""
    terms = [(weight, catalogue[name](weights, settings)) for weight, name in parse_loss(loss, catalogue)]

    def total(logits: Tensor, targets: Tensor) -> Tensor:
        parts = [weight * term(logits, targets) for weight, term in terms]
        return torch.stack(parts).sum()

    return total

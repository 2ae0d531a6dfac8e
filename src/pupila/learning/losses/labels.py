"""Loss functions of several labels per image, and weights for rare ones. The catalogue is a dict.

Each takes logits (N, C) and targets (N, C) int8: 1 present, 0 absent, -1 unknown. An unknown cell changes nothing: its
gradient is exactly 0, and the mean is over the known cells.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pupila.learning.losses.classes import EFFECTIVE_BETA
from pupila.learning.losses.sums import Loss, LossBuilder, LossSettings
from pupila.tasks.label_text import ABSENT, PRESENT, UNKNOWN

_LEAST = 1e-9  # of a base whose power has no gradient at 0


class AsymmetricSettings(LossSettings, Protocol):
    """The fields that the losses of several labels read as well."""

    @property
    def gamma_positive(self) -> float:
        """Like `focal_gamma`, for present classes."""

    @property
    def gamma_negative(self) -> float:
        """Like `focal_gamma`, for absent classes."""

    @property
    def probability_margin(self) -> float:
        """Probability up to which an absent class costs nothing, 0..1."""


def bce(weights: Tensor | None, settings: LossSettings) -> Loss:
    """Binary cross-entropy: mean of -log p of what is true, over the known cells.

    Args:
        weights: (C,) factors of the terms of present classes, or None for 1 each.
        settings: gives the label smoothing s: a target of 1 becomes 1 - s / 2, and one of 0 becomes s / 2.

    Returns:
        Logits (N, C) and targets (N, C) to a scalar; exactly 0, with zero gradient, where no cell is known.
    """
    share = settings.label_smoothing

    def cost(logits: Tensor, present: Tensor) -> Tensor:
        targets = present.to(logits.dtype) * (1 - share) + share / 2
        return functional.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=weights, reduction="none"
        )

    return _mean_of_known(cost)


def focal(weights: Tensor | None, settings: LossSettings) -> Loss:
    """Binary cross-entropy of which each term is multiplied by (1 - p) ** gamma, p being that of what is true.

    Args:
        weights: (C,) factors of the terms of present classes, in place of the alpha of the paper; None: 1 each.
        settings: gives gamma; 0 is `bce`.

    Returns:
        As `bce`.

    Source: Lin et al. 2017, arXiv:1708.02002, equation 4.
    """

    def cost(logits: Tensor, present: Tensor) -> Tensor:
        signed = torch.where(present, logits, -logits)
        terms = -functional.logsigmoid(signed) * torch.exp(
            settings.focal_gamma * functional.logsigmoid(-signed)
        )
        return _weigh(terms, present, weights)

    return _mean_of_known(cost)


def asymmetric(weights: Tensor | None, settings: AsymmetricSettings) -> Loss:
    """A focal loss whose absent classes have a larger gamma, and cost nothing up to a probability of `margin`.

    A present class costs (1 - p) ** gamma_positive * -log p; an absent one q ** gamma_negative * -log(1 - q) with
    q = max(p - margin, 0).

    Args:
        weights: (C,) factors of the terms of present classes, or None for 1 each.
        settings: gives both gammas and the margin; all 0 is `bce`.

    Returns:
        As `bce`.

    Source: Ridnik et al. 2021, arXiv:2009.14119, equations 4 to 6; the gradient flows through the factors, too.
    """
    margin = settings.probability_margin

    def cost(logits: Tensor, present: Tensor) -> Tensor:
        of_present = -functional.logsigmoid(logits) * torch.exp(
            settings.gamma_positive * functional.logsigmoid(-logits)
        )
        if margin == 0:
            of_absent = -functional.logsigmoid(-logits) * torch.exp(
                settings.gamma_negative * functional.logsigmoid(logits)
            )
        else:
            shifted = torch.sigmoid(logits) - margin
            counts = shifted > 0
            q = torch.where(counts, shifted, _LEAST).clamp_min(_LEAST)
            of_absent = counts * q**settings.gamma_negative * -torch.log1p(-q)
        return _weigh(torch.where(present, of_present, of_absent), present, weights)

    return _mean_of_known(cost)


def _mean_of_known(cost: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """The mean cost of the known cells; `cost` takes logits and (N, C) bool whether a class is present."""

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        known = targets != UNKNOWN
        # A logit without a target is replaced, so that not even one that is infinite has a gradient.
        cells = cost(torch.where(known, logits.float(), 0.0), targets == PRESENT)
        return torch.where(known, cells, 0.0).sum() / known.sum().clamp_min(1)

    return loss


def _weigh(terms: Tensor, present: Tensor, weights: Tensor | None) -> Tensor:
    return terms if weights is None else terms * torch.where(present, weights, 1.0)


LABEL_LOSSES: dict[str, LossBuilder] = {"bce": bce, "focal": focal, "asymmetric": asymmetric}


def positive_weights(targets: NDArray[Any], kind: str) -> Tensor | None:
    """How much more than its absence the presence of a class counts in the loss.

    Args:
        targets: (N, C) of the training images: 1 present, 0 absent, -1 unknown.
        kind: "none"; "inverse": negatives / positives; "inverse_sqrt": its square root; "effective": that of their
            effective numbers, which for n is (1 - beta ** n) / (1 - beta).

    Returns:
        (C,) float32, 1 for a class without positives or without negatives; None for "none".

    Source: Cui et al. 2019, arXiv:1901.05555, for "effective".
    """
    if kind == "none":
        return None
    positives, negatives = ((targets == value).sum(axis=0).astype(np.float64) for value in (PRESENT, ABSENT))
    if kind == "effective":
        positives, negatives = (1 - EFFECTIVE_BETA**positives, 1 - EFFECTIVE_BETA**negatives)
    elif kind == "inverse_sqrt":
        positives, negatives = np.sqrt(positives), np.sqrt(negatives)
    both = (positives > 0) & (negatives > 0)
    return torch.tensor(np.where(both, negatives / np.where(both, positives, 1), 1.0), dtype=torch.float32)

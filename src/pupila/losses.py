"""What training minimises, and weights for classes that are out of balance. The catalogue is a dict."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

EFFECTIVE_BETA = 0.999  # Cui et al. 2019, section 4, for data sets of this size
Loss = Callable[[Tensor, Tensor], Tensor]


class LossSettings(Protocol):
    """The fields that the losses read."""

    @property
    def label_smoothing(self) -> float:
        """Share given to the other classes, 0..1."""

    @property
    def focal_gamma(self) -> float:
        """How much sure answers are made light of; 0 is cross-entropy."""


def cross_entropy(weights: Tensor | None, settings: LossSettings) -> Loss:
    """Mean of -log p of the true class, each times its class weight, over the sum of the weights.

    Args:
        weights: (C,) class weights, or None for 1 each.
        settings: gives the label smoothing.

    Returns:
        Logits (N, C) and targets (N,) int64 to a scalar.
    """

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(logits, targets, weights, label_smoothing=settings.label_smoothing)

    return loss


def focal(weights: Tensor | None, settings: LossSettings) -> Loss:
    """Cross-entropy of which each term is multiplied by (1 - p) ** gamma, p being that of the true class.

    Args:
        weights: (C,) class weights, or None for 1 each.
        settings: gives gamma.

    Returns:
        Logits (N, C) and targets (N,) int64 to a scalar.

    Source: Lin et al. 2017, arXiv:1708.02002, equation 5.
    """

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        log_p = functional.log_softmax(logits, dim=1).gather(1, targets[:, None])[:, 0]
        unsure = (1 - log_p.exp()).clamp_min(1e-9)  # 0 has no gradient under a gamma below 1
        terms = -(unsure**settings.focal_gamma) * log_p
        if weights is None:
            return terms.mean()
        each = weights[targets]
        return (terms * each).sum() / each.sum()

    return loss


LOSSES: dict[str, Callable[[Tensor | None, Any], Loss]] = {"cross_entropy": cross_entropy, "focal": focal}


def class_weights(counts: NDArray[np.int64], kind: str) -> Tensor | None:
    """Weights with mean 1 over the images.

    Args:
        counts: (C,) training images of each class; a class without images gets weight 0.
        kind: "none"; "inverse": by 1 / n; "effective": by (1 - beta) / (1 - beta ** n).

    Returns:
        (C,) float32, or None for "none".

    Source: Cui et al. 2019, arXiv:1901.05555, for "effective".
    """
    if kind == "none":
        return None
    n = np.maximum(counts, 1).astype(np.float64)
    raw = 1 / n if kind == "inverse" else (1 - EFFECTIVE_BETA) / (1 - EFFECTIVE_BETA**n)
    raw = np.where(counts > 0, raw, 0.0)
    return torch.tensor(raw * counts.sum() / (raw * counts).sum(), dtype=torch.float32)

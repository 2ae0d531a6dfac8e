"""Loss functions of one class for each image or pixel, and class weights. The catalogue is a dict."""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pupila.core.vocabulary import IGNORE
from pupila.learning.losses.sums import Loss, LossBuilder, LossSettings

# Weight of foreground pixels in the focal loss of prompts. With the 0.25 of the paper a decoder from random weights
# predicts empty masks for hundreds of steps (validation IoU 0.13 after 200), with 0.75 it does not (0.44).
_ALPHA = 0.75
EFFECTIVE_BETA = 0.999  # Cui et al. 2019, section 4, for data sets of this size


class OverlapSettings(LossSettings, Protocol):
    """The fields that the losses of masks read as well."""

    @property
    def tversky_beta(self) -> float:
        """Weight of false negatives, 0..1; false positives get the rest."""


def cross_entropy(weights: Tensor | None, settings: LossSettings) -> Loss:
    """Mean of -log p of the true class, each times its class weight, over the sum of the weights.

    Args:
        weights: (C,) class weights, or None for 1 each.
        settings: gives the label smoothing.

    Returns:
        Logits (N, C, ...) and targets (N, ...) int64, or IGNORE for a place without a label, to a scalar; exactly 0
        where no place has one.
    """

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        total = functional.cross_entropy(
            logits.float(), targets, weights, label_smoothing=settings.label_smoothing, ignore_index=IGNORE,
            reduction="sum",
        )  # fmt: skip
        return total / _sum_weights(targets, weights)

    return loss


def focal(weights: Tensor | None, settings: LossSettings) -> Loss:
    """Cross-entropy of which each term is multiplied by (1 - p) ** gamma, p being that of the true class.

    Args:
        weights: (C,) class weights, or None for 1 each.
        settings: gives gamma.

    Returns:
        Logits (N, C, ...) and targets (N, ...) int64, or IGNORE for a place without a label, to a scalar; exactly 0
        where no place has one.

    Source: Lin et al. 2017, arXiv:1708.02002, equation 5.
    """

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        known = targets != IGNORE
        true = torch.where(known, targets, 0)
        log_p = functional.log_softmax(logits.float(), dim=1).gather(1, true[:, None])[:, 0]
        complement = (1 - log_p.exp()).clamp_min(1e-9)  # 0 has no gradient under a gamma below 1
        each = known if weights is None else weights[true] * known
        terms = -(complement**settings.focal_gamma) * log_p * each
        return terms.sum() / _sum_weights(targets, weights)

    return loss


def dice(weights: Tensor | None, settings: LossSettings) -> Loss:
    """One minus the mean overlap of the classes that occur in the batch; of background and one other the other's.

    Overlap of class c is 2 * sum(p * t) / (sum(p) + sum(t)), over all labelled pixels of the batch. Absent classes are
    left out: they have no overlap to improve.

    Args:
        weights: None; overlap losses do not use them.
        settings: unused.

    Returns:
        Logits (N, C, H, W) and targets (N, H, W) int64, or IGNORE for a pixel without a label, to a scalar in [0, 1];
        exactly 0, with zero gradient, where no class that counts occurs.

    Source: Milletari et al. 2016, arXiv:1606.04797, section 3, without its squares.
    """
    return _make_overlap_loss(0.5)


def tversky(weights: Tensor | None, settings: OverlapSettings) -> Loss:
    """Like `dice`, with the overlap sum(p * t) / (sum(p * t) + (1 - beta) * false positives + beta * false negatives).

    Args:
        weights: None; overlap losses do not use them.
        settings: gives beta; 0.5 is Dice.

    Returns:
        As `dice`.

    Source: Salehi et al. 2017, arXiv:1706.05721, equation 4, with alpha = 1 - beta.
    """
    return _make_overlap_loss(settings.tversky_beta)


def _make_overlap_loss(beta: float) -> Loss:
    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        known = (targets != IGNORE)[:, None]
        classes = logits.shape[1]
        p = functional.softmax(logits.float(), dim=1) * known
        t = functional.one_hot(torch.where(known[:, 0], targets, 0), classes).permute(0, 3, 1, 2) * known
        if classes == 2:
            p, t = p[:, 1:], t[:, 1:]
        shared, predicted, true = ((x).sum(dim=(0, 2, 3)) for x in (p * t, p, t))
        counts = true > 0
        overlap = shared / (shared + (1 - beta) * (predicted - shared) + beta * (true - shared)).clamp_min(
            1e-6
        )
        return ((1 - overlap) * counts).sum() / counts.sum().clamp_min(1)

    return loss


def _sum_weights(targets: Tensor, weights: Tensor | None) -> Tensor:
    """Sum of the class weights of all labelled places; 1 where there is none, so that 0 / 1 is 0."""
    known = targets != IGNORE
    if weights is None:
        return known.sum().clamp_min(1)
    total = (weights[torch.where(known, targets, 0)] * known).sum()
    return torch.where(total > 0, total, torch.ones_like(total))


def prompt_loss(masks: Tensor, predicted_iou: Tensor, targets: Tensor, ambiguous: Tensor) -> Tensor:
    """The loss of promptable models: 20 * focal + Dice of the mask, and the squared error of the predicted IoU.

    For an ambiguous prompt only the best of the three masks counts, and the predicted IoUs of all three.

    Args:
        masks: (K, 4, h, w) logits: of the one mask, then of three for an ambiguous prompt.
        predicted_iou: (K, 4), of each mask.
        targets: (K, h, w) uint8: 1 foreground, 0 background, IGNORE without a label.
        ambiguous: (K,) bool.

    Returns:
        A scalar, the mean over the K prompts; exactly 0 for one whose target has no label.

    Source: Kirillov et al. 2023, arXiv:2304.02643, section 3 and appendix A; focal loss with gamma 2.
    """
    logits, known = masks.float(), (targets != IGNORE)[:, None].float()
    target = (targets == 1)[:, None].float().expand_as(logits)
    there = known.sum(dim=(2, 3)).clamp_min(1)
    p = torch.sigmoid(logits)
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    missed = (1 - p) * target + p * (1 - target)
    alpha = _ALPHA * target + (1 - _ALPHA) * (1 - target)
    focal_term = (alpha * missed**2 * each * known).sum(dim=(2, 3)) / there
    p, target = p * known, target * known
    overlap = (2 * (p * target).sum(dim=(2, 3)) + 1) / (p.sum(dim=(2, 3)) + target.sum(dim=(2, 3)) + 1)
    mask_term = 20 * focal_term + 1 - overlap
    off = (predicted_iou.float() - _iou(logits, target, known)) ** 2
    three = mask_term[:, 1:].min(dim=1).values + off[:, 1:].mean(dim=1)
    total = torch.where(ambiguous, three, mask_term[:, 0] + off[:, 0])
    return (total * known.any(dim=3).any(dim=2)[:, 0]).mean()


def _iou(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """(K, 4) IoU of the masks at threshold 0."""
    predicted = (logits.detach() > 0) * known
    shared = (predicted * target).sum(dim=(2, 3))
    return shared / (predicted.sum(dim=(2, 3)) + target.sum(dim=(2, 3)) - shared).clamp_min(1)


LOSSES: dict[str, LossBuilder] = {
    "cross_entropy": cross_entropy, "focal": focal, "dice": dice, "tversky": tversky,
}  # fmt: skip
OVERLAP_LOSSES = (
    "dice",
    "tversky",
)  # for segmentation only; they use neither class weights nor label smoothing


def class_weights(counts: NDArray[Any], kind: str) -> Tensor | None:
    """Weights with mean 1 over the images.

    Args:
        counts: (C,) training images of each class, of masks the sum of its shares; a class without any gets weight 0.
        kind: "none"; "inverse": by 1 / n; "inverse_sqrt": by its square root; "effective": by
            (1 - beta) / (1 - beta ** n).

    Returns:
        (C,) float32, or None for "none".

    Source: Cui et al. 2019, arXiv:1901.05555, for "effective".
    """
    if kind == "none":
        return None
    n = np.where(counts > 0, counts, 1).astype(np.float64)
    by_count = {
        "inverse": 1 / n,
        "inverse_sqrt": n**-0.5,
        "effective": (1 - EFFECTIVE_BETA) / (1 - EFFECTIVE_BETA**n),
    }
    raw = np.where(counts > 0, by_count[kind], 0.0)
    return torch.tensor(raw * counts.sum() / (raw * counts).sum(), dtype=torch.float32)

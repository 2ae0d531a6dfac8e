"""Mixup and cutmix: each image of a batch is blended with another one, and so are their losses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Mixing:
    """How batches are mixed; both 0: not at all, both above 0: by either, every second time on average.

    Args:
        mixup: alpha of the Beta(alpha, alpha) that the share of the first image is drawn from.
        cutmix: the same, for the share of the area.

    Source: Zhang et al. 2018, arXiv:1710.09412; Yun et al. 2019, arXiv:1905.04899.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def mix(self, pixels: Any, draw: tuple[int, ...]) -> "MixedBatch":
        """Mix a batch.

        Args:
            pixels: (N, 3, H, W), or inputs of another form where nothing is mixed.
            draw: decides everything random.
        """
        if not (self.mixup or self.cutmix):
            return MixedBatch(pixels, None, 1.0)
        random = np.random.default_rng(draw)
        cuts = self.cutmix > 0 and (not self.mixup or random.random() < 0.5)
        alpha = self.cutmix if cuts else self.mixup
        share = float(random.beta(alpha, alpha))
        partners = torch.from_numpy(random.permutation(len(pixels))).to(pixels.device)
        if not cuts:
            return MixedBatch(share * pixels + (1 - share) * pixels[partners], partners, share)
        height, width = pixels.shape[2:]
        side = (1 - share) ** 0.5
        (top, bottom), (left, right) = (_place(length, side, random.random()) for length in (height, width))
        mixed = pixels.clone()
        mixed[:, :, top:bottom, left:right] = pixels[partners, :, top:bottom, left:right]
        return MixedBatch(mixed, partners, 1 - (bottom - top) * (right - left) / (height * width))


def _place(length: int, share: float, centre: float) -> tuple[int, int]:
    """The first place and the end of a part of a side around a centre in 0..1, cut off at the border."""
    half, middle = share * length / 2, centre * length
    return max(0, round(middle - half)), min(length, round(middle + half))


@dataclass(frozen=True, slots=True)
class MixedBatch:
    """A batch after mixing."""

    inputs: Any
    partners: Tensor | None  # (N,) places of the second images; None: nothing is mixed
    share: float  # of the first image

    def loss(self, criterion: Callable[[Any, Tensor], Tensor], outputs: Any, targets: Tensor) -> Tensor:
        """The loss for the first targets and that for the second ones, by their shares.

        For cross-entropy it is the loss for the mixed targets; every other loss keeps its class weights and its unknown
        labels.
        """
        first = criterion(outputs, targets)
        if self.partners is None:
            return first
        return self.share * first + (1 - self.share) * criterion(outputs, targets[self.partners])

"""A promptable network in training, with rounds of corrective points, and its loss."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pupila.core.vocabulary import IGNORE
from pupila.learning.losses.classes import prompt_loss
from pupila.learning.models.network import Network, Unfrozen
from pupila.tasks.prompt import BACKGROUND, FOREGROUND, NO_POINT


class PromptableModule(nn.Module):
    """A promptable network in training: after the first prediction, rounds with a corrective point each.

    Args:
        network: is trained in place.
        corrections: rounds after the first one.
        unfreeze: number of last encoder blocks to train, or "all"; None: the input is features, not pixels.
    """

    def __init__(self, network: Network, corrections: int, unfreeze: int | str | None) -> None:
        super().__init__()
        self._unfrozen = (
            [] if unfreeze is None else [Unfrozen(network, unfreeze)]
        )  # in a list, so that its weights are registered once
        self.head: Any = network.head
        self.encoder: Any = None if unfreeze is None else network.encoder
        self.blocks = network.blocks  # a plain list, as above
        self._image_size, self._corrections = network.preprocessing.height, corrections

    def forward(
        self, inputs: Tensor, points: Tensor, labels: Tensor, targets: Tensor
    ) -> list[tuple[Tensor, ...]]:
        """(N, 3, H, W) pixels or (N, size) features, (N, M, P, 2) points, (N, M, P) labels, (N, M, h, w) targets.

        Returns:
            For each round (N, M, 4, h, w) logits, (N, M, 4) predicted IoUs, and (N, M) whether the prompt is ambiguous.
        """
        maps = self.head.embed(inputs if self.encoder is None else self.encoder(inputs))
        rounds: list[tuple[Tensor, ...]] = []
        for number in range(1 + self._corrections):
            masks, predicted_iou = self.head.decode(maps, points, labels)
            ambiguous = (labels >= 0).sum(dim=2) == 1
            rounds.append((masks, predicted_iou, ambiguous))
            if number < self._corrections:
                best = torch.where(ambiguous, 1 + predicted_iou[..., 1:].argmax(dim=2), 0)
                place, label = self._place_correction(_select_masks(masks.detach(), best), targets)
                points, labels = torch.cat([points, place], dim=2), torch.cat([labels, label], dim=2)
        return rounds

    def _place_correction(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """(N, M, 1, 2) the centre of the largest error of (N, M, h, w) logits, and (N, M, 1) its point label."""
        known = targets != IGNORE
        wrong = ((logits > 0) != (targets == 1)) & known
        height, width = wrong.shape[2:]
        window = max(3, height // 16 | 1)
        around = functional.avg_pool2d(wrong.float(), window, 1, window // 2)
        most = torch.where(wrong, around, -1.0).flatten(2).argmax(dim=2)
        y, x = most.div(width, rounding_mode="floor"), most % width
        place = torch.stack(
            [(x + 0.5) * self._image_size / width, (y + 0.5) * self._image_size / height], dim=-1
        )
        inside = targets.flatten(2).gather(2, most[..., None]) == 1
        label = torch.where(
            wrong.flatten(2).any(dim=2, keepdim=True), torch.where(inside, FOREGROUND, BACKGROUND), NO_POINT
        )
        return place[:, :, None], label

    def train(self, mode: bool = True) -> "PromptableModule":
        """Training mode for the trained parts; frozen parts stay in evaluation mode."""
        super().train(mode)
        for whole in self._unfrozen:
            whole.train(mode)
        return self


def _select_masks(masks: Tensor, number: Tensor) -> Tensor:
    """(N, M, h, w): of (N, M, 4, h, w) the one of each (N, M) number."""
    return masks.gather(2, number[..., None, None, None].expand(-1, -1, 1, *masks.shape[3:]))[:, :, 0]


def mean_prompt_loss(rounds: list[tuple[Tensor, ...]], targets: Tensor) -> Tensor:
    """The mean loss of the rounds."""
    own = targets.flatten(0, 1)
    parts = [
        prompt_loss(masks.flatten(0, 1), predicted_iou.flatten(0, 1), own, ambiguous.flatten())
        for masks, predicted_iou, ambiguous in rounds
    ]
    return torch.stack(parts).mean()

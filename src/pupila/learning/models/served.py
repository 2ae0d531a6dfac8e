"""What the exported graph computes, in torch: the mean over the members of an ensemble and over flips."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pupila.imaging.images.flips import FLIP_AXES
from pupila.learning.models.network import Network, WholeNetwork


class ServedNetwork(nn.Module):
    """A network as a bundle serves it."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.towers, self.flips = nn.ModuleList(map(WholeNetwork, network.towers)), network.test_time_flips

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) to logits (N, C), of masks (N, C, H, W), and embedding (N, size)."""
        outputs: tuple[Tensor, Tensor] = average_flips(self._average_towers, pixels, self.flips)
        return outputs

    def _average_towers(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return _mean([tower(pixels) for tower in self.towers])


def average_flips(run: Callable[[Tensor], Any], pixels: Tensor, flips: str) -> Any:
    """The mean of what a network gives for an input and for its flips; maps (N, C, h, w) are flipped back.

    Args:
        run: (N, 3, H, W) to a tensor, or to a tuple of tensors.
        pixels: the input.
        flips: a name of `FLIP_AXES`.
    """
    if flips == "none":
        return run(pixels)
    outputs = [_flip_maps(run(pixels.flip(axes)), axes) for axes in FLIP_AXES[flips]]
    means = _mean(outputs)
    return means if len(means) > 1 else means[0]


def _flip_maps(outputs: Any, axes: tuple[int, ...]) -> tuple[Tensor, ...]:
    tensors = outputs if isinstance(outputs, tuple) else (outputs,)
    return tuple(tensor.flip(axes) if tensor.ndim == 4 else tensor for tensor in tensors)


def _mean(outputs: list[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return tuple(torch.stack(part).mean(dim=0) for part in zip(*outputs, strict=True))

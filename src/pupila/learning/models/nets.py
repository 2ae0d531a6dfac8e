"""Pupila's own small networks, for training from scratch: a LeNet and two residual nets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pupila.learning.models.network import MapEncoder


@dataclass(frozen=True, slots=True)
class Net:
    """An encoder of Pupila's own."""

    encoder: nn.Module  # (N, 3, H, W) to (N, size)
    size: int
    blocks: list[nn.Module]
    image_size: int  # pixels, default; other sizes work too


class Blocks(nn.Sequential, MapEncoder):
    """Blocks one after the other, the last of which pools."""

    def embed_with_map(self, pixels: Tensor) -> tuple[Any, Any]:
        """(N, 3, H, W) to the embedding (N, size), and to what is pooled (N, C, h, w)."""
        *blocks, last = self
        feature_map = pixels
        for block in blocks:
            feature_map = block(feature_map)
        return last(feature_map), feature_map


class Residual(nn.Module):
    """Two 3 x 3 convolutions around a shortcut (He et al. 2015, figure 5 left), with dropout after them."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, 3, stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        plain = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if plain else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )  # fmt: skip
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Any:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return self.dropout(torch.relu(self.second(self.first(x)) + self.shortcut(x)))


def lenet() -> Net:
    """Three 5 x 5 convolutions with tanh and average pooling, for any image size (LeCun et al. 1998, enlarged)."""
    blocks = [
        nn.Sequential(nn.Conv2d(inputs, outputs, 5, stride, 2), nn.Tanh(), nn.AvgPool2d(2))
        for inputs, outputs, stride in ((3, 16, 2), (16, 32, 1), (32, 64, 1))
    ]
    tail = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64 * 16, 84), nn.Tanh())
    return Net(Blocks(*blocks, tail), 84, [*blocks, tail], image_size=256)


def resnet_small() -> Net:
    """Four stages of one residual block, 32 to 256 channels, average pooling."""
    stages = [Residual(a, b, s) for a, b, s in ((32, 32, 1), (32, 64, 2), (64, 128, 2), (128, 256, 2))]
    return _resnet(stages, 32, 256, image_size=160)


def resnet_dropout() -> Net:
    """ResNet-18 with dropout that grows with depth (0.1, 0.2, 0.3, 0.5) and one more dense layer."""
    widths = (64, 64, 128, 256, 512)
    stages = [
        nn.Sequential(Residual(a, b, 1 if a == b else 2), Residual(b, b, 1, dropout))
        for a, b, dropout in zip(widths, widths[1:], (0.1, 0.2, 0.3, 0.5), strict=False)
    ]
    dense = nn.Sequential(nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.5))
    return _resnet(stages, 64, 256, image_size=224, dense=dense)


NETS: dict[str, Callable[[], Net]] = {
    "lenet": lenet,
    "resnet_small": resnet_small,
    "resnet_dropout": resnet_dropout,
}


def _resnet(
    stages: Sequence[nn.Module], width: int, size: int, image_size: int, dense: nn.Module | None = None
) -> Net:
    stem = nn.Sequential(_convolution(3, width, 7, 2), nn.MaxPool2d(3, 2, 1))
    tail = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), dense or nn.Identity())
    return Net(Blocks(stem, *stages, tail), size, [stem, *stages, tail], image_size)


def _convolution(inputs: int, outputs: int, size: int, stride: int) -> nn.Module:
    layers = (
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
    return nn.Sequential(*layers)

"""Grad-CAM and HiResCAM through the network that is rebuilt from its bundle."""

from typing import Any

import torch
from torch import Tensor, nn

from pupila.imaging.images.decode import Array
from pupila.imaging.images.flips import FLIP_AXES
from pupila.learning.models.network import Network, encode_with_map
from pupila.stages.explain.target import DECODER, LAST, Score


class NoFeatureMap(Exception):
    """The network has no feature map that its logits depend on, as one of tokens."""


def gradient_maps(network: Network, pixels: Array, score: Score, method: str) -> dict[str, Array]:
    """The evidence in each cell of a feature map, in units of the score; of an ensemble and of flips summed.

    Args:
        network: in evaluation mode.
        pixels: (3, H, W) float32, normalised.
        score: of its logits.
        method: "gradcam": the features weighted with their mean gradient; "hirescam": with their own.

    Returns:
        (h, w) float32 for each layer: of the encoder's last map, and of a U-Net or its like of a stage of its decoder.

    Raises:
        NoFeatureMap: the network has none.
    """
    axes = FLIP_AXES[network.test_time_flips]
    logits: list[Tensor] = []
    maps: list[tuple[str, tuple[int, ...], Tensor]] = []
    with torch.enable_grad():
        given = torch.from_numpy(pixels[None]).requires_grad_(True)
        for flip in axes:
            for tower in network.towers:
                output, layers = _run(tower, given.flip(flip))
                logits.append(output.flip(flip) if output.ndim == 4 else output)
                maps += [(layer, flip, feature_map) for layer, feature_map in layers.items()]
        if not maps:
            raise NoFeatureMap
        total = score(torch.stack(logits).mean(dim=0)).sum()
        gradients = torch.autograd.grad(total, [each for *_, each in maps], allow_unused=True)
    if any(gradient is None for gradient in gradients):  # it is a copy that the logits do not depend on
        raise NoFeatureMap
    summed: dict[str, Any] = {}
    for (layer, flip, features), gradient in zip(maps, gradients, strict=True):
        weights = gradient.mean(dim=(2, 3), keepdim=True) if method == "gradcam" else gradient
        evidence = (weights * features).sum(dim=1, keepdim=True).flip(flip)[0, 0]
        summed[layer] = summed.get(layer, 0) + evidence
    return {layer: evidence.detach().numpy() for layer, evidence in summed.items()}


def _run(network: Network, pixels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The logits, and the feature maps that they are computed from."""
    maps: dict[str, Tensor] = {}
    features, _, *last = encode_with_map(network.encoder, pixels)
    if last:
        maps[LAST] = last[0]
    hooks = []
    if (stage := _middle_stage(network.head)) is not None:
        hooks.append(
            stage.register_forward_hook(lambda module, given, output: maps.update({DECODER: output}))
        )
    try:
        return network.head(features), maps
    finally:
        for hook in hooks:
            hook.remove()


def _middle_stage(head: nn.Module) -> nn.Module | None:
    """The middle block of a decoder; the last one would only repeat the mask."""
    blocks = getattr(getattr(head, "decoder", None), "blocks", None)
    if not isinstance(blocks, nn.ModuleList) or len(blocks) < 3:
        return None
    return blocks[len(blocks) // 2]

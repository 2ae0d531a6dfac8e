"""Unstructured pruning: the smallest weights become zeros and stay in their place, so that nothing is faster."""

from torch import nn
from torch.nn.utils import prune

from pupila.learning.models.network import Network, WholeNetwork
from pupila.stages.compress.prune import find_last_layer


def mask_weights(network: Network, share: float) -> None:
    """Set the smallest weights of all layers to zero, where training leaves them; in place.

    Args:
        network: its last layer stays as it is.
        share: of the weights.
    """
    layers = [(part, "weight") for part in _list_layers(network)]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=share)


def unmask_weights(network: Network) -> None:
    """Make the zeros ordinary weights, as they are exported."""
    for part in _list_layers(network):
        if prune.is_pruned(part):
            prune.remove(part, "weight")  # type: ignore[no-untyped-call]


def _list_layers(network: Network) -> list[nn.Module]:
    last = find_last_layer(network)
    return [part for part in WholeNetwork(network).modules()
            if isinstance(part, nn.Linear | nn.Conv2d) and part is not last]  # fmt: skip

"""Structured pruning: whole channels are removed, so that a network has fewer weights and less to compute.

Channels that depend on each other, such as those of two layers that are added, are removed together (Fang et al. 2023,
arXiv:2301.12900). Which ones matter least is estimated by the size of their weights, or by how the loss would change
to first order without them (Molchanov et al. 2019, arXiv:1906.10771).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from pupila.core.errors import PupilaError
from pupila.core.messages import number, say
from pupila.learning.loop import Batch
from pupila.learning.models.network import Body, Network, WholeNetwork
from pupila.stages.compress.duplicates import merge_duplicates

MAGNITUDE, TAYLOR = "magnitude", "taylor"
_MOST = 0.9  # of the channels of a layer
_STEPS = 60  # to that share
_ROUND_TO = 8  # channels, which processors compute at once
_BATCHES = 16  # that gradients are summed over


def prune_channels(
    network: Network,
    share: float,
    importance: str,
    batches: Iterable[Batch] = (),
    criterion: Callable[[Any, Tensor], Tensor] | None = None,
) -> Network:
    """The network without its least important channels, those of all layers compared; it is changed in place.

    The last layer keeps its outputs. Channels that repeat others are merged first: see `merge_duplicates`. What is
    left of a layer is rounded up to a multiple of 8 channels.

    Args:
        network: no ensemble, in evaluation mode.
        share: of the weights that are removed, at least.
        importance: `MAGNITUDE` or `TAYLOR`.
        batches: training images and targets; of the first 16 the gradients are summed for `TAYLOR`.
        criterion: logits and targets to a scalar, for `TAYLOR`.

    Raises:
        PupilaError: the network can't lose so many weights.
    """
    import torch_pruning

    whole, spec = WholeNetwork(network).requires_grad_(True), network.preprocessing
    sample, last = torch.zeros(1, 3, spec.height, spec.width), find_last_layer(network)
    merge_duplicates(whole, sample, last)
    for inputs, targets in islice(batches, _BATCHES):
        assert criterion is not None
        criterion(whole(inputs)[0], targets).backward()  # type: ignore[no-untyped-call]
    importances = torch_pruning.importance
    pruner = torch_pruning.pruner.BasePruner(
        whole,
        sample,
        importance=importances.GroupTaylorImportance() if importance == TAYLOR
        else importances.GroupMagnitudeImportance(p=2),
        global_pruning=True, pruning_ratio=_MOST, max_pruning_ratio=_MOST, iterative_steps=_STEPS,
        round_to=_ROUND_TO, ignored_layers=[last],
    )  # fmt: skip
    pruner._round_to = (
        _round_up  # its own rounds down, and removes channels that matter with those that do not
    )
    before = count_weights(whole)
    for _ in range(_STEPS):
        if count_weights(whole) <= (1 - share) * before:
            break
        pruner.step()
    if (left := count_weights(whole) / before) > 1 - share:
        raise PupilaError(
            say("So many weights can't be removed"), actual=say("{n} % are left", n=number(100 * left, 0)),
            expected=say("at most {n} %", n=number(100 * (1 - share), 0)), remedy=say("a smaller --prune"),
        )  # fmt: skip
    whole.zero_grad(set_to_none=True)
    with torch.inference_mode():
        _, embedding = whole.eval()(sample)
    widths = [part.out_features for part in network.head.modules() if isinstance(part, nn.Linear)]
    head = network.head_layers and network.head_layers.model_copy(update={"widths": widths})
    body = Body.of(network.encoder, network.blocks)
    return replace(network, body=body, size=int(embedding.shape[1]), head_layers=head)


def _round_up(removed: int, channels: int, multiple: int) -> int:
    """The number of channels to remove so that a multiple is left."""
    return max(0, channels - -(-(channels - removed) // multiple) * multiple)


def find_last_layer(network: Network) -> nn.Module:
    """The layer whose outputs are the logits."""
    return [part for part in network.head.modules() if isinstance(part, nn.Linear | nn.Conv2d)][-1]


def count_weights(module: nn.Module) -> int:
    """Number of weights."""
    return sum(parameter.numel() for parameter in module.parameters())

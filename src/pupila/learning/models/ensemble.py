"""Ensembles: the mean of the logits of networks with the same architecture.

The mean of logits is the geometric mean of the probabilities. Heads on one frozen encoder then are one head exactly:
linear ones their mean, dense ones a hidden layer with the units of all. It stays on the scale of its members, for
which temperature and thresholds are tuned, and it is less confident where they disagree.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from pupila.learning.models.network import Network, build_head

Layers = list[tuple[Tensor, Tensor]]  # weight and bias of each linear layer


def average_networks(members: Sequence[Network]) -> Network:
    """The network whose logits are the mean of those of its members: two or more, trained with the same settings.

    Members on one encoder become one network with a joined head. Else the encoder and the head are those of the first
    member, and `Network.towers` are all of them.
    """
    ensemble = replace(members[0], members=tuple(members))
    return ensemble if len(ensemble.towers) > 1 else _join_heads(ensemble)


def _join_heads(ensemble: Network) -> Network:
    """With one head for the heads of all members, which have at most one hidden layer."""
    layers = [_list_layers(member.head) for member in ensemble.members]
    described = ensemble.head_layers
    assert described is not None and len(layers[0]) in (1, 2)  # see `describe_head`
    *hidden, last = zip(*layers, strict=True)
    count = len(layers)
    if hidden:  # the units of all members, each of which reaches the mean with its share
        joined = [tuple(torch.cat(part) for part in zip(*hidden[0], strict=True))]
        joined.append(
            (torch.cat([weight for weight, _ in last], dim=1) / count, _mean([bias for _, bias in last]))
        )
    else:
        joined = [tuple(map(_mean, zip(*last, strict=True)))]
    widths = [len(bias) for _, bias in joined]
    described = described.model_copy(update={"widths": widths})
    head = build_head(ensemble.size, described)
    for layer, (weight, bias) in zip(_linear(head), joined, strict=True):
        layer.load_state_dict({"weight": weight, "bias": bias})
    return replace(ensemble, head=head, head_layers=described)


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    """In float64, and rounded once."""
    return torch.stack(list(tensors)).double().mean(dim=0).float()


def _list_layers(head: nn.Module) -> Layers:
    return [(layer.weight.detach().cpu(), layer.bias.detach().cpu()) for layer in _linear(head)]


def _linear(head: nn.Module) -> list[Any]:
    return [layer for layer in head.modules() if isinstance(layer, nn.Linear)]

"""Channels that repeat others: merged before pruning, which removes them then without a change of the logits."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Positions = dict[int, list[int]]  # channel of a group -> its places in a tensor


@dataclass(slots=True)
class _Group:
    """Channels that are removed together."""

    written: list[tuple[Tensor, Positions]] = field(default_factory=list)  # rows that compute a channel
    fixed: list[tuple[Tensor, Positions]] = field(
        default_factory=list
    )  # of these the statistics of batch norm
    read: list[tuple[Tensor, Positions]] = field(default_factory=list)  # columns that read it


def merge_duplicates(module: nn.Module, sample: Tensor, last: nn.Module) -> int:
    """Give what reads a repeated channel to the first of its kind, and set the others to zero; in place.

    Args:
        module: in evaluation mode.
        sample: (1, 3, H, W) input.
        last: layer whose outputs stay.

    Returns:
        Number of channels that are zero now.
    """
    import torch_pruning

    graph = torch_pruning.DependencyGraph().build_dependency(module, example_inputs=sample)
    merged = 0
    with torch.no_grad():
        for parts in graph.get_all_groups(ignored_layers=[last]):
            group = _read_group(graph, parts)
            if group is not None and group.read:
                merged += _merge(group)
    return merged


def _read_group(graph: Any, parts: Any) -> _Group | None:
    """The tensors of a group; None: one of its layers mixes channels in another way."""
    group = _Group()
    for number in range(len(parts)):
        layer, places = parts[number].dep.target.module, defaultdict(list)
        for channel, place in zip(parts[number].root_idxs, parts[number].idxs, strict=True):
            places[channel].append(place)
        if not any(True for _ in layer.parameters()):
            continue
        writes = graph.is_out_channel_pruning_fn(parts[number].dep.handler)
        grouped = isinstance(layer, nn.Conv2d) and layer.groups > 1
        if isinstance(layer, _BatchNorm) or (writes and isinstance(layer, nn.Conv2d | nn.Linear)):
            group.written += [(part.data, places) for part in layer.parameters()]
            group.fixed += [(part, places) for part in layer.buffers() if part.ndim]
            if grouped and layer.groups != layer.out_channels:
                return None
        elif isinstance(layer, nn.Conv2d | nn.Linear) and not grouped:
            group.read.append((layer.weight.data, places))
        elif not (
            grouped and layer.groups == layer.in_channels
        ):  # a depth-wise layer is among the writers, too
            return None
    return group


def _merge(group: _Group) -> int:
    first: dict[bytes, int] = {}
    merged = 0
    for channel in sorted(group.written[0][1]):
        rows = [tensor[places[channel]] for tensor, places in group.written + group.fixed]
        origin = first.setdefault(b"".join(row.cpu().numpy().tobytes() for row in rows), channel)
        if origin == channel or not any(bool(row.any()) for row in rows[: len(group.written)]):
            continue
        for tensor, places in group.read:
            tensor[:, places[origin]] += tensor[:, places[channel]]
            tensor[:, places[channel]] = 0
        for tensor, places in group.written:
            tensor[places[channel]] = 0
        merged += 1
    return merged

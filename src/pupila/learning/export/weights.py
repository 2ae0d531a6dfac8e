"""The weights of a network as safetensors files."""

from collections.abc import Sequence

from safetensors.torch import save

from pupila.artifacts.bundle.architecture import Member
from pupila.artifacts.bundle.folder import HEADS_FILE, WEIGHTS_FILE
from pupila.learning.models.network import Network


def encode_weights(network: Network) -> bytes:
    """All tensors of encoder and head as a safetensors file."""
    parts = {"encoder": network.body.tensors(), "head": network.head.state_dict()}
    return save({
        f"{part}.{name}": tensor.detach().cpu().contiguous().clone()
        for part, tensors in parts.items()
        for name, tensor in tensors.items()
    })  # fmt: skip


def encode_towers(network: Network) -> dict[str, bytes]:
    """The files of the weights by their names in the bundle: one, or one for each member with an encoder of its own.

    Members on one encoder have a joined head; a further file has their own.
    """
    towers = network.towers
    named = {_name_file(number, len(towers)): encode_weights(tower) for number, tower in enumerate(towers)}
    joined = network.members if len(towers) == 1 else ()
    return {**named, HEADS_FILE: _encode_heads(joined)} if joined else named


def _encode_heads(members: Sequence[Network]) -> bytes:
    return save({
        f"{number}.{name}": tensor.detach().cpu().contiguous().clone()
        for number, member in enumerate(members)
        for name, tensor in member.head.state_dict().items()
    })  # fmt: skip


def describe_members(network: Network) -> list[Member]:
    """The members of an ensemble as data; none of a single model."""
    count = len(network.towers)
    return [
        Member(
            architecture=member.architecture, head=member.head_layers, weights=member.weights,
            weights_file=_name_file(number, count), parent=member.parent,
        )
        for number, member in enumerate(network.members)
    ]  # fmt: skip


def _name_file(number: int, count: int) -> str:
    return WEIGHTS_FILE if count == 1 else f"weights_{number}.safetensors"

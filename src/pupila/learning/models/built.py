"""Encoders that are built already, for further trainings of one process on the same weights."""

import copy
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import torch

from pupila.learning.models.network import Network

_MOST = 8  # encoders at once


@dataclass(frozen=True, slots=True)
class _Built:
    """A network before it has a head, and where its building leaves torch's random numbers."""

    network: Network
    states: dict[bytes, torch.Tensor]  # state before the building to that after it


class BuiltEncoders:
    """Pretrained encoders that are built, loaded and hashed once; the least recently used ones are forgotten.

    What is drawn after an encoder is the same whether it was built for it or before.
    """

    def __init__(self) -> None:
        self._built: OrderedDict[Hashable, _Built] = OrderedDict()

    def get(self, key: Hashable, build: Callable[[], Network], draw: Callable[[], object]) -> Network:
        """A network that shares its encoder with others: see `Network.shared`.

        Args:
            key: everything that the encoder depends on.
            build: makes the network where there is none yet.
            draw: draws from torch's random numbers what `build` draws.
        """
        before = torch.get_rng_state()
        seed = before.numpy().tobytes()
        if (built := self._built.get(key)) is None:
            network = replace(build(), shared=True)
            built = self._built[key] = _Built(network, {seed: torch.get_rng_state()})
            if len(self._built) > _MOST:
                self._built.popitem(last=False)
        elif seed in built.states:
            torch.set_rng_state(built.states[seed])
        else:
            draw()
            built.states[seed] = torch.get_rng_state()
        self._built.move_to_end(key)
        built.network.encoder.requires_grad_(True)  # as after building
        return built.network


def own_encoder(network: Network) -> Network:
    """The network with an encoder of its own, which may be trained."""
    if not network.shared:
        return network
    encoder, blocks = copy.deepcopy(
        (network.encoder, network.blocks)
    )  # together, for the blocks are its parts
    return replace(network, encoder=encoder, blocks=blocks, shared=False)

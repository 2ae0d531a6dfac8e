"""Encoders that are built already, for further trainings of one process on the same weights."""

import copy
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace

from pupila.learning.models.network import Body, Network

_MOST = 8  # encoders at once


class BuiltEncoders:
    """Pretrained encoders that are built, loaded and hashed once; the least recently used ones are forgotten."""

    def __init__(self) -> None:
        self._built: OrderedDict[Hashable, Network] = OrderedDict()

    def get(self, key: Hashable, build: Callable[[], Network]) -> Network:
        """A network without a head that shares its encoder with others: see `Network.shared`.

        Args:
            key: everything that the encoder depends on.
            build: makes the network where there is none yet.
        """
        if key not in self._built:
            self._built[key] = replace(build(), shared=True)
            if len(self._built) > _MOST:
                self._built.popitem(last=False)
        self._built.move_to_end(key)
        network = self._built[key]
        if network.body.is_built:
            network.encoder.requires_grad_(True)  # as after building
        return network


def own_encoder(network: Network) -> Network:
    """The network with an encoder of its own, which may be trained."""
    if not network.shared:
        return network
    parts = copy.deepcopy(network.body.parts)  # together, for the blocks are parts of the encoder
    return replace(network, body=Body.of(*parts), shared=False)

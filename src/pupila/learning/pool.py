"""What the trainings of one process share, so that a further one on a frozen encoder costs its head only."""

from collections import OrderedDict

from pupila.learning.engine import make_encoder
from pupila.learning.features import Encoder
from pupila.learning.loader.store import Stores
from pupila.learning.models.built import BuiltEncoders
from pupila.learning.models.network import Network

_MOST = 8  # encoders on an engine at once


class EncoderPool:
    """Built encoders, the engines that run them, and the open stores of images and features.

    A training without a pool makes its own. No figure depends on what a pool holds.
    """

    def __init__(self) -> None:
        self.built = BuiltEncoders()
        self.stores = Stores()
        self._encoders: OrderedDict[tuple[str, str, int, str], Encoder] = OrderedDict()

    def encoder(self, engine: str, network: Network, device: str) -> Encoder:
        """The network's encoder on one engine; an encoder that may be trained is never shared."""
        if not network.shared:
            return make_encoder(engine, network, device)
        key = (engine, network.weights_hash, network.preprocessing.height, device)
        if key not in self._encoders:
            self._encoders[key] = make_encoder(engine, network, device)
            if len(self._encoders) > _MOST:
                self._encoders.popitem(last=False)
        self._encoders.move_to_end(key)
        return self._encoders[key]

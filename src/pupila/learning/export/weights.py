"""The weights of a network as a safetensors file."""

from safetensors.torch import save

from pupila.learning.models.network import Network


def encode_weights(network: Network) -> bytes:
    """All tensors of encoder and head as a safetensors file."""
    parts = {"encoder": network.body.tensors(), "head": network.head.state_dict()}
    return save({
        f"{part}.{name}": tensor.detach().cpu().contiguous().clone()
        for part, tensors in parts.items()
        for name, tensor in tensors.items()
    })  # fmt: skip

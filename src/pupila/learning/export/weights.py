"""The weights of a network as a safetensors file."""

from safetensors.torch import save

from pupila.learning.models.network import Network


def encode_weights(network: Network) -> bytes:
    """All tensors of encoder and head as a safetensors file."""
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().contiguous().clone()
        for part, module in (("encoder", network.encoder), ("head", network.head))
        for name, tensor in module.state_dict().items()
    }
    return save(tensors)

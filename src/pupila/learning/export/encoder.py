"""The frozen encoder as ONNX: exported once for its weights, then cached."""

import torch

from pupila.artifacts.bundle.outputs import EMBEDDING, FEATURE_MAP
from pupila.core import files
from pupila.core.version import __version__
from pupila.learning.export.graph import FORM, OPSET, to_onnx
from pupila.learning.models.network import ExportedEncoder, Network

LARGE_ENCODER = 50_000_000  # parameters of an encoder that takes seconds and gigabytes per image


def export_encoder(network: Network) -> bytes:
    """The encoder with the outputs `embedding` and, where it has one, `feature_map`."""
    side = f"{network.preprocessing.height}x{network.preprocessing.width}"
    key = f"{network.name} {network.weights_hash} {side} {torch.__version__} {OPSET} {FORM} {__version__} sealed"
    path = files.cache_folder() / "encoders" / f"{files.sha256(key.encode())[:24]}.onnx"
    if known := files.read_from_cache(path):
        return known
    content = to_onnx(ExportedEncoder(network.encoder), network.preprocessing, [EMBEDDING, FEATURE_MAP])
    files.write_to_cache(path, content)
    return content


def is_large(network: Network) -> bool:
    """Whether the encoder takes seconds and gigabytes per image."""
    return network.body.parameters > LARGE_ENCODER

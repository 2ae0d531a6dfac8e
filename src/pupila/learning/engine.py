"""The engines that run a frozen encoder: torch, and ONNX Runtime on the same weights."""

from pathlib import Path

import numpy as np
import torch

from pupila.artifacts.bundle.session import Session
from pupila.core import files
from pupila.core.version import __version__
from pupila.imaging.images.decode import Array
from pupila.learning.export import OPSET, to_onnx
from pupila.learning.features import BATCH, Encoder
from pupila.learning.models.network import Network

BFLOAT16_ENGINE = "torch-bfloat16"
LARGE_ENCODER = 50_000_000  # parameters of an encoder that takes seconds and gigabytes per image


def make_encoder(engine: str, network: Network, device: str) -> Encoder:
    """The network's encoder on one engine."""
    batch = 1 if network.task.takes_prompts else BATCH  # a promptable encoder's maps are large
    if engine == "onnxruntime":
        # A large encoder takes gigabytes per image: one image at a time, on all cores.
        large = sum(p.numel() for p in network.encoder.parameters()) > LARGE_ENCODER
        session = Session(export_encoder(network), None if large else 1)
        version = f"{network.weights_hash}/onnxruntime"
        return Encoder(lambda pixels: session.run(pixels)[0], network.size, version, not large, batch)
    module = network.encoder.to(device).to(memory_format=torch.channels_last).eval()

    def run(pixels: Array) -> Array:
        tensor = torch.from_numpy(pixels).to(device).contiguous(memory_format=torch.channels_last)
        with (
            torch.inference_mode(),
            torch.autocast(device, torch.bfloat16, enabled=engine == BFLOAT16_ENGINE),
        ):
            return np.asarray(module(tensor).float().cpu().numpy())

    version = f"{network.weights_hash}/{engine}-{device}-{torch.get_num_threads()}"
    return Encoder(run, network.size, version, parallel=False, batch=batch)


def export_encoder(network: Network) -> bytes:
    """The frozen encoder as ONNX with the output `embedding`; exported once for these weights, then cached."""
    side = f"{network.preprocessing.height}x{network.preprocessing.width}"
    key = f"{network.name} {network.weights_hash} {side} {torch.__version__} {OPSET} {__version__}"
    path = files.cache_folder() / "encoders" / f"{files.sha256(key.encode())[:24]}.onnx"
    if (known := _read_cached(path)) is not None:
        return known
    content = to_onnx(network.encoder, network.preprocessing, ["embedding"])
    digest = files.sha256(content).encode()
    files.write_to_cache(path, digest + content)
    return content


def _read_cached(path: Path) -> bytes | None:
    """The cached content, or None if it is missing or damaged."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    return stored[64:] if files.sha256(stored[64:]).encode() == stored[:64] else None

"""The engines that run a frozen encoder (torch, and ONNX Runtime on the same weights), and what they take."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import pupila
from pupila import files
from pupila.bundle.session import Session
from pupila.errors import PupilaError
from pupila.export import OPSET, to_onnx
from pupila.features import BATCH, Encoder
from pupila.images import Array
from pupila.messages import say
from pupila.models.network import Network

_STEP = 8  # pictures of a timed step


def encoder_on(engine: str, network: Network, device: str) -> Encoder:
    """The network's encoder on one engine."""
    if engine == "onnxruntime":
        session = Session(encoder_onnx(network))
        return Encoder(
            lambda pixels: session.run(pixels)[0], network.size, f"{network.weights_hash}/onnxruntime"
        )
    module = network.encoder.to(device).eval()

    def run(pixels: Array) -> Array:
        with torch.inference_mode():
            return np.asarray(module(torch.from_numpy(pixels).to(device)).float().cpu().numpy())

    return Encoder(run, network.size, f"{network.weights_hash}/torch-{device}-{torch.get_num_threads()}")


def encoder_onnx(network: Network) -> bytes:
    """The frozen encoder as ONNX with the output `embedding`; exported once for these weights, then remembered."""
    side = f"{network.preparation.height}x{network.preparation.width}"
    told = f"{network.name} {network.weights_hash} {side} {torch.__version__} {OPSET} {pupila.__version__}"
    path = files.cache_folder() / "encoders" / f"{files.sha256(told.encode())[:24]}.onnx"
    if (known := _remembered(path)) is not None:
        return known
    content = to_onnx(network.encoder, network.preparation, ["embedding"])
    digest = files.sha256(content).encode()
    files.try_write(path, digest + content)
    return content


def _remembered(path: Path) -> bytes | None:
    """The content under its hash, or None where it is not there or damaged."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    return stored[64:] if files.sha256(stored[64:]).encode() == stored[:64] else None


def device_of(wish: str) -> str:
    """The device that is meant by a wish.

    Raises:
        PupilaError: it is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wish == "auto":
        return next(name for name, is_there in there.items() if is_there)
    if not there[wish]:
        raise PupilaError(
            say("No such device here"), found=wish,
            wanted=", ".join(name for name, is_there in there.items() if is_there), remedy="--set device=auto",
        )  # fmt: skip
    return wish


@dataclass(frozen=True, slots=True)
class Fastest:
    """What was measured."""

    engine: str
    reason: str  # in words
    seconds: float  # a picture


def fastest(network: Network, device: str) -> Fastest:
    """The engine that encodes faster here; two batches of each are timed, after one to warm up."""
    pixels = np.zeros((BATCH, 3, network.preparation.height, network.preparation.width), np.float32)
    taken = {}
    for engine in ("onnxruntime", "torch") if device == "cpu" else ("torch",):
        encoder = encoder_on(engine, network, device)
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            encoder.run(pixels)
            seconds.append(time.perf_counter() - start)
        taken[engine] = min(seconds[1:]) / BATCH
    best = min(taken, key=lambda name: taken[name])
    if device != "cpu":
        reason = say("ONNX Runtime runs on the CPU here, torch on {device}", device=device)
    else:
        reason = say(
            "an image took {onnx:.1f} ms with ONNX Runtime, {torch:.1f} ms with torch",
            onnx=1e3 * taken["onnxruntime"], torch=1e3 * taken["torch"],
        )  # fmt: skip
    return Fastest(best, reason, taken[best])


def step_seconds(network: Network, device: str, dtype: torch.dtype = torch.float32) -> float:
    """Seconds a picture, forward and backward: the faster of two steps, after one to warm up; no weight is changed."""
    encoder = network.encoder.to(device).eval()  # batch norm's statistics stay as they are
    pixels = torch.zeros(_STEP, 3, network.preparation.height, network.preparation.width, device=device)
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            encoder(pixels).float().sum().backward()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    network.encoder.zero_grad(set_to_none=True)
    return min(taken[1:]) / _STEP

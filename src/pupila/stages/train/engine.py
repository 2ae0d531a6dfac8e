"""The engines that run a frozen encoder (torch, and ONNX Runtime on the same weights), and what they take."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pupila.artifacts.bundle.session import Session
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.threads import CORES
from pupila.core.version import __version__
from pupila.imaging.images.decode import Array
from pupila.learning.export import OPSET, to_onnx
from pupila.learning.features import BATCH, Encoder
from pupila.learning.models.network import Network, Whole

_STEP = 8  # pictures of a timed step
_LONG = 2.0  # seconds
FASTER = 0.9  # of the time, below which a lower precision is taken
LOWER = "torch-bfloat16"
LARGE = 50_000_000  # weights of an encoder that takes seconds and gigabytes for an image


def encoder_on(engine: str, network: Network, device: str) -> Encoder:
    """The network's encoder on one engine."""
    batch = 1 if network.prompts else BATCH  # a promptable encoder's maps are large
    if engine == "onnxruntime":
        # A large one takes gigabytes for an image: one at a time, on all cores.
        large = sum(p.numel() for p in network.encoder.parameters()) > LARGE
        session = Session(encoder_onnx(network), None if large else 1)
        version = f"{network.weights_hash}/onnxruntime"
        return Encoder(lambda pixels: session.run(pixels)[0], network.size, version, not large, batch)
    module = network.encoder.to(device).to(memory_format=torch.channels_last).eval()

    def run(pixels: Array) -> Array:
        tensor = torch.from_numpy(pixels).to(device).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=engine == LOWER):
            return np.asarray(module(tensor).float().cpu().numpy())

    version = f"{network.weights_hash}/{engine}-{device}-{torch.get_num_threads()}"
    return Encoder(run, network.size, version, parallel=False, batch=batch)


def encoder_onnx(network: Network) -> bytes:
    """The frozen encoder as ONNX with the output `embedding`; exported once for these weights, then remembered."""
    side = f"{network.preparation.height}x{network.preparation.width}"
    told = f"{network.name} {network.weights_hash} {side} {torch.__version__} {OPSET} {__version__}"
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
    """The engine that encodes faster here; a batch a core is timed twice, after once to warm up."""
    engines = ["onnxruntime", "torch"] if device == "cpu" else ["torch"]
    if network.prompts and has_bfloat16(device):  # one vector a picture is quick enough to be made exactly
        engines.append(LOWER)
    taken = {
        engine: _measured_once(
            f"encode {engine}", network, device, partial(_encode_seconds, network, device, engine)
        )
        for engine in engines
    }
    best = min(taken, key=lambda name: taken[name] * (1.0 if name != LOWER else 1 / FASTER))
    told = ", ".join(
        say("{ms:.1f} ms with {engine}", ms=1e3 * seconds, engine=engine) for engine, seconds in taken.items()
    )
    reason = say("an image took {told}", told=told)
    if len(taken) == 1:
        reason = say("ONNX Runtime runs on the CPU here, torch on {device}", device=device)
    return Fastest(best, reason, taken[best])


def step_seconds(network: Network, device: str, dtype: torch.dtype = torch.float32) -> float:
    """Seconds a picture, forward and backward: the faster of two steps, after one to warm up; no weight is changed."""

    def measure() -> float:
        whole = Whole(network).to(device).to(memory_format=torch.channels_last)
        whole.eval()  # batch norm's statistics stay as they are
        shape = (_STEP, 3, network.preparation.height, network.preparation.width)
        pixels = torch.zeros(shape, device=device).contiguous(memory_format=torch.channels_last)

        def step() -> None:
            with torch.autocast(device, dtype, enabled=dtype != torch.float32):
                whole(pixels)[0].float().sum().backward()
            if device == "cuda":
                torch.cuda.synchronize()

        seconds = _faster_of_two(step) / _STEP
        whole.zero_grad(set_to_none=True)
        return seconds

    return _measured_once(f"step {dtype}", network, device, measure)


def _encode_seconds(network: Network, device: str, engine: str) -> float:
    encoder = encoder_on(engine, network, device)
    pixels = np.zeros((encoder.batch, 3, network.preparation.height, network.preparation.width), np.float32)
    batches = CORES if encoder.parallel or not network.prompts else 1
    return (
        _faster_of_two(lambda: list(encoder.stream([pixels] * batches, lambda item: item)))
        / len(pixels)
        / batches
    )


def _faster_of_two(work: Callable[[], object]) -> float:
    """After once to warm up; what takes seconds needs no warming."""
    taken: list[float] = []
    while len(taken) < 3 and not (taken and taken[0] > _LONG):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken[1:] or taken)


def has_bfloat16(device: str) -> bool:
    """Whether the device computes in bfloat16 by itself."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device == "cpu" and "bf16" in _cpu_flags()


def _cpu_flags() -> str:
    try:
        with open("/proc/cpuinfo") as stream:  # noqa: PTH123 -- no data file
            return next((line for line in stream if line.startswith(("flags", "Features"))), "")
    except OSError:
        return ""


def _measured_once(what: str, network: Network, device: str, measure: Callable[[], float]) -> float:
    """Seconds that were measured here before, or now: another measurement could decide otherwise for the same seed."""
    size = sum(parameter.numel() for parameter in network.encoder.parameters())
    told = [what, network.name, network.encoder_name, size, network.preparation.height, device, torch.get_num_threads(),
            torch.__version__]  # fmt: skip
    path = files.cache_folder() / "measured" / f"{files.sha256(json.dumps(told).encode())[:24]}.json"
    try:
        return float(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        seconds = measure()
        files.try_write(path, json.dumps(seconds).encode())
        return seconds

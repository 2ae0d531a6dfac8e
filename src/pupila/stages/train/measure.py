"""Measure this machine: its devices, the speed of the encoder on each engine, and of a training step."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pupila.artifacts.bundle.runtime import cpu_features
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import number, say
from pupila.core.threads import CORES
from pupila.learning.engine import BFLOAT16_ENGINE, make_encoder
from pupila.learning.loop import PRECISIONS
from pupila.learning.memory import reused_memory
from pupila.learning.models.built import own_encoder
from pupila.learning.models.network import Network, Unfrozen

_STEP = 8  # images of a timed step
_LONG = 2.0  # seconds
MAX_TIME_RATIO = 0.9  # of the float32 time; a lower precision must be at least this much faster


def resolve_device(requested: str) -> str:
    """The device for a requested name; "auto" is the first available one.

    Raises:
        PupilaError: the device is not available.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if requested == "auto":
        return next(name for name, is_there in available.items() if is_there)
    if not available[requested]:
        others = ", ".join(name for name, is_there in available.items() if is_there)
        raise PupilaError(
            say(
                "No {device} device on this machine. Available: {others}",
                device=requested.upper(),
                others=others,
            )
        )
    return requested


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The chosen engine."""

    engine: str
    reason: str  # for the plan
    seconds: float  # per image


def pick_engine(network: Network, device: str) -> EngineChoice:
    """The fastest engine on this machine; one batch per core is timed twice after a warm-up."""
    engines = ["onnxruntime", "torch"] if device == "cpu" else ["torch"]
    if network.task.takes_prompts and has_bfloat16(device):  # pooled embeddings are fast enough in float32
        engines.append(BFLOAT16_ENGINE)
    taken = {
        engine: _measure_once(
            f"encode {engine}", network, device, partial(_time_encoding, network, device, engine)
        )
        for engine in engines
    }
    best = min(taken, key=lambda name: taken[name] * (1.0 if name != BFLOAT16_ENGINE else 1 / MAX_TIME_RATIO))
    measurements = ", ".join(
        say("{ms} ms with {engine}", ms=number(1e3 * seconds, 1), engine=engine)
        for engine, seconds in taken.items()
    )
    reason = say("measured per image: {measurements}", measurements=measurements)
    if len(taken) == 1:
        reason = say("the only engine for {device}", device=device)
    return EngineChoice(best, reason, taken[best])


def time_step(
    network: Network,
    device: str,
    dtype: torch.dtype = torch.float32,
    unfreeze: int | str = "all",
    alone: bool = False,
) -> float:
    """Seconds per image, forward and backward: the faster of two steps after a warm-up; no weight changes.

    Args:
        network: to train.
        device: that it runs on.
        dtype: of autocast.
        unfreeze: how many blocks are trained.
        alone: as on a CPU that does nothing else, so that other work does not change what is decided by it.
    """

    def measure() -> float:
        whole = Unfrozen(own_encoder(network), unfreeze).to(device).to(memory_format=torch.channels_last)
        whole.eval()  # batch norm's statistics stay as they are
        shape = (_STEP, 3, network.preprocessing.height, network.preprocessing.width)
        pixels = torch.zeros(shape, device=device).contiguous(memory_format=torch.channels_last)

        def step() -> None:
            with torch.autocast(device, dtype, enabled=dtype != torch.float32):
                whole(pixels).float().sum().backward()
            if device == "cuda":
                torch.cuda.synchronize()

        clock = _time_threads if alone and device == "cpu" else time.perf_counter
        seconds = time_faster_of_two(step, clock) / _STEP
        whole.zero_grad(set_to_none=True)
        return seconds

    return _measure_once(f"step {dtype} {unfreeze} {alone}", network, device, measure)


def measure_precision(network: Network, device: str) -> tuple[str, str]:
    """float32, unless a lower precision is measured to be faster for these training steps; and the reason."""
    if device == "mps":
        return "float32", say("lower precisions are not measured for this device or model")
    lower = "bfloat16"
    if not has_bfloat16(device):
        if device == "cpu":
            return "float32", say("this CPU does not support bfloat16")
        lower = "float16"
    full, half = (
        time_step(network, device, torch.float32, alone=True),
        time_step(network, device, PRECISIONS[lower], alone=True),
    )
    reason = say(
        "measured: {half} ms per image in {lower}, {full} ms in float32",
        half=number(1e3 * half, 2),
        full=number(1e3 * full, 2),
        lower=lower,
    )
    return (lower if half < MAX_TIME_RATIO * full else "float32"), reason


def _time_encoding(network: Network, device: str, engine: str) -> float:
    encoder = make_encoder(engine, network, device)
    encoder.load()  # apart from what is timed
    pixels = np.zeros(
        (encoder.batch, 3, network.preprocessing.height, network.preprocessing.width), np.float32
    )
    batches = CORES if encoder.parallel or not network.task.takes_prompts else 1
    return (
        time_faster_of_two(lambda: list(encoder.stream([pixels] * batches, lambda item: item, encoder.run)))
        / len(pixels)
        / batches
    )


def time_faster_of_two(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the faster of two runs after a warm-up; work that takes seconds needs no warm-up."""
    taken: list[float] = []
    while len(taken) < 3 and not (taken and taken[0] > _LONG):
        start = clock()
        work()
        taken.append(clock() - start)
    return min(taken[1:] or taken)


def _time_threads() -> float:
    """Seconds that torch's threads have computed: what a clock would show if they had the cores for themselves."""
    return time.process_time() / torch.get_num_threads()


def has_bfloat16(device: str) -> bool:
    """Whether the device supports bfloat16 natively."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device == "cpu" and any("BF16" in feature for feature in cpu_features())


def _measure_once(label: str, network: Network, device: str, measure: Callable[[], float]) -> float:
    """Measured seconds, cached on this machine: a second measurement could change the plan for the same seed."""
    height, threads = network.preprocessing.height, torch.get_num_threads()
    key = [
        label,
        network.name,
        network.encoder_name,
        network.body.parameters,
        height,
        device,
        threads,
        torch.__version__,
    ]
    path = find_measured(key)
    try:
        return float(json.loads(files.read_from_cache(path) or b""))
    except (ValueError, TypeError):
        with reused_memory():  # as in training
            seconds = measure()
        files.write_to_cache(path, json.dumps(seconds).encode())
        return seconds


def find_measured(key: list[Any]) -> Path:
    """The file of the cache with what was measured once under a key, as JSON."""
    return files.cache_folder() / "measured" / f"{files.sha256(json.dumps(key).encode())[:24]}.json"

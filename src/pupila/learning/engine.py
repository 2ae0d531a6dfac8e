"""The engines that run a frozen encoder: torch, and ONNX Runtime on the same weights."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
import torch

from pupila.artifacts.bundle.outputs import EMBEDDING
from pupila.artifacts.bundle.session import Session
from pupila.imaging.images.decode import Array
from pupila.learning.export.encoder import export_encoder, is_large
from pupila.learning.features import BATCH, Encoder
from pupila.learning.models.network import Network

BFLOAT16_ENGINE = "torch-bfloat16"


Value = TypeVar("Value")


class _Once(Generic[Value]):
    """A value that is made when it is needed first, by one of the threads that need it."""

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._values: list[Value] = []

    def __call__(self) -> Value:
        with self._lock:
            if not self._values:
                self._values.append(self._make())
        return self._values[0]


def make_encoder(engine: str, network: Network, device: str) -> Encoder:
    """The network's encoder on one engine, which is exported and loaded for its first images.

    Where all features are cached, that never happens.
    """
    batch = 1 if network.task.takes_prompts else BATCH  # a promptable encoder's maps are large
    if engine == "onnxruntime":
        # A large encoder takes gigabytes per image: one image at a time, on all cores.
        large = is_large(network)
        session = _Once(lambda: Session(export_encoder(network), None if large else 1))
        return Encoder(
            run=lambda pixels: session().run(pixels, outputs=[EMBEDDING])[0],
            size=network.size,
            version=f"{network.weights_hash}/onnxruntime",
            parallel=not large,
            batch=batch,
            load=session,
        )

    def run(pixels: Array) -> Array:
        # Other trainings may have moved the encoder since.
        module = network.encoder.to(device).to(memory_format=torch.channels_last).eval()
        tensor = torch.from_numpy(pixels).to(device).contiguous(memory_format=torch.channels_last)
        with (
            torch.inference_mode(),
            torch.autocast(device, torch.bfloat16, enabled=engine == BFLOAT16_ENGINE),
        ):
            return np.asarray(module(tensor).float().cpu().numpy())

    version = f"{network.weights_hash}/{engine}-{device}-{torch.get_num_threads()}"
    return Encoder(run, network.size, version, parallel=False, batch=batch)

"""The time of several models, measured in turns: what slows the machine slows all of them."""

import os
import time
from collections.abc import Mapping
from itertools import product

import numpy as np

from pupila.artifacts.bundle.outputs import LOGITS
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.report.compression import Latency
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.imaging.images.decode import Array
from pupila.statistics.intervals import median_ratio

BATCHES = (1, 8)
_WARM_UP = 3


def measure_latencies(
    models: Mapping[str, bytes], shape: tuple[int, int], rounds: int
) -> dict[str, list[Latency]]:
    """The time of each model for batches of 1 and 8 images on one core and on all.

    Args:
        models: name -> ONNX file; the first one is the parent.
        shape: (H, W) of the input.
        rounds: measurements of each.
    """
    cores = os.cpu_count() or 1
    settings = list(product(dict.fromkeys((1, cores)), BATCHES))
    results: dict[str, list[Latency]] = {name: [] for name in models}
    with progress(say("measuring times"), len(settings) * rounds) as advance:
        for threads, batch in settings:
            sessions = {name: Session(content, threads) for name, content in models.items()}
            pixels = np.random.default_rng(0).standard_normal((batch, 3, *shape), dtype=np.float32)
            for session in sessions.values():
                for _ in range(_WARM_UP):
                    session.run(pixels, outputs=[LOGITS])
            seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
            for _ in range(rounds):
                for name, session in sessions.items():
                    start = time.perf_counter(), time.thread_time()
                    session.run(pixels, outputs=[LOGITS])
                    seconds[name].append((time.perf_counter() - start[0], time.thread_time() - start[1]))
                advance(1)
            parent = np.array(next(iter(seconds.values())))
            for name, own in seconds.items():
                results[name].append(describe_latency(parent, np.array(own), threads, batch))
    return results


def describe_latency(parent: Array, own: Array, threads: int, batch: int) -> Latency:
    """A model's time beside that of its parent, from measurements of the same rounds.

    The speed-up on one core is one of processor time: what else runs there interrupts the slower model more often.

    Args:
        parent: (R, 2) seconds by the clock, and of the thread's processor time.
        own: the same of the model.
        threads: cores.
        batch: images.
    """
    clock, column = own[:, 0], int(threads == 1)
    return Latency(
        threads=threads, batch=batch, p50=float(np.median(clock)), p95=float(np.quantile(clock, 0.95)),
        speed_up=median_ratio(parent[:, column], own[:, column]),
    )  # fmt: skip

"""What a model costs: its times beside those of its parent, and its memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from pupila.artifacts.report.compression import Latency
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.stages.compress.latency import measure_latencies
from pupila.stages.compress.memory import measure_memory


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost of a model."""

    latencies: list[Latency]
    memory: int  # bytes; 0: not known


def measure_models(models: Mapping[str, bytes], shape: tuple[int, int], rounds: int) -> dict[str, Measured]:
    """The costs of each model.

    Args:
        models: name -> ONNX file; the first one is the parent.
        shape: (H, W) of the input.
        rounds: measurements of time.
    """
    latencies = measure_latencies(models, shape, rounds)
    measured = {}
    with progress(say("measuring memory"), len(models)) as advance:
        for name, content in models.items():
            measured[name] = Measured(latencies[name], measure_memory(content, shape))
            advance(1)
    return measured

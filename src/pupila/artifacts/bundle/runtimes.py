"""The runtimes that a bundle can be served with, and their parity with ONNX Runtime, which proved it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.golden import golden_logits, relative_difference
from pupila.artifacts.bundle.openvino_session import OpenVinoSession, openvino_version
from pupila.artifacts.bundle.runtime import this_runtime
from pupila.artifacts.bundle.session import ModelSession, Session
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.tasks.task import Runs


@dataclass(frozen=True, slots=True)
class InferenceRuntime:
    """What runs a model."""

    title: str
    open: Callable[[bytes, int | None], ModelSession]  # ONNX file, threads for one run or None
    version: Callable[[], str]

    def describe(self) -> str:
        """Title and version."""
        return f"{self.title} {self.version()}"


ONNX_RUNTIME = InferenceRuntime("ONNX Runtime", Session, lambda: this_runtime().onnxruntime)
OPENVINO = InferenceRuntime("OpenVINO", OpenVinoSession, openvino_version)
RUNTIMES = {"onnxruntime": ONNX_RUNTIME, "openvino": OPENVINO}


def check_parity(bundle: Bundle, runtime: InferenceRuntime, runs: Runs, proven: Runs) -> None:
    """Refuse a runtime that computes other logits of the golden images than ONNX Runtime.

    Args:
        bundle: whose golden predictions ONNX Runtime has confirmed.
        runtime: to be checked.
        runs: its sessions, by role.
        proven: those of ONNX Runtime.

    Raises:
        PupilaError: the largest relative difference.
    """
    pairs = zip(golden_logits(bundle, runs), golden_logits(bundle, proven), strict=True)
    differences = {name: relative_difference(own, other) for (name, own), (_, other) in pairs}
    worst = max(differences, key=lambda name: (math.isnan(differences[name]), differences[name]))
    tolerance = bundle.info.golden_tolerance
    if not differences[worst] <= tolerance:
        raise PupilaError(
            say("{runtime} predicts otherwise than ONNX Runtime", runtime=runtime.title),
            actual=say("a relative difference of {difference} for the golden image {name}",
                       difference=f"{differences[worst]:.2g}", name=worst),
            expected=say("at most {tolerance}", tolerance=f"{tolerance:.0e}"), remedy="--runtime onnxruntime",
        )  # fmt: skip

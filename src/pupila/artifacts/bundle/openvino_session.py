"""OpenVINO, imported here only: an optional runtime for models that ONNX Runtime has proven."""

import sys
from collections import deque
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from pupila.artifacts.bundle.graph_check import check_graph
from pupila.artifacts.bundle.session import name_inputs
from pupila.core.errors import MissingExtra, PupilaError
from pupila.core.messages import say
from pupila.core.threads import CORES
from pupila.imaging.images.decode import Array

_LIBRARY = "openvino"  # module, distribution and extra


def openvino_version() -> str:
    """Of the installed library.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return version(_LIBRARY)
    except PackageNotFoundError:
        raise MissingExtra(_LIBRARY, _LIBRARY) from None


class OpenVinoSession:
    """A model on OpenVINO, on the processor.

    Args:
        model: the bytes of an ONNX file.
        threads: for one run; None: one per core.

    Raises:
        MissingExtra: OpenVINO is not installed.
        PupilaError: not a model that it can read.
    """

    def __init__(self, model: bytes, threads: int | None = None) -> None:
        openvino = _import_openvino()
        check_graph(model)
        streams = max(1, CORES // threads) if threads else 1  # runs at a time; more of them wait
        options = {
            "INFERENCE_PRECISION_HINT": "f32",  # its own choice is bfloat16 wherever the processor has it
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams * (threads or CORES),
            "ENABLE_CPU_PINNING": False,  # other threads decode images on the same cores
        }  # fmt: skip
        core = openvino.Core()
        try:
            self._model = core.compile_model(core.read_model(model), "CPU", options)
        except RuntimeError as fault:
            raise _explain(say("OpenVINO can't read the model"), fault) from fault
        self.inputs: list[str] = [port.any_name for port in self._model.inputs]
        self._ports = {name: port for port in self._model.outputs for name in port.names}
        self.outputs: list[str] = list(self._ports)
        self._idle: deque[Any] = deque()  # requests that no thread uses: each is for one run at a time

    def run(self, *inputs: Array, outputs: list[str] | None = None) -> list[Array]:
        """As `Session.run`; several threads may call it at a time.

        Raises:
            PupilaError: the model does not take these inputs, or fails on them.
        """
        feed = name_inputs(self.inputs, inputs)
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._model.create_infer_request()
        try:
            results = request.infer(feed, share_inputs=True, share_outputs=True)
        except RuntimeError as fault:
            raise _explain(say("The model can't be run"), fault) from fault
        ports = self._model.outputs if outputs is None else [self._ports[name] for name in outputs]
        copies = [np.array(results[port]) for port in ports]  # the next run writes over the results
        self._idle.append(request)
        return copies


def _import_openvino() -> Any:
    """The library, without its reports to its maker: it would send one over the network at each import.

    Raises:
        MissingExtra: it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it can do without
    try:
        import openvino
    except ImportError:
        raise MissingExtra(_LIBRARY, _LIBRARY) from None
    return openvino


def _explain(problem: str, fault: RuntimeError) -> PupilaError:
    """With the last line of OpenVINO's error, which says what failed."""
    lines = [line for line in str(fault).splitlines() if line.strip()] or [type(fault).__name__]
    return PupilaError(
        problem, actual=ascii(lines[-1])[1:-1], expected=say("a model that OpenVINO supports"),
        remedy="--runtime onnxruntime",
    )  # fmt: skip

"""ONNX Runtime, imported here only: the bytes of a file become a function from pixels to arrays."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from pupila.artifacts.bundle.graph_check import check_graph
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.imaging.images.decode import Array

# The errors that ONNX Runtime raises on invalid models; they have no common base class of their own.
_FAULTS = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NotImplemented,
           state.ModelLoadCanceled, RuntimeError, ValueError, MemoryError)  # fmt: skip
LONGEST = 600.0  # seconds to load a model, and to predict one golden image: the largest encoders take some on one core


class ModelSession(Protocol):
    """A model on a runtime, which several threads may run at a time."""

    inputs: list[str]
    outputs: list[str]

    def run(self, *inputs: Array, outputs: list[str] | None = None) -> list[Array]:
        """As `Session.run`."""


class Session:
    """A model on ONNX Runtime.

    Args:
        model: the bytes of an ONNX file.
        threads: for one run; None: one per core.

    Raises:
        PupilaError: the bytes are not a valid ONNX model, or one that could run for ever or read other files.
    """

    def __init__(self, model: bytes, threads: int | None = None) -> None:
        check_graph(model)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # the error names what fails
        if threads:
            options.intra_op_num_threads = threads
        with _explain_faults(say("Can't read the model")), _limit_time(options.set_load_cancellation_flag):
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"],
                enable_fallback=0,  # to the same provider, with a banner on the terminal
            )  # fmt: skip
        with _explain_faults(say("Can't read the model")):  # names that are no text
            self.inputs = [node.name for node in self._session.get_inputs()]
            self.outputs = [output.name for output in self._session.get_outputs()]

    def metadata(self) -> dict[str, Any]:
        """The metadata that the file holds, parsed: `task`, `classes`, `temperature`, ...

        Raises:
            PupilaError: a value that is no JSON.
        """
        try:
            stored = self._session.get_modelmeta().custom_metadata_map
            return {name: json.loads(value) for name, value in stored.items()}
        except (ValueError, RecursionError) as fault:
            raise PupilaError(
                say("Can't read the metadata of the model"), actual=ascii(str(fault))[1:-1]
            ) from fault

    def run(self, *inputs: Array, outputs: list[str] | None = None, bounded: bool = False) -> list[Array]:
        """The model's outputs for its inputs in the model's order, such as (N, 3, H, W) float32 pixels.

        Args:
            *inputs: of the model.
            outputs: names of those to return; None: all of them, in the model's order.
            bounded: stop it after `LONGEST`, as where nobody has run this model before.

        Raises:
            PupilaError: the model does not take these inputs, or fails on them.
        """
        feed = name_inputs(self.inputs, inputs)
        with _explain_faults(say("The model can't be run")):
            if not bounded:
                return [np.asarray(output) for output in self._session.run(outputs, feed)]
            options = onnxruntime.RunOptions()
            options.log_severity_level = 4
            with _limit_time(partial(setattr, options, "terminate")):
                return [np.asarray(output) for output in self._session.run(outputs, feed, options)]


def name_inputs(names: list[str], inputs: tuple[Array, ...]) -> dict[str, Array]:
    """The inputs of a run by the names that the model gives them.

    Raises:
        PupilaError: the model takes more inputs, or fewer.
    """
    if len(inputs) != len(names):
        raise PupilaError(
            say("The model takes other inputs"),
            actual=say_count("{n} input: {names}", "{n} inputs: {names}", len(names),
                             names=ascii(", ".join(names))[1:-1]),
            expected=say_count("{n} input", "{n} inputs", len(inputs)),
        )  # fmt: skip
    return dict(zip(names, inputs, strict=True))


@contextmanager
def _explain_faults(problem: str) -> Iterator[None]:
    """Say of an error of ONNX Runtime what failed, with its first line.

    Raises:
        PupilaError: what failed.
    """
    try:
        yield
    except _FAULTS as fault:
        lines = str(fault).splitlines() or [type(fault).__name__]
        raise PupilaError(
            problem, actual=ascii(lines[0])[1:-1], expected=say("a valid ONNX model")
        ) from fault


@contextmanager
def _limit_time(stop: Callable[[bool], None]) -> Iterator[None]:
    """Call `stop(True)` where the work takes too long.

    Raises:
        PupilaError: it was stopped.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        stop(True)

    timer = threading.Timer(LONGEST, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except _FAULTS as fault:
        if not late.is_set():
            raise
        raise PupilaError(
            say("The model takes too long"), actual=say("no end after {n} s", n=f"{LONGEST:g}"),
            expected=say("a model as training exports it"),
        ) from fault  # fmt: skip
    finally:
        timer.cancel()

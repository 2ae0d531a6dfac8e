"""ONNX Runtime, imported here only: the bytes of a file become a function from pixels to arrays."""

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array

# The errors that ONNX Runtime raises on invalid models; they have no common base class of their own.
_FAULTS = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NotImplemented,
           RuntimeError, ValueError)  # fmt: skip


class Session:
    """A model on ONNX Runtime.

    Args:
        model: the bytes of an ONNX file.
        threads: for one run; None: one per core.

    Raises:
        PupilaError: the bytes are not a valid ONNX model.
    """

    def __init__(self, model: bytes, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except _FAULTS as fault:
            raise PupilaError(
                say("Can't read the model"),
                actual=str(fault).splitlines()[0],
                expected=say("a valid ONNX model"),
            ) from fault
        self.inputs = [node.name for node in self._session.get_inputs()]
        self.outputs = [output.name for output in self._session.get_outputs()]

    def run(self, *inputs: Array, outputs: list[str] | None = None) -> list[Array]:
        """The model's outputs for its inputs in the model's order, such as (N, 3, H, W) float32 pixels.

        Args:
            *inputs: of the model.
            outputs: names of those to return; None: all of them, in the model's order.
        """
        feed = dict(zip(self.inputs, inputs, strict=True))
        return [np.asarray(output) for output in self._session.run(outputs, feed)]

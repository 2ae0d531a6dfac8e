"""ONNX Runtime, its one door: a file's bytes become a function from pixels to arrays."""

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array

# What ONNX Runtime raises on bytes that it can't run; none of them has a base class of its own.
_FAULTS = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NotImplemented,
           RuntimeError, ValueError)  # fmt: skip


class Session:
    """A model on ONNX Runtime.

    Args:
        model: the bytes of an ONNX file.
        threads: that one run uses; None: one per core.

    Raises:
        PupilaError: the bytes are no model.
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
                say("Can't read the model"), found=str(fault).splitlines()[0], wanted="ONNX"
            ) from fault
        self.inputs = [one.name for one in self._session.get_inputs()]
        self.outputs = [output.name for output in self._session.get_outputs()]

    def run(self, *inputs: Array) -> list[Array]:
        """The model's inputs, such as (N, 3, H, W) float32 pixels, to its outputs, both in order."""
        fed = dict(zip(self.inputs, inputs, strict=True))
        return [np.asarray(output) for output in self._session.run(None, fed)]

"""The models that a compression tries."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pupila.artifacts.bundle.folder import Bundle
from pupila.core.messages import mark
from pupila.imaging.images.decode import Array
from pupila.stages.compress.int8 import quantise


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to make a model smaller."""

    name: str  # of its folder
    title: str  # to be translated
    make: Callable[[bytes, Iterable[Array]], bytes]  # an ONNX file and calibration inputs to an ONNX file
    precision: str  # of the exported weights


def _int8(name: str, title: str, per_channel: bool, reduced: bool) -> Candidate:
    def make(model: bytes, inputs: Iterable[Array]) -> bytes:
        return quantise(model, inputs, per_channel, reduced)

    return Candidate(name, title, make, "int8")


CANDIDATES = (
    _int8("int8-channel", mark("int8, a scale for each channel"), per_channel=True, reduced=False),
    _int8(
        "int8-channel-7bit",
        mark("int8 with 7 bits, a scale for each channel"),
        per_channel=True,
        reduced=True,
    ),
    _int8("int8-tensor", mark("int8, a scale for each tensor"), per_channel=False, reduced=False),
)


def can_compress(bundle: Bundle) -> bool:
    """Whether the model is not compressed already."""
    return bundle.info.precision.onnx == "float32"

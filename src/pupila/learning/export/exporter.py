"""What the export of one task does differently, as one record for each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from pupila.artifacts.bundle.validation import Parity
from pupila.core.threads import prefetch
from pupila.imaging.images.decode import Array
from pupila.learning.models.network import Network


@dataclass(frozen=True, slots=True)
class Trained:
    """What training left unchanged, so that it need not be exported again."""

    frozen: bool  # no part of the encoder was trained


@dataclass(frozen=True, slots=True)
class ArchitectureSample:
    """The part of a network whose export depends on the architecture."""

    module: nn.Module  # pixels to a tensor, or to a tuple with the compared one first
    onnx: bytes


@dataclass(frozen=True, slots=True)
class ParityImage:
    """An image that torch and ONNX Runtime are compared on."""

    sha256: str  # of its bytes
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class ParityImages:
    """The images that torch and ONNX Runtime are compared on, drawn ones first; each that is prepared is progress."""

    drawn: list[ParityImage]
    validation: list[ParityImage]
    prepare: Callable[[bytes], Array]  # bytes to (K, 3, H, W) inputs
    advance: Callable[[float], None]

    def all(self) -> list[ParityImage]:
        """Drawn ones and those of validation."""
        return [*self.drawn, *self.validation]

    def inputs(self, images: list[ParityImage]) -> Iterator[Array]:
        """The (K, 3, H, W) inputs of each of some images, prefetched."""
        for pixels in prefetch(images, lambda image: self.prepare(image.read())):
            yield pixels
            self.advance(1)


@dataclass(frozen=True, slots=True)
class Exporter:
    """How the networks of one task become ONNX files."""

    export: Callable[[Network, Trained], dict[str, bytes]]  # file name in the bundle -> ONNX file
    sample: Callable[[Network], ArchitectureSample]
    compare: Callable[[dict[str, bytes], Network, Trained, ParityImages], Parity]
    parity_images: int  # at most, of validation, beside the golden images
    most_images: Callable[[Network], int | None]  # of both; None: all
    classes: Callable[[list[str]], list[str]]  # of the data to those of the bundle
    checked_first: bool = True  # whether an export is tried before training: some architectures fail

"""What the export of one task does differently, as one record for each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import nn

from pupila.artifacts.bundle.validation import Parity
from pupila.imaging.images.decode import Array
from pupila.learning.models.network import Network


@dataclass(frozen=True, slots=True)
class Trained:
    """What training left unchanged, so that it need not be exported again."""

    frozen: bool  # no part of the encoder was trained
    exported: bool  # the frozen encoder ran on ONNX Runtime


@dataclass(frozen=True, slots=True)
class ArchitectureSample:
    """The part of a network whose export depends on the architecture."""

    module: nn.Module  # pixels to a tensor, or to a tuple with the compared one first
    onnx: bytes


@dataclass(frozen=True, slots=True)
class Exporter:
    """How the networks of one task become ONNX files."""

    export: Callable[[Network, Trained], dict[str, bytes]]  # file name in the bundle -> ONNX file
    sample: Callable[[Network], ArchitectureSample]
    compare: Callable[
        [dict[str, bytes], Network, Iterable[Array]], Parity
    ]  # with (K, 3, H, W) inputs of images
    parity_images: int  # at most, of validation, beside the golden images
    most_images: Callable[[Network], int | None]  # of both; None: all
    classes: Callable[[list[str]], list[str]]  # of the data to those of the bundle
    checked_first: bool = True  # whether an export is tried before training: some architectures fail

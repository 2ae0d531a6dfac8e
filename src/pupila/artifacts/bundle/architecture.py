"""What a network is, as data: enough to build it again without downloading anything."""

from typing import Any, Literal

from pydantic import Field

from pupila.core.records import Record
from pupila.statistics.estimate import Difference

Library = Literal["pupila", "timm", "segmentation_models_pytorch", "transformers"]


class Architecture(Record):
    """The network that the weights belong to."""

    library: Library  # which builds it
    name: str  # lenet, mobilenetv2_100, unet, pupila-sam, or that of a SAM checkpoint
    encoder: str = ""  # of timm, where the model is built on one
    options: dict[str, Any] = Field(default_factory=dict)  # all that the library's constructor was given


class Standardisation(Record):
    """Features are centred and scaled by it before the head's first layer."""

    mean: list[float]
    std: list[float]


class Head(Record):
    """The layers between the embedding and the logits of a classifier."""

    widths: list[int]  # outputs of its linear layers; the last one is the number of classes
    activation: Literal["relu"] = "relu"  # between two linear layers
    dropout: float = 0.0  # rate before the last linear layer, in training
    standardisation: Standardisation | None = None  # None: features go in as they are


class Weights(Record):
    """Where the weights that training started from come from."""

    source: str  # "hub: NAME", "file: NAME", or "none" for random ones
    license: str = ""  # as its publisher names it; empty: not known


class Member(Record):
    """One model of an ensemble, whose logits are the mean of those of its members."""

    architecture: Architecture
    head: Head | None = None
    weights: Weights
    weights_file: (
        str  # in the bundle; the same for all: heads on one encoder, which are joined to one head there
    )
    parent: str | None = None  # hash of the bundle that it was a model of


class Compression(Record):
    """How a bundle was made smaller, and what that cost on the validation images."""

    method: str  # in words
    metric: str  # id
    difference: Difference  # of the metric: this bundle minus its parent
    calibration_images: int  # training images that ranges were measured on; their hashes are in the bundle


class Precision(Record):
    """Number formats."""

    training: str = "float32"  # of training steps
    onnx: str = "float32"  # of the exported weights

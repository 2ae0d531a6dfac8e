"""The record that describes a task, and the data that a prediction needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pupila.core.records import Record
from pupila.imaging.images.preprocess import Preprocessing

Array = NDArray[Any]
Run = Callable[..., list[Array]]  # one part of a bundle: its inputs to its outputs, in order
Runs = Mapping[str, Run]  # by role
Target = Literal["class", "classes", "mask", "regions"]  # what is true of one image


class PostProcessing(Record):
    """How probabilities become a prediction: threshold, abstention, mask clean-up."""

    positive: str | None = None  # of two classes, the one whose threshold was tuned
    threshold: float | None = None  # decision threshold of `positive`; None: the most probable class
    objective: str = ""  # what the threshold was tuned for
    abstain_below: float = 0.0  # confidence below which the model abstains
    # For several labels, of each class in the order of the classes; empty: 0 and 0.5.
    biases: tuple[float, ...] = ()  # added to the logits after the temperature
    thresholds: tuple[float, ...] = ()  # probability from which a class is predicted
    shared_threshold: tuple[str, ...] = ()  # classes with too few examples for a threshold of their own
    # For masks, as shares of the image's pixels (of a tile's, if tiled); 0 leaves the mask unchanged.
    smallest_region: float = 0.0  # smaller connected regions are dropped
    largest_hole: float = 0.0  # smaller holes are filled
    smooth: float = 0.0  # side of the window whose majority counts, over the square root of the pixels


class PredictionSpec(Protocol):
    """The fields of `bundle.json` that a prediction needs."""

    @property
    def classes(self) -> list[str]:
        """Names in the order of the logits."""

    @property
    def preprocessing(self) -> Preprocessing:
        """From RGB to model inputs."""

    @property
    def temperature(self) -> float:
        """Logits are divided by it before the softmax, or before the sigmoid of several labels."""

    @property
    def prompt_format(self) -> str:
        """The encoding of prompts for the decoder: "sam", "sam2", or empty for a model without prompts."""

    @property
    def post_processing(self) -> PostProcessing:
        """From probabilities to a prediction."""


class PredictionSettings(Record):
    """A `PredictionSpec` while there is no bundle yet, as in training."""

    classes: list[str]
    preprocessing: Preprocessing
    temperature: float = 1.0
    prompt_format: Literal["", "sam", "sam2"] = ""
    post_processing: PostProcessing = PostProcessing()


@dataclass(frozen=True, slots=True)
class PreprocessedImage:
    """One image, preprocessed for the model."""

    inputs: Array  # (K, 3, H, W) float32: the whole image (K = 1), or its tiles
    height: int  # of the upright image, pixels
    width: int
    valid: Array | None = None  # (H, W) bool: pixels with data; None: all


def _run_model(runs: Runs, inputs: Array) -> Array:
    return np.asarray(runs["model"](inputs)[0][0])


@dataclass(frozen=True, slots=True)
class Task:
    """How one task differs from the others in prediction."""

    name: str
    title: str  # for sentences, to be translated
    target: Target  # of the data that it learns from
    min_decode_side: Callable[
        [Preprocessing], int | None
    ]  # shorter side that a scaled decoding has to leave, pixels
    inputs: Callable[[Array, Preprocessing], Array]  # (H, W, 3) uint8 RGB to (K, 3, h, w) float32
    predict: Callable[
        [Any, PreprocessedImage, PredictionSpec], Any
    ]  # logits of K inputs, image, spec to prediction
    digest: Callable[[Array], list[float]]  # the trial's logits to the numbers of a golden prediction
    roles: tuple[str, ...] = ("model",)  # of a bundle's ONNX files
    golden: int | None = None  # synthetic test images stored in a bundle; None: all
    trial: Callable[[Runs, Array], Array] = _run_model  # (1, 3, h, w) test image to its logits
    caches_features: bool = True  # whether a frozen encoder's output is small enough to cache for every view
    # whether the head, which starts from random weights, keeps the rate `lr` while an encoder is finetuned
    finetunes_at_two_rates: bool = False
    predicts_masks: bool = False  # whether a prediction is a mask, of one class or of several
    takes_prompts: bool = False  # whether a prediction needs points or a box
    activation: Literal["softmax", "sigmoid"] = (
        "softmax"  # of logits; sigmoid: classes do not exclude each other
    )

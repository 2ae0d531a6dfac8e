"""The record that describes a task, and what an answer is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from pupila.imaging.images.prepare import Preparation

Array = NDArray[Any]
Run = Callable[..., list[Array]]  # one part of a bundle: its inputs to its outputs, in order
Runs = Mapping[str, Run]  # by role


class Plain(BaseModel):
    """Plain data that does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Decision(Plain):
    """How probabilities become an answer."""

    positive: str | None = None  # of two classes, the one whose threshold was tuned
    threshold: float | None = None  # probability from which `positive` is answered; None: the largest wins
    objective: str = ""  # what the threshold was tuned for
    abstain_below: float = 0.0  # confidence under which the model says that it does not know
    # Of masks, in shares of the picture's pixels, in tiles of a tile's; 0 leaves the mask as it is.
    smallest_region: float = 0.0  # smaller connected regions are dropped
    largest_hole: float = 0.0  # smaller holes are filled
    smooth: float = 0.0  # side of the window whose majority counts, over the square root of the pixels


class Told(Protocol):
    """What `bundle.json` tells of answering."""

    @property
    def classes(self) -> list[str]:
        """Names in the order of the logits."""

    @property
    def preparation(self) -> Preparation:
        """From RGB to inputs."""

    @property
    def temperature(self) -> float:
        """Logits are divided by it before the softmax."""

    @property
    def prompts(self) -> str:
        """The kind of the decoder that takes prompts."""

    @property
    def decision(self) -> Decision:
        """From probabilities to an answer."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One image, ready for the model."""

    inputs: Array  # (K, 3, H, W) float32: what the model sees of it, in one piece or in tiles
    height: int  # of the upright image, pixels
    width: int
    valid: Array | None = None  # (H, W) bool: where there are data; None: everywhere


def _of_the_model(runs: Runs, inputs: Array) -> Array:
    return np.asarray(runs["model"](inputs)[0][0])


@dataclass(frozen=True, slots=True)
class Task:
    """How one task differs from the others, as far as answering goes."""

    name: str
    target: Literal["class", "classes", "mask", "regions"]  # what one image's target is
    at_least: Callable[[Preparation], int | None]  # shorter side that a scaled decoding has to leave, pixels
    inputs: Callable[[Array, Preparation], Array]  # (H, W, 3) uint8 RGB to (K, 3, h, w) float32
    answer: Callable[[Any, Prepared, Told], Any]  # the logits of its K inputs, the image, to the answer
    digest: Callable[[Array], list[float]]  # what a trial gives to the numbers that a golden answer keeps
    roles: tuple[str, ...] = ("model",)  # of a bundle's ONNX files
    golden: int | None = None  # drawn pictures that a bundle keeps; None: all
    trial: Callable[[Runs, Array], Array] = _of_the_model  # (1, 3, h, w) of a golden picture to its logits

"""The explanation of one prediction, on the image as the model sees it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pupila.imaging.images.decode import Array, ImageFault
from pupila.imaging.images.preprocess import Preprocessing, resize_plane
from pupila.imaging.tiles import blend_tiles, origins
from pupila.tasks.task import PreprocessedImage


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The evidence for a class."""

    layer: str  # where it was read, to be translated; empty: it is made of predictions alone
    cells: (
        Array  # (K, h, w) float32 as it was computed for each of the image's K inputs, in units of the logit
    )
    placed: Array  # (H, W) float32, enlarged to the view

    @property
    def speaks_for(self) -> bool:
        """Whether any cell speaks for the class."""
        return bool((self.cells > 0).any())


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an image got its prediction."""

    image: str  # path or name
    prediction: Any = None  # of the task
    label: str = ""  # the class that is explained; empty: the prediction has none
    view: Array | None = None  # (H, W, 3) uint8: the model's input; of tiles the upright image
    maps: list[HeatMap] = field(default_factory=list)
    prepared: PreprocessedImage | None = None  # as the model was given it; None: there are no maps
    fault: ImageFault | None = None  # why there is none


def place_maps(cells: Array, image: PreprocessedImage, spec: Preprocessing) -> Array:
    """(K, h, w) maps of an image's inputs as one (H, W) map over its view."""
    enlarged = np.stack([resize_plane(each, spec.height, spec.width) for each in cells.astype(np.float32)])
    if spec.view != "tile":
        return np.asarray(enlarged[0])
    places = origins(image.height, image.width, spec.height, spec.overlap)
    return np.asarray(blend_tiles(enlarged[:, None], places, image.height, image.width)[0])


def make_view(image: PreprocessedImage, spec: Preprocessing) -> Array:
    """(H, W, 3) uint8: the model's input as colours again; tiles are put together."""
    mean, std = (np.asarray(values, np.float32)[:, None, None] for values in (spec.mean, spec.std))
    shares = image.inputs * std + mean
    if spec.view == "tile":
        places = origins(image.height, image.width, spec.height, spec.overlap)
        whole = blend_tiles(shares, places, image.height, image.width)
    else:
        whole = shares[0]
    return np.asarray((whole * 255).round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0))

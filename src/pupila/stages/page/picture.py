"""The image that the page shows, and the layers over it: masks and heat maps, mixed in the browser."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.budget import hold
from pupila.imaging.images.decode import ImageLimits
from pupila.imaging.images.encode import encode_png, encode_small_jpeg, fit_size
from pupila.imaging.images.heat import heat_layer, place_heat
from pupila.imaging.masks.codec import resize_mask
from pupila.imaging.masks.drawing import mask_layer

Array = NDArray[Any]
LONGEST = 1600  # pixels of the longer side of what is shown
_HEAT_LONGEST = 400  # pixels of a heat map, which has no fine detail


@dataclass(frozen=True, slots=True)
class Picture:
    """The upright image."""

    uri: str  # a `data:` URI, at most LONGEST pixels
    height: int  # of the image itself, pixels
    width: int


def draw_picture(data: bytes, limits: ImageLimits) -> Picture:
    """The upright image as browsers show it, whatever its format.

    Args:
        data: the bytes of its file.
        limits: what images to refuse.

    Raises:
        ImageFault: no usable image.
        NoMemory: other images did not free the memory for decoding in time.
    """
    with hold():
        read = read_image(data, None, limits, LONGEST)
        uri = _to_uri("jpeg", encode_small_jpeg(read.rgb, LONGEST))
    return Picture(uri, read.header.height, read.header.width)


def draw_mask(mask: Array, classes: int) -> str:
    """The mask, (H, W) uint8 class indices, as the `data:` URI of a layer."""
    height, width = fit_size(mask.shape[0], mask.shape[1], LONGEST)
    return _to_uri("png", encode_png(mask_layer(resize_mask(mask, height, width), classes)))


def draw_heat(explanation: Any) -> str:
    """The evidence for the predicted classes together as the `data:` URI of a layer; empty: there is none.

    Args:
        explanation: as the service sends it.
    """
    if not explanation.maps or not explanation.limit:
        return ""
    cells = np.sum([heat.values for heat in explanation.maps], axis=0)
    height, width = fit_size(explanation.height, explanation.width, _HEAT_LONGEST)
    down, across = height / explanation.height, width / explanation.width
    left, top, right, bottom = explanation.box
    box = (left * across, top * down, right * across, bottom * down)
    heat = place_heat(cells, height, width, box)
    return _to_uri("png", encode_png(heat_layer(heat, float(abs(cells).max()))))


def _to_uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"

"""Predictions drawn over their images."""

from dataclasses import replace

import numpy as np

from pupila.artifacts.bundle.predictor import Prediction
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import Array, ImageLimits
from pupila.imaging.images.encode import encode_png, shrink
from pupila.imaging.images.heat import overlay_heat, place_heat
from pupila.imaging.masks.codec import resize_mask
from pupila.stages.serve.explanations import ExplainedPrediction, Explanation
from pupila.stages.serve.uploads import Read, refuse_no_memory

LONGEST = 1600  # pixels of the longer side of an overlay


def draw_overlay(
    read: Read, prediction: Prediction, bands: BandSettings | None, limits: ImageLimits
) -> bytes:
    """The image with its mask, or its heat map, as PNG; in a thread.

    Args:
        read: the bytes of the image.
        prediction: of a task with masks, or an `ExplainedPrediction`.
        bands: how the bands of a TIFF become colours.
        limits: what images to refuse.
    """
    with refuse_no_memory():
        rgb = shrink(read_image(read(), bands, limits, LONGEST).rgb, LONGEST)
    if isinstance(prediction, ExplainedPrediction):
        return encode_png(_draw_heat(rgb, prediction.explanation))
    return encode_png(replace(prediction, mask=resize_mask(prediction.mask, *rgb.shape[:2])).draw(rgb))


def _draw_heat(rgb: Array, explanation: Explanation) -> Array:
    """The evidence for the predicted classes together."""
    height, width = rgb.shape[:2]
    if not explanation.maps:
        return overlay_heat(rgb, np.zeros((height, width)), 0.0)
    cells = np.sum([heat.values for heat in explanation.maps], axis=0)
    down, across = height / explanation.height, width / explanation.width
    left, top, right, bottom = explanation.box
    box = (left * across, top * down, right * across, bottom * down)
    return overlay_heat(rgb, place_heat(cells, height, width, box), float(abs(cells).max()))

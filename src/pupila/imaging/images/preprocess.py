"""Preprocess RGB to a model's input: shared by training, export, the command line and the server."""

from typing import Annotated, Literal

import numpy as np
from PIL import Image
from pydantic import Field, PositiveFloat, PositiveInt

from pupila.core.settings import Settings
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import Array

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class Preprocessing(Settings):
    """How an image becomes a model's input; stored in the bundle."""

    bands: BandSettings | None = Field(
        default=None, description="how the bands of a TIFF become colours; null: from each file alone"
    )
    view: Literal["resize", "tile"] = Field(
        default="resize",
        description="resize: the whole image; tile: overlapping tiles at full resolution, blended",
    )
    overlap: int = Field(default=0, ge=0, description="overlap of neighbouring tiles, pixels")
    height: PositiveInt = Field(default=224, description="input height, pixels")
    width: PositiveInt = Field(default=224, description="input width, pixels")
    fit: Literal["squash", "crop", "pad", "corner"] = Field(
        default="squash",
        description="squash: stretch to the input size; crop: fill it and crop the centre; pad: fit inside, centred; "
        "corner: fit inside, at the upper left",
    )
    crop_share: PositiveFloat = Field(
        default=1.0, le=1.0, description="share of the resized image that the crop keeps (crop_pct in timm)"
    )
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = Field(
        default="bilinear", description="resampling filter, antialiased"
    )
    mean: tuple[float, float, float] = Field(
        default=(0.485, 0.456, 0.406), description="normalisation mean, RGB, 0..1"
    )
    std: tuple[float, float, float] = Field(
        default=(0.229, 0.224, 0.225), description="normalisation standard deviation, RGB, 0..1"
    )
    padding: Annotated[int, Field(ge=0, le=255)] | Literal["mean"] = Field(
        default=0, description="grey value of the padded border; mean: the normalisation mean"
    )


def preprocess(rgb: Array, spec: Preprocessing) -> Array:
    """Resize, crop or pad, and normalise: `normalise(fit_image(rgb))`.

    Args:
        rgb: (H, W, 3) uint8.
        spec: the target.

    Returns:
        (3, spec.height, spec.width) float32, `(x / 255 - mean) / std`.
    """
    return normalise(fit_image(rgb, spec), spec)


def fit_image(rgb: Array, spec: Preprocessing) -> Array:
    """Resize, crop or pad: (H, W, 3) uint8 to (spec.height, spec.width, 3) uint8."""
    return np.asarray(_fit_image(Image.fromarray(rgb), spec))


def normalise(placed: Array, spec: Preprocessing) -> Array:
    """(H, W, 3) uint8 to (3, H, W) float32, `(x / 255 - mean) / std`."""
    scale = np.float32(1.0) / (np.float32(255.0) * np.asarray(spec.std, dtype=np.float32))
    shift = np.asarray(spec.mean, dtype=np.float32) / np.asarray(spec.std, dtype=np.float32)
    scaled: Array = np.multiply(placed.transpose(2, 0, 1), scale[:, None, None], order="C")
    return scaled - shift[:, None, None]


def resize_plane(
    plane: Array, height: int, width: int, box: tuple[float, float, float, float] | None = None
) -> Array:
    """(h, w) float32, or its part in a box of left, top, right, bottom, to (height, width) float32, bilinear."""
    return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR, box=box))


def min_decode_side(spec: Preprocessing) -> int:
    """The shorter side, pixels, that a scaled decoding must keep for this preprocessing."""
    return 2 * int(np.ceil(max(spec.height, spec.width) / spec.crop_share))


def covered_size(height: int, width: int, spec: Preprocessing) -> tuple[float, float]:
    """Height and width, pixels of the input, that an image of this size covers from the upper left corner.

    Args:
        height: of the image, pixels.
        width: of the image, pixels.
        spec: its preprocessing; `fit` is squash or corner.
    """
    if spec.fit == "squash":
        return spec.height, spec.width
    if spec.fit != "corner":
        raise AssertionError(f"a picture under fit={spec.fit} does not begin in the corner")
    ratio = min(spec.height / height, spec.width / width)
    return max(1, round(height * ratio)), max(1, round(width * ratio))


def _fit_image(picture: Image.Image, spec: Preprocessing) -> Image.Image:
    filter_ = _RESAMPLING[spec.interpolation]
    size = (spec.width, spec.height)
    if spec.fit == "squash":
        return picture.resize(size, filter_)
    ratios = (spec.width / picture.width, spec.height / picture.height)
    ratio = max(ratios) / spec.crop_share if spec.fit == "crop" else min(ratios)
    scaled = picture.resize(
        (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio))), filter_
    )
    left, top = (scaled.width - spec.width) // 2, (scaled.height - spec.height) // 2
    if spec.fit == "crop":
        return scaled.crop((left, top, left + spec.width, top + spec.height))
    mean = tuple(round(255 * value) for value in spec.mean)
    canvas = Image.new("RGB", size, mean if spec.padding == "mean" else (spec.padding,) * 3)
    canvas.paste(scaled, (0, 0) if spec.fit == "corner" else (-left, -top))
    return canvas

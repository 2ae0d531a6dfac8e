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
    if spec.fit not in ("squash", "corner"):
        raise AssertionError(f"a picture under fit={spec.fit} does not begin in the corner")
    rows, columns, *_ = _place(height, width, spec)
    return rows, columns


def input_box(height: int, width: int, spec: Preprocessing) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what the model's input shows of an image, in pixels of the image.

    Less than the image where it is cropped, more where it is padded.

    Args:
        height: of the image, pixels.
        width: of the image, pixels.
        spec: its preprocessing, without tiles.
    """
    rows, columns, top, left = _place(height, width, spec)
    across, down = width / columns, height / rows
    return left * across, top * down, (left + spec.width) * across, (top + spec.height) * down


def _place(height: int, width: int, spec: Preprocessing) -> tuple[int, int, int, int]:
    """Height and width of the resized image, and the row and column in it where the input begins, pixels."""
    if spec.fit == "squash":
        return spec.height, spec.width, 0, 0
    ratios = (spec.width / width, spec.height / height)
    ratio = max(ratios) / spec.crop_share if spec.fit == "crop" else min(ratios)
    rows, columns = max(1, round(height * ratio)), max(1, round(width * ratio))
    if spec.fit == "corner":
        return rows, columns, 0, 0
    return rows, columns, (rows - spec.height) // 2, (columns - spec.width) // 2


def _fit_image(picture: Image.Image, spec: Preprocessing) -> Image.Image:
    rows, columns, top, left = _place(picture.height, picture.width, spec)
    scaled = picture.resize((columns, rows), _RESAMPLING[spec.interpolation])
    if spec.fit == "squash":
        return scaled
    if spec.fit == "crop":
        return scaled.crop((left, top, left + spec.width, top + spec.height))
    mean = tuple(round(255 * value) for value in spec.mean)
    size = (spec.width, spec.height)
    canvas = Image.new("RGB", size, mean if spec.padding == "mean" else (spec.padding,) * 3)
    canvas.paste(scaled, (-left, -top))
    return canvas

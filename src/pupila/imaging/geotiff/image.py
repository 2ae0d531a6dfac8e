"""Decode any image file, whatever its bands, to upright RGB: shared by training, export, predict and serve."""

from dataclasses import dataclass

from pupila.core.errors import MissingExtra
from pupila.imaging.geotiff.scene import is_tiff, open_scene
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.cost import RESULT
from pupila.imaging.images.decode import (
    Array,
    Header,
    ImageFault,
    ImageLimits,
    check_bytes,
    check_pixels,
    decode,
    probe,
    take_memory,
)


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An upright image."""

    header: Header
    rgb: Array  # (H, W, 3) uint8
    valid: Array | None = None  # (H, W) bool: where a scene has data; None: everywhere


def read_image(
    data: bytes,
    bands: BandSettings | None = None,
    limits: ImageLimits | None = None,
    min_side: int | None = None,
) -> DecodedImage:
    """The header and the pixels of an image file.

    Args:
        data: of a file.
        bands: how the bands of a TIFF become colours, and black and white of 16-bit grey; values of a TIFF that are
            open are computed from this file alone.
        limits: what to refuse.
        min_side: as `images.decode` takes it.

    Raises:
        ImageFault: no usable image, or one that needs rasterio, which is not installed.
        PupilaError: `high` is not above `low`.
    """
    if not is_tiff(data):
        header = probe(data, limits)
        return DecodedImage(header, decode(data, limits, min_side, header, bands.levels() if bands else None))
    limits = limits or ImageLimits()
    check_bytes(data, limits)
    try:
        with open_scene(data, bands, limits) as scene:
            check_pixels(scene.width, scene.height, limits)
            header = scene.header or probe(data, limits)
            if not scene.by_windows:  # decoded already
                return DecodedImage(header, scene.read(0, 0, scene.height, scene.width))
            with take_memory(scene.decoding_bytes, RESULT * scene.height * scene.width):
                valid = scene.valid(0, 0, scene.height, scene.width)
                rgb = scene.read(0, 0, scene.height, scene.width)
                return DecodedImage(header, rgb, None if valid.all() else valid)
    except MissingExtra as lack:
        raise ImageFault("missing-extra", " ".join(str(lack).split())) from lack

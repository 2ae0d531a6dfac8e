"""The bands of a TIFF: which become red, green and blue, and whether a file needs rasterio."""

import contextlib
import threading
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, ClassVar

from PIL import TiffImagePlugin
from pydantic import Field, PositiveInt

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import Settings
from pupila.imaging.images.decode import DAMAGE, ImageFault

_GEO_KEYS = 34735  # the tag that holds a coordinate system
_NO_DATA = 42113  # GDAL's tag for the value without data
_MOST_VALUE = 65_535.0  # of 16 bits
_QUIET = threading.Lock()


class BandSettings(Settings):
    """How the bands of a TIFF become red, green and blue; stored in the manifest and in the bundle."""

    groups: ClassVar[dict[str, tuple[str, ...]]] = {"geotiff": ("bands", "low", "high")}

    bands: tuple[PositiveInt, PositiveInt, PositiveInt] | None = Field(
        default=None,
        description="band numbers, from 1, of red, green and blue; null: the first three, or the first",
    )
    low: float | None = Field(
        default=None,
        description="pixel value that becomes black, above 8 bits; null: the 2nd percentile",
    )
    high: float | None = Field(
        default=None,
        description="pixel value that becomes white, above 8 bits; null: the 98th percentile",
    )

    def levels(self) -> tuple[float, float] | None:
        """The values of 16-bit grey that become black and white; None where they are left open.

        Raises:
            PupilaError: white is not above black.
        """
        if self.low is None and self.high is None:
            return None
        low, high = self.low or 0.0, _MOST_VALUE if self.high is None else self.high
        if high <= low:
            raise PupilaError(
                say("Invalid band settings"),
                actual=f"low={low:g}, high={high:g}",
                expected=say("high above low"),
            )
        return low, high


def has_bands(stream: BinaryIO, levels: bool = False) -> bool:
    """Whether a TIFF needs rasterio: it has a coordinate system, float pixels, or bands that Pillow can't read.

    Args:
        stream: at the start of a file that begins as TIFFs do; its tags are read, and no pixel.
        levels: whether black and white are given, which Pillow's images have a use for if they are deep grey.

    Raises:
        ImageFault: the tags are damaged.
    """
    with without_warnings():
        try:
            picture = TiffImagePlugin.TiffImageFile(stream)
        except DAMAGE:
            if TiffImagePlugin.BITSPERSAMPLE in _tags(stream):  # Pillow has no mode for what they describe
                return True
            raise ImageFault("unreadable", say("an image file with a damaged header")) from None
    if picture.mode == "F" or _GEO_KEYS in picture.tag_v2:
        return True
    return levels and (not picture.mode.startswith("I") or _NO_DATA in picture.tag_v2)


def _tags(stream: BinaryIO) -> Mapping[int, Any]:
    try:
        stream.seek(0)
        head = stream.read(8)
        tags = TiffImagePlugin.ImageFileDirectory_v2(head + stream.read(8) if 43 in head[2:4] else head)
        stream.seek(tags.next)
        tags.load(stream)
    except DAMAGE:
        return {}
    return tags


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Ignore warnings of libraries, in one thread at a time: all threads share the warning filters."""
    with _QUIET, warnings.catch_warnings(action="ignore"):
        yield

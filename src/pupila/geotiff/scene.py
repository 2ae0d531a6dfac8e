"""Scenes: pictures of any size and any bands, read by windows as RGB."""

import contextlib
import io
import struct
import threading
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from pupila import files
from pupila.errors import MissingExtra, PupilaError
from pupila.images.decode import ImageFault, ImageLimits, decode
from pupila.messages import say
from pupila.settings import Settings

Array = NDArray[Any]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_GEO_KEYS = 34735  # the tag that holds a coordinate system
_CACHE = 128_000_000  # bytes of blocks that GDAL keeps; by default it takes a share of the machine's memory
_SAMPLE = 128  # pixels along a side of what is read of a file to find its black and white
_PERCENTILES = (2, 98)


class BandSettings(Settings):
    """How the bands of a TIFF become red, green and blue."""

    bands: tuple[PositiveInt, PositiveInt, PositiveInt] | None = Field(
        default=None,
        description="numbers, from 1, of the bands that are red, green and blue; null: the first three, or the first",
    )
    low: float | None = Field(
        default=None, description="value that becomes black; null: 0 of 8 bits, else the 2nd percentile"
    )
    high: float | None = Field(
        default=None, description="value that becomes white; null: 255 of 8 bits, else the 98th percentile"
    )


class Scene:
    """A picture that is read by windows, as `open_scene` gives it.

    Args:
        file: rasterio's, or None.
        pixels: (H, W, 3) uint8 where there is no file.
        settings: how bands become colours, all decided.
    """

    def __init__(self, file: Any, pixels: Array, settings: BandSettings) -> None:
        self._file, self._pixels, self.settings = file, pixels, settings
        self._lock = threading.Lock()  # a file of GDAL serves one thread at a time

    @property
    def by_windows(self) -> bool:
        """Whether it lies in a file and not in memory."""
        return self._file is not None

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self._file.height if self.by_windows else self._pixels.shape[0])

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self._file.width if self.by_windows else self._pixels.shape[1])

    @property
    def place(self) -> dict[str, Any]:
        """The coordinate system and the transform from pixels to it, as rasterio writes them; empty without one."""
        return {"crs": self._file.crs, "transform": self._file.transform} if _is_placed(self._file) else {}

    def read(self, top: int, left: int, height: int, width: int) -> Array:
        """The part as (height, width, 3) uint8 RGB, black where there is no data; it lies inside the picture.

        Raises:
            ImageFault: the file is damaged there.
        """
        if not self.by_windows:
            return self._pixels[top : top + height, left : left + width]
        raw = self._windowed(self._file.read, top, left, height, width)
        low, high = float(self.settings.low or 0), float(self.settings.high or 0)
        if raw.dtype != np.uint8 or (low, high) != (0, 255):
            scaled = (np.nan_to_num(raw).astype(np.float32) - low) * (255 / (high - low)) + 0.5
            raw = np.clip(scaled, 0, 255).astype(np.uint8)
        rgb: Array = np.repeat(raw.transpose(1, 2, 0), 3 // len(raw), axis=2)
        rgb[~self.valid(top, left, height, width)] = 0
        return rgb

    def valid(self, top: int, left: int, height: int, width: int) -> Array:
        """(height, width) bool: where the file has data in one of its bands.

        Raises:
            ImageFault: the file is damaged there.
        """
        if not self.by_windows:
            return np.ones((height, width), bool)
        return np.asarray(self._windowed(self._file.read_masks, top, left, height, width).any(axis=0))

    def _windowed(self, read: Any, top: int, left: int, height: int, width: int) -> Array:
        import rasterio.windows

        with self._lock, _faults():
            window = rasterio.windows.Window(left, top, width, height)
            return np.asarray(read(_bands(self._file, self.settings), window=window))


@contextlib.contextmanager
def open_scene(
    source: str | bytes, settings: BandSettings | None = None, limits: ImageLimits | None = None
) -> Iterator[Scene]:
    """A picture to be read part by part.

    A TIFF is read by windows where it has a georeference, where settings are given that are not the defaults, or where
    `images.decode` can't take it (too large, more bands, more bits). Any other picture is decoded whole.

    Args:
        source: a path, or the bytes of a file.
        settings: how bands become colours; what is not decided there is decided from this file alone.
        limits: of pictures that are decoded whole.

    Raises:
        ImageFault: no usable image, or a band that is not there.
        MissingExtra: it needs rasterio, which is not installed.
        PupilaError: white is not above black.
    """
    settings = settings or BandSettings()
    with contextlib.ExitStack() as stack:
        file = _open_tiff(source, stack, must=settings != BandSettings())
        pixels = np.zeros((0, 0, 3), np.uint8)
        if not _is_placed(file) and settings == BandSettings():
            try:
                pixels = decode(_bytes(source), limits)
                file = None
            except ImageFault:
                if file is None:
                    raise
        if file is not None:
            settings = _decided([_sample(file, settings)], settings)
        yield Scene(file, pixels, settings)


def decode_bands(
    source: str | bytes, settings: BandSettings | None = None, limits: ImageLimits | None = None
) -> Array:
    """A whole picture as `open_scene` reads it: (H, W, 3) uint8 RGB.

    Raises:
        ImageFault: no usable image, a band that is not there, or above the limits.
        MissingExtra: it needs rasterio, which is not installed.
    """
    limits = limits or ImageLimits()
    with open_scene(source, settings, limits) as scene:
        if scene.height * scene.width > limits.max_pixels:
            raise ImageFault(
                "oversized",
                say("{n} pixels, allowed are {most}", n=scene.height * scene.width, most=limits.max_pixels),
            )
        return scene.read(0, 0, scene.height, scene.width)


def decide_bands(sources: Iterable[str | bytes], settings: BandSettings | None = None) -> BandSettings:
    """The settings with black and white decided, once for all the files: a data set's, say.

    Args:
        sources: TIFFs, paths or bytes; a sample of each is read.
        settings: what they say already stays.

    Raises:
        ImageFault: one can't be read.
        MissingExtra: rasterio is not installed.
        PupilaError: white is not above black.
    """
    settings, samples = settings or BandSettings(), []
    for source in sources:
        with contextlib.ExitStack() as stack:
            file = _open_tiff(source, stack, must=True)
            if file is not None:
                samples.append(_sample(file, settings))
    return _decided(samples, settings)


def is_tiff(source: str | bytes) -> bool:
    """Whether a file begins as a TIFF does, whatever it is called.

    Raises:
        OSError: nothing can be read there.
    """
    return (files.read_start(source, 4) if isinstance(source, str) else source[:4]) in _TIFF


def _decided(samples: list[Array], settings: BandSettings) -> BandSettings:
    deep = np.concatenate([s for s in samples if s.dtype != np.uint8] or [np.zeros(0)])
    found = np.percentile(deep, _PERCENTILES).tolist() if deep.size else [0.0, 255.0]
    low = found[0] if settings.low is None else settings.low
    high = found[1] if settings.high is None else settings.high
    if high <= low and not (settings.low is None and settings.high is None):
        raise PupilaError(
            say("Bad band settings"), found=f"low={low:g}, high={high:g}", wanted=say("high above low")
        )
    return settings.model_copy(update={"low": low, "high": max(high, low + 1)})


def _sample(file: Any, settings: BandSettings) -> Array:
    """(N,) values of the chosen bands, without those that mean that there is no data."""
    bands = _bands(file, settings)
    shape = (len(bands), min(_SAMPLE, file.height), min(_SAMPLE, file.width))
    with _faults():
        values, valid = file.read(bands, out_shape=shape), file.read_masks(bands, out_shape=shape) > 0
    if np.iscomplexobj(values):
        raise ImageFault("unreadable", say("complex numbers, which have no colour"))
    return np.asarray(values[valid & np.isfinite(values)])


def _bands(file: Any, settings: BandSettings) -> list[int]:
    chosen = settings.bands or ((1, 2, 3) if file.count >= 3 else (1,))
    if max(chosen) > file.count:
        raise ImageFault(
            "unreadable", say("no band {band}: the file has {n}", band=max(chosen), n=file.count)
        )
    return list(chosen)


def _bytes(source: str | bytes) -> bytes:
    return files.read_bytes(source) if isinstance(source, str) else source


def _open_tiff(source: str | bytes, stack: contextlib.ExitStack, must: bool) -> Any:
    """rasterio's file of a TIFF, closed with the stack; None of another format, and of what does not need rasterio."""
    if not is_tiff(source):
        return None
    try:
        import rasterio  # noqa: F401 -- asked here for whether it is there
    except ImportError:
        if must or _has_geo_keys(_bytes(source)):
            raise MissingExtra("geo", "rasterio") from None
        return None
    on_disk = isinstance(source, str) and not files.is_remote(source)
    with _faults():
        return stack.enter_context(opened(source if on_disk else io.BytesIO(_bytes(source))))


@contextlib.contextmanager
def opened(source: Any, mode: str = "r", **profile: Any) -> Iterator[Any]:
    """rasterio's file, in flat memory; a picture that has no place on the earth is nothing to be warned of."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with contextlib.ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = stack.enter_context(rasterio.open(source, mode, **profile))
        yield file


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """rasterio's errors as ours."""
    import rasterio.errors

    try:
        yield
    except rasterio.errors.RasterioError as fault:
        raise ImageFault("unreadable", str(fault)) from fault


def _is_placed(file: Any) -> bool:
    return file is not None and bool(file.crs)


def _has_geo_keys(data: bytes) -> bool:
    """Whether the first directory of a classic TIFF names a coordinate system; read without rasterio."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, at)
        return any(
            struct.unpack_from(order + "H", data, at + 2 + 12 * n)[0] == _GEO_KEYS for n in range(count)
        )
    except struct.error:
        return False

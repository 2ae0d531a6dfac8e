"""Scenes: images of any size and any bands, read by windows as RGB."""

import contextlib
import io
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core import files
from pupila.core.errors import MissingExtra, PupilaError
from pupila.core.messages import say
from pupila.imaging.images.bands import BandSettings, has_bands, without_warnings
from pupila.imaging.images.convert import BAND
from pupila.imaging.images.cost import BASE, RESULT
from pupila.imaging.images.decode import Header, ImageFault, ImageLimits, decode
from pupila.imaging.images.tiff import find_excess

Array = NDArray[Any]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_CACHE = 128_000_000  # bytes of blocks that GDAL keeps; by default it takes a share of the machine's memory
_SAMPLE = 128  # pixels along a side of what is read of a file to find its black and white
_PERCENTILES = (2, 98)


class Scene:
    """An image that is read by windows, as `open_scene` gives it.

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
        """Whether it is read from a file and not from memory."""
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
    def header(self) -> Header | None:
        """The header of the file; None for an array in memory."""
        if not self.by_windows:
            return None
        kind, count = self._file.dtypes[0], self._file.count
        return Header("TIFF", self.width, self.height, kind, count, 1, 1, False, "", "")

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
        rgb = np.empty((height, width, 3), np.uint8)
        rows, first = self._rows_at_once(width), top
        while first < top + height:  # up to the next edge of blocks, each of which is decoded once
            last = min((first // rows + 1) * rows, top + height)
            raw = self._read_window(self._file.read, first, left, last - first, width)
            self._fill(rgb[first - top : last - top], raw, self.valid(first, left, last - first, width))
            first = last
        return rgb

    @property
    def decoding_bytes(self) -> int:
        """What reading all of it takes at the peak, bytes."""
        if not self.by_windows:
            return 0
        rows = min(self._rows_at_once(self.width), self.height)
        value = int(np.dtype(self._file.dtypes[0]).itemsize)
        values = int(rows * self.width * self._file.count)
        return BASE + (RESULT + 2) * self.height * self.width + values * (value + 1)

    def _rows_at_once(self, width: int) -> int:
        """Rows of whole blocks, of a band's pixels or of one block."""
        block = max(rows for rows, _ in self._file.block_shapes)
        return int(block * max(1, BAND // (width * block)))

    def _fill(self, rgb: Array, raw: Array, valid: Array) -> None:
        """Write the colours of (bands, h, w) values into (h, w, 3), black where there is no data."""
        step = max(1, BAND // rgb.shape[1])
        for top in range(0, len(rgb), step):
            part = raw[:, top : top + step]
            if part.dtype != np.uint8:
                low, high = float(self.settings.low or 0), float(self.settings.high or 0)
                scaled = (np.nan_to_num(part).astype(np.float32) - low) * (255 / (high - low)) + 0.5
                part = np.clip(scaled, 0, 255).astype(np.uint8)
            rgb[top : top + step] = part.transpose(1, 2, 0)
        rgb[~valid] = 0

    def valid(self, top: int, left: int, height: int, width: int) -> Array:
        """(height, width) bool: where the file has data in one of its bands.

        Raises:
            ImageFault: the file is damaged there.
        """
        if not self.by_windows:
            return np.ones((height, width), bool)
        return np.asarray(self._read_window(self._file.read_masks, top, left, height, width).any(axis=0))

    def _read_window(self, read: Any, top: int, left: int, height: int, width: int) -> Array:
        import rasterio.windows

        with self._lock, _faults():
            window = rasterio.windows.Window(left, top, width, height)
            return np.asarray(read(_bands(self._file, self.settings), window=window))


@contextlib.contextmanager
def open_scene(
    source: str | bytes, settings: BandSettings | None = None, limits: ImageLimits | None = None
) -> Iterator[Scene]:
    """An image that is read part by part.

    A TIFF is read by windows where `needs_raster_reader` is True, or where `images.decode` can't read it (too large, or
    an unusual layout). Any other image is decoded whole.

    Args:
        source: a path, or the bytes of a file.
        settings: how bands become colours; open values are computed from this file alone.
        limits: of images that are decoded whole.

    Raises:
        ImageFault: no usable image, or a band that is not there.
        MissingExtra: it needs rasterio, which is not installed.
        PupilaError: `high` is not above `low`.
    """
    settings = settings or BandSettings()
    if isinstance(source, str) and files.is_remote(source):
        source = files.read_bytes(source)  # once
    with contextlib.ExitStack() as stack:
        file, pixels = None, np.zeros((0, 0, 3), np.uint8)
        if needs_raster_reader(source, settings, limits):
            file = _open_tiff(source, stack)
        else:
            try:
                pixels = decode(_bytes(source), limits, levels=settings.levels())
            except ImageFault as fault:
                if not is_tiff(source) or fault.code not in ("oversized", "unreadable"):
                    raise
                try:
                    file = _open_tiff(source, stack)
                except (MissingExtra, ImageFault):
                    raise fault from None
        if file is not None:
            _bands(file, settings)
            is_open = None in (settings.low, settings.high)
            settings = _resolve_levels([_sample(file, settings)] if is_open else [], settings)
        yield Scene(file, pixels, settings)


def resolve_bands(sources: Iterable[str | bytes], settings: BandSettings | None = None) -> BandSettings:
    """The settings with `low` and `high` computed once for many files, such as those of a data set.

    Args:
        sources: TIFFs, paths or bytes; a sample of each is read. Unreadable files are skipped.
        settings: values that are set stay.

    Returns:
        `low` and `high` stay None where all files have 8 bits: these are not rescaled.

    Raises:
        MissingExtra: rasterio is not installed.
        PupilaError: `high` is not above `low`, or one of them is set and all files have 8 bits.
    """
    settings, samples = settings or BandSettings(), []
    for source in sources:
        with contextlib.ExitStack() as stack, contextlib.suppress(ImageFault, OSError):
            samples.append(_sample(_open_tiff(source, stack), settings))
    if any(sample.dtype != np.uint8 for sample in samples):
        return _resolve_levels(samples, settings)
    if samples and (settings.low, settings.high) != (None, None):
        raise PupilaError(
            say("The settings low and high have no effect"),
            actual=say("files with 8 bits only, which are not rescaled"), expected=say("neither of them set"),
        )  # fmt: skip
    return settings


def needs_raster_reader(
    source: str | bytes, settings: BandSettings | None = None, limits: ImageLimits | None = None
) -> bool:
    """Whether a file is read by rasterio: a TIFF whose bands are selected, or that Pillow can't read.

    Raises:
        ImageFault: a TIFF whose tags are damaged, or ask for more memory than its size does.
        OSError: nothing can be read there.
    """
    if not is_tiff(source):
        return False
    with contextlib.ExitStack() as stack:
        on_disk = isinstance(source, str) and not files.is_remote(source)
        stream = stack.enter_context(
            files.open_regular(str(source)) if on_disk else io.BytesIO(_bytes(source))
        )
        if excess := find_excess(stream, (limits or ImageLimits()).max_pixels):
            raise ImageFault("oversized", excess)
        stream.seek(0)
        chosen = settings is not None and settings.bands is not None
        return chosen or has_bands(stream, settings not in (None, BandSettings()))


def is_tiff(source: str | bytes) -> bool:
    """Whether a file has the signature of a TIFF, whatever its name.

    Raises:
        OSError: nothing can be read there.
    """
    return (files.read_start(source, 4) if isinstance(source, str) else source[:4]) in _TIFF


def _resolve_levels(samples: list[Array], settings: BandSettings) -> BandSettings:
    deep = np.concatenate([s for s in samples if s.dtype != np.uint8] or [np.zeros(0)])
    levels = np.percentile(deep, _PERCENTILES).tolist() if deep.size else [0.0, 255.0]
    low = levels[0] if settings.low is None else settings.low
    high = levels[1] if settings.high is None else settings.high
    if high <= low and not (settings.low is None and settings.high is None):
        raise PupilaError(
            say("Invalid band settings"), actual=f"low={low:g}, high={high:g}", expected=say("high above low")
        )
    return settings.model_copy(update={"low": low, "high": high if high > low else low + 1})


def _sample(file: Any, settings: BandSettings) -> Array:
    """(N,) values of the chosen bands, without those that mean that there is no data."""
    bands = _bands(file, settings)
    shape = (len(bands), min(_SAMPLE, file.height), min(_SAMPLE, file.width))
    with _faults():
        values, valid = file.read(bands, out_shape=shape), file.read_masks(bands, out_shape=shape) > 0
    return np.asarray(values[valid & np.isfinite(values)])


def _bands(file: Any, settings: BandSettings) -> list[int]:
    chosen = settings.bands or ((1, 2, 3) if file.count >= 3 else (1,))
    if max(chosen) > file.count:
        raise ImageFault(
            "unreadable", say("band {band} does not exist: the file has {n}", band=max(chosen), n=file.count)
        )
    if any("complex" in file.dtypes[band - 1] for band in chosen):
        raise ImageFault("unreadable", say("complex pixel values can't be shown as colours"))
    return list(chosen)


def _bytes(source: str | bytes) -> bytes:
    return files.read_bytes(source) if isinstance(source, str) else source


def _open_tiff(source: str | bytes, stack: contextlib.ExitStack) -> Any:
    """rasterio's file of a TIFF, closed with the stack."""
    try:
        import rasterio  # noqa: F401 -- asked here for whether it is there
    except ImportError:
        raise MissingExtra("geo", "rasterio") from None
    on_disk = isinstance(source, str) and not files.is_remote(source)
    with _faults():
        return stack.enter_context(open_raster(source if on_disk else io.BytesIO(_bytes(source))))


@contextlib.contextmanager
def open_raster(source: Any, mode: str = "r", **profile: Any) -> Iterator[Any]:
    """rasterio's file, with a small cache; without rasterio's warning about a missing georeference."""
    import rasterio

    with rasterio.Env(GDAL_CACHEMAX=_CACHE), contextlib.ExitStack() as stack:
        with without_warnings():
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

"""Masks that NumPy saved: `.npy`, and `.npz` of one array."""

import io
import zipfile
from math import prod
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pupila.core.messages import listing, say
from pupila.imaging.images.decode import ImageFault, ImageLimits, check_pixels
from pupila.imaging.masks.label_map import NO_DATA

Array = NDArray[Any]

ARRAY_SUFFIXES = frozenset((".npy", ".npz"))
_MAGIC, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_KEYS = ("mask", "label", "arr_0")  # of a mask among several arrays, the first that is there
_DAMAGE = (ValueError, OSError, EOFError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile)


def is_array(data: bytes) -> bool:
    """Whether the bytes begin as a file of NumPy's does."""
    return data.startswith((_MAGIC, _ZIP))


def read_array(data: bytes, limits: ImageLimits) -> Array:
    """(H, W) uint8, uint16 or, with NO_DATA where numbers are negative, uint32 values of a mask.

    Args:
        data: of a file `.npy` or `.npz`.
        limits: what to refuse; a header above them is refused before anything is allocated.

    Raises:
        ImageFault: the file is damaged, above the limits, holds Python objects or another array than one of a mask.
    """
    try:
        if data.startswith(_MAGIC):
            return _as_mask(_read(io.BytesIO(data), limits))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            arrays = [name for name in archive.namelist() if name.endswith(".npy")]
            known = [f"{key}.npy" for key in _KEYS if f"{key}.npy" in arrays]
            if len(arrays) != 1 and not known:
                names = [name.removesuffix(".npy") for name in arrays]
                reason = say("arrays {names}; one is a mask if it is called {keys}", names=listing(names, 4),
                             keys=listing(list(_KEYS)))  # fmt: skip
                raise ImageFault("unreadable", reason)
            with archive.open(known[0] if len(arrays) > 1 else arrays[0]) as stream:
                return _as_mask(_read(stream, limits))
    except ImageFault:
        raise
    except _DAMAGE as fault:
        raise ImageFault("unreadable", str(fault)) from fault


def _read(stream: IO[bytes], limits: ImageLimits) -> Array:
    """The array of a file `.npy`, of no more bytes than its header says."""
    version = npy.read_magic(stream)
    if version != (1, 0):  # later ones are for named fields, and allow headers of 4 GB
        raise ImageFault("unreadable", say("an array of version {n}", n=".".join(map(str, version))))
    shape, fortran, dtype = npy.read_array_header_1_0(stream)
    if dtype.kind not in "biuf":
        raise ImageFault(
            "unreadable", say("an array of {kind}, and a mask holds whole numbers", kind=str(dtype))
        )
    if len(shape) not in (2, 3) or 0 in shape:
        raise _wrong_shape(shape)
    check_pixels(prod(shape[1:]), shape[0], limits)
    size = prod(shape) * dtype.itemsize
    content = stream.read(size)
    if len(content) < size:
        raise ImageFault("truncated", say("{n} of {all} bytes", n=len(content), all=size))
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _as_mask(stored: Array) -> Array:
    values = stored.astype(np.float64)
    if not bool((np.isfinite(values) & (values == np.rint(values))).all()):
        raise ImageFault("unreadable", say("an array of fractions, and a mask holds whole numbers"))
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[-1]):
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.ndim == 3:
        binary = bool(((values == 0) | (values == 1)).all())
        axes = [axis for axis in (0, 2) if binary and bool((values.sum(axis=axis) == 1).all())]
        if len(axes) != 1:
            raise _wrong_shape(stored.shape)
        values = values.argmax(axis=axes[0]).astype(np.float64)
    return pack_values(values, values < 0)


def pack_values(values: Array, missing: Array) -> Array:
    """Whole numbers (H, W) in as few bits as hold them: 8 or 16, or 32 with NO_DATA where values are missing.

    Raises:
        ImageFault: a number is too large for a class or an object.
    """
    if values.max() >= NO_DATA:
        raise ImageFault("unreadable", say("values up to {most}; a mask may hold {limit}", most=int(values.max()),
                                           limit=NO_DATA - 1))  # fmt: skip
    if missing.any():
        return np.where(missing, NO_DATA, values).astype(np.uint32)
    return values.astype(np.uint8 if values.max() < 256 else np.uint16)


def _wrong_shape(shape: tuple[int, ...]) -> ImageFault:
    return ImageFault(
        "unreadable",
        say("an array of shape {shape}; a mask is (height, width), or has a layer of 0 and 1 for each class, of which "
            "one is set in each pixel", shape=str(shape)),
    )  # fmt: skip

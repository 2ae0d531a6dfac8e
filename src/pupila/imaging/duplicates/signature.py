"""A picture's signature: a small grey copy, its perceptual hash, and that of its mirror image."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64  # pixels of the grey copy's side
MIN_DECODE_SIDE = SIDE  # shorter side that a scaled decoding has to leave
_HASHED = 32  # pixels of the side from which the hash is made
_LOW = 8  # frequencies of each axis that make the hash

Copies = NDArray[np.uint8]


def shrink(rgb: NDArray[Any]) -> Copies:
    """The grey copy of a picture; its aspect ratio is dropped.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (SIDE, SIDE) uint8.
    """
    small = Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small)


def hashes(copies: Copies) -> tuple[list[str], list[str]]:
    """Perceptual hashes of many pictures at once, and those of their mirror images.

    Args:
        copies: (N, SIDE, SIDE) uint8 grey copies.

    Returns:
        (N hashes, N hashes of the pictures flipped left to right), each 16 hexadecimal digits.

    Source: phash of the library imagehash (low 8 x 8 of the cosine transform of 32 x 32 against their median), made
    for many pictures at once; one picture in a thousand differs in a bit, by rounding. The mirrored one comes from
    the same transform, for flipping a picture negates its odd horizontal frequencies.
    """
    from scipy.fft import dctn

    if not len(copies):
        return [], []
    pixels = _round_as_pillow(_halving().T @ _round_as_pillow(copies.astype(np.float32) @ _halving()))
    low = dctn(pixels, axes=(1, 2))[:, :_LOW, :_LOW]
    signs = np.where(np.arange(_LOW) % 2, -1.0, 1.0)
    return _digits(low), _digits(low * signs)


@cache
def _halving() -> NDArray[np.float32]:
    """(SIDE, SIDE / 2) float32: Pillow's Lanczos filter, which imagehash uses, as a matrix."""
    identity = Image.fromarray(np.eye(SIDE, dtype=np.float32))
    return np.asarray(identity.resize((_HASHED, SIDE), Image.Resampling.LANCZOS))


def _round_as_pillow(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """As Pillow keeps them between its passes: whole numbers from 0 to 255."""
    return np.asarray(np.clip(np.floor(values + np.float32(0.5)), 0, 255))


def _digits(low: NDArray[np.float64]) -> list[str]:
    """(N, _LOW, _LOW) frequencies to hexadecimal digits, the first bit the highest."""
    flat = low.reshape(len(low), -1)
    bits = flat > np.median(flat, axis=1, keepdims=True)
    return [row.tobytes().hex() for row in np.packbits(bits, axis=1)]


def as_numbers(digits: list[str]) -> NDArray[np.uint64]:
    """Hexadecimal hashes as (N,) uint64."""
    return np.array([int(text, 16) for text in digits], dtype=np.uint64)

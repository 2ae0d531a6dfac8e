"""A picture's signature: its perceptual hash, that of its mirror image, and a small grey copy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64  # pixels of the grey copy's side
BITS = 64  # of the perceptual hash
AT_LEAST = SIDE  # shorter side that a scaled decoding has to leave


@dataclass(frozen=True, slots=True)
class Signature:
    """What near-duplicates have in common."""

    phash: str  # 16 hexadecimal digits, as imagehash prints them
    mirrored: str  # the phash of the picture flipped left to right
    thumbnail: bytes  # SIDE x SIDE uint8 grey, row by row


def sign(rgb: NDArray[Any]) -> Signature:
    """The signature of a picture; its aspect ratio is dropped.

    Args:
        rgb: (H, W, 3) uint8.

    Source: phash of imagehash (DCT of 32 x 32, low 8 x 8 against their median).
    """
    import imagehash

    small = Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    mirror = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Signature(str(imagehash.phash(small)), str(imagehash.phash(mirror)), small.tobytes())


def as_numbers(hashes: list[str]) -> NDArray[np.uint64]:
    """Hexadecimal hashes as (N,) uint64."""
    return np.array([int(text, 16) for text in hashes], dtype=np.uint64)

"""Label Studio's brush masks: the run lengths of an RGBA image as a stream of bits, whose alpha is the mask.

The stream: 32 bits, how many values follow; 5, the bits of a value less 1; four times 4, the bits of a run's length
less 1. Then runs: a bit, whether one value is repeated; 2, which of the four sizes the length has; the length less 1;
and the value, or as many values as the length says.

Source: the format of `rle-pack` in thi.ng/umbrella, which Label Studio's editor writes.
"""

from collections.abc import Sequence

import numpy as np

from pupila.core.messages import say, say_count
from pupila.imaging.images.decode import Array

_WORD = 8  # bits of a value that is written
_SIZES = (3, 4, 8, 16)  # bits of the lengths that are written
_CHANNELS = 4


def decode(numbers: Sequence[int], height: int, width: int) -> Array:
    """(H, W) bool: where the brush painted, at least half of it.

    The edges of a stroke are smooth: their alpha lies between 0 and 255, and a pixel counts from 128 on.

    Args:
        numbers: bytes, 0..255, as the export lists them.
        height: of the image, pixels.
        width: of the image, pixels.

    Raises:
        ValueError: not such a stream, truncated, or of another size.
    """
    try:
        bits = "".join(f"{byte:08b}" for byte in bytes(numbers))
    except (TypeError, ValueError) as fault:
        raise ValueError(say("not a list of bytes")) from fault
    at = 0

    def read(size: int) -> int:
        nonlocal at
        at += size
        if at > len(bits):
            raise ValueError(say("the run lengths are truncated"))
        return int(bits[at - size : at], 2)

    count, expected = read(32), height * width * _CHANNELS
    if count != expected:
        raise ValueError(
            say_count(
                "the run lengths have {n} value instead of {expected}",
                "the run lengths have {n} values instead of {expected}",
                count,
                expected=expected,
            )
        )
    word = read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values, position = np.zeros(count, dtype=np.uint32), 0
    while position < count:
        repeated = read(1)
        end = min(position + 1 + read(sizes[read(2)]), count)
        values[position:end] = read(word) if repeated else [read(word) for _ in range(end - position)]
        position = end
    return values.reshape(height, width, _CHANNELS)[..., -1] >= 1 << (word - 1)


def encode(mask: Array) -> list[int]:
    """The bytes of an (H, W) bool mask: 255 in all four channels where it is."""
    flat = mask.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
    lengths = np.diff(starts, append=len(flat)) * _CHANNELS
    parts = [f"{flat.size * _CHANNELS:032b}", f"{_WORD - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = "11111111" if flat[start] else "00000000"
        while length > 0:
            run = min(length, 1 << _SIZES[-1])
            which = next(number for number, size in enumerate(_SIZES) if run <= 1 << size)
            parts.append(f"1{which:02b}{run - 1:0{_SIZES[which]}b}{value}")
            length -= run
    bits = "".join(parts)
    bits += "0" * (-len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8, "big")) if bits else []

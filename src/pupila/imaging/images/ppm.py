"""PPM, PGM and PBM whose numbers are text, or have another maximum than usual: Pillow reads these one by one."""

import re

import numpy as np
from PIL import Image, ImageFile

_COMMENT = re.compile(rb"#[^\r\n]*[\r\n]?")
_SPACE = b" \t\n\r\v\f"
_SLOW = ("ppm_plain", "ppm")  # Pillow's decoders that are written in Python
_AT_ONCE = 1_048_576  # bytes of text
_BANDS = {"1": 1, "L": 1, "I": 1, "RGB": 3}


def is_slow(picture: ImageFile.ImageFile) -> bool:
    """Whether the opened image is one of these."""
    return bool(
        picture.format == "PPM" and picture.tile and picture.tile[0][0] in _SLOW and picture.mode in _BANDS
    )


def load_numbers(picture: ImageFile.ImageFile) -> Image.Image:
    """The decoded image, as Pillow decodes it.

    Raises:
        ValueError: a number is missing, too large, or none.
    """
    decoder, _, offset, args = picture.tile[0]
    assert picture.fp is not None
    picture.fp.seek(offset)
    content, (width, height), bands = picture.fp.read(), picture.size, _BANDS[picture.mode]
    count = width * height * bands
    if decoder == "ppm_plain":
        content = _remove_comments(content) if b"#" in content else content
    if picture.mode == "1":
        pixels = _read_bits(content, count).reshape(height, width)
        return Image.fromarray(pixels)
    highest = int(args[-1])  # type: ignore[index]
    most = 65_535 if picture.mode == "I" else 255
    table = np.minimum(np.rint(np.arange(highest + 1) / highest * most), most)
    table = table.astype(np.int32 if picture.mode == "I" else np.uint8)
    numbers = _read_text(content, count) if decoder == "ppm_plain" else _read_binary(content, count, highest)
    if numbers.size < count:
        raise ValueError("not enough image data")
    if decoder == "ppm":
        numbers = np.minimum(numbers, highest)
    elif int(numbers.max()) > highest:
        raise ValueError("Channel value too large for this mode")
    return Image.fromarray(table[numbers].reshape((height, width, 3) if bands == 3 else (height, width)))


def _remove_comments(content: bytes) -> bytes:
    """The text without comments, some lines at once: their pieces would take many times its bytes."""
    parts, at = list[bytes](), 0
    while at < len(content):
        ends = [content.find(mark, at + _AT_ONCE) for mark in (b"\n", b"\r")]
        end = min((each + 1 for each in ends if each >= 0), default=len(content))
        parts.append(_COMMENT.sub(b"", content[at:end]))
        at = end
    return b"".join(parts)


def _read_bits(content: bytes, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """(count,) bool: 0 is white."""
    bits = content.translate(None, _SPACE)[:count]
    if bits.strip(b"01") or bits.translate(None, b"01"):
        raise ValueError("Invalid token for this mode")
    if len(bits) < count:
        raise ValueError("not enough image data")
    return np.asarray(np.frombuffer(bits, np.uint8) == ord("0"))


def _read_binary(
    content: bytes, count: int, highest: int
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]":
    kind = np.dtype(np.uint8 if highest < 256 else ">u2")
    return np.frombuffer(content, kind, min(count, len(content) // kind.itemsize)).astype(np.uint16)


def _read_text(content: bytes, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]":
    """(n,) the first numbers, n at most count; those above 65,535 as 65,535."""
    numbers, read, at = np.empty(min(count, len(content) // 2 + 1), np.uint16), 0, 0
    while read < count and at < len(content):
        end = at + _AT_ONCE
        while end < len(content) and content[end] not in _SPACE:
            end += 1
        text = content[at:end]
        if text.translate(None, b"0123456789" + _SPACE):
            raise ValueError("Invalid token for this mode")
        if text.strip(_SPACE):
            part = np.fromstring(text.decode(), np.int64, sep=" ")[: count - read]
            numbers[read : read + part.size] = np.clip(part, 0, 65_535)
            read += part.size
        at = end
    return numbers[:read]

"""Checksums of kept files: a changed bit is found before anything is read from the file.

A Parquet file, a checkpoint and JSON carry the CRC-32 of their own bytes, taken with zeros in its place, among their
metadata, so that every other program still reads them. A file of the cache has it in front. This is against rot and not
against people: the files that must not be changed on purpose have a SHA-256 elsewhere.
"""

import re
import zlib
from itertools import islice

KEY = "pupila.checksum"  # of the metadata
_SIGN = "pupila-crc32:"
BLANK = _SIGN + 8 * "0"  # its value until the file is complete
PATTERN = rf"{_SIGN}[0-9a-f]{{8}}"
_MARK = re.compile(PATTERN.encode())
_SEARCHED = 2**20  # bytes at the end of a Parquet file
_PARQUET = b"PAR1"


def seal(content: bytes) -> bytes:
    """The content with its checksum in the place of `BLANK`."""
    place = _find(content)
    assert place is not None
    return b"".join([content[:place], f"{zlib.crc32(content):08x}".encode(), content[place + 8 :]])


def is_damaged(content: bytes) -> bool:
    """Whether a file with a checksum has other bytes than were written. A file of an earlier Pupila has none."""
    if (place := _find(content)) is None:
        start, end = _window(content)
        halves = (KEY, _SIGN) if _is_parquet(content) else (KEY, _SIGN, '"checksum":')  # of a damaged mark
        return any(content.find(half.encode(), start, end) >= 0 for half in halves)
    view = memoryview(content)
    actual = zlib.crc32(view[place + 8 :], zlib.crc32(b"00000000", zlib.crc32(view[:place])))
    return f"{actual:08x}".encode() != content[place : place + 8]


def _window(content: bytes) -> tuple[int, int]:
    return max(len(content) - _SEARCHED, 0) if _is_parquet(content) else 0, len(content)


def _is_parquet(content: bytes) -> bool:
    return content.startswith(_PARQUET) or content.endswith(_PARQUET)  # one of them may be damaged


def _find(content: bytes) -> int | None:
    """Where the digits of the checksum begin; a Parquet file has its metadata at the end, others at the start."""
    start, end = _window(content)
    matches = _MARK.finditer(content, start, end)
    if not _is_parquet(content):
        matches = islice(matches, 1)
    places = [match.end() - 8 for match in matches]
    return places[-1] if places else None


def wrap(content: bytes) -> bytes:
    """The content with its checksum in front."""
    return f"{_SIGN}{zlib.crc32(content):08x}\n".encode() + content


def unwrap(stored: bytes) -> bytes | None:
    """The content of what `wrap` made, None where it is damaged; bytes without a checksum as they are."""
    length = len(BLANK) + 1
    head, content = stored[:length], stored[length:]
    if head == f"{_SIGN}{zlib.crc32(content):08x}\n".encode():
        return content
    # Enough of the sign is left in a damaged head, and no earlier file of the cache begins like this.
    likeness = sum(a == b for a, b in zip(head, _SIGN.encode(), strict=False))
    return None if likeness > len(_SIGN) // 2 else stored

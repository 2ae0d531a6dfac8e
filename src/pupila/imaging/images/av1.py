"""The frames that the items of an AVIF hold, read from their own headers: a decoder allocates by these."""

from collections.abc import Iterator

_HEADER = 1  # type of the unit that holds the largest frame
_HEAD = 512  # bytes in which it ends
_MOST_UNITS = 65_536  # of an item
_MOST_BOXES = 20_000  # of a file
_INSIDE = {
    b"meta": 4,
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
    b"stbl": 0,
}  # boxes of boxes, after some bytes
Box = tuple[bytes, int, int]


def count_frame_pixels(data: bytes) -> int:
    """Pixels of all frames that decoding the first image may ask for; 0 where none is found.

    Each item of an image counts: tiles of a grid, and transparency. Of the tracks of a sequence the first frame counts.

    Args:
        data: of an AVIF file.
    """
    boxes = list(_boxes(data, 0, len(data)))
    try:
        items = sum(map(_frame_pixels, _items(data, boxes)))
        tracks = sum(map(_frame_pixels, _tracks(data, boxes)))
    except (ValueError, IndexError):  # a decoder explains better what is damaged
        return 0
    return max(items, tracks)


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The kind of each box, and where its content begins and ends. Source: ISO/IEC 14496-12, section 4.2."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, kind = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16]), 16
        stop = end if size == 0 else min(start + size, end)
        if stop < start + head:
            return
        yield kind, start + head, stop
        if kind in _INSIDE:
            yield from _boxes(data, start + head + _INSIDE[kind], stop)
        start = stop


def _items(data: bytes, boxes: list[Box]) -> Iterator[bytes | memoryview]:
    """The content of each item."""
    stored = next((start for kind, start, _ in boxes if kind == b"idat"), 0)
    for kind, start, end in boxes:
        for inside, extents in _locations(data[start:end]) if kind == b"iloc" else ():
            first = stored if inside else 0
            parts = [_part(data, first + place, size) for place, size in extents]
            yield parts[0] if len(parts) == 1 else b"".join(parts)


def _tracks(data: bytes, boxes: list[Box]) -> Iterator[memoryview]:
    """What each track begins with, up to the end of the file."""
    for kind, start, _ in boxes:
        if kind in (b"stco", b"co64"):
            size = 4 if kind == b"stco" else 8
            yield _part(data, int.from_bytes(data[start + 8 : start + 8 + size]), 0)[:_HEAD]


def _part(data: bytes, place: int, size: int) -> memoryview:
    return memoryview(data)[place : place + size if size else len(data)]


def _locations(box: bytes) -> Iterator[tuple[bool, list[tuple[int, int]]]]:
    """Of each item, whether it lies in the box of small data, and its parts: where they begin, and their bytes.

    Source: ISO/IEC 14496-12, section 8.11.3.
    """
    version, sizes = box[0], int.from_bytes(box[4:6])
    place_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide, index_size = (4 if version == 2 else 2), (index_size if version else 0)
    at = 6 + wide
    for _ in range(int.from_bytes(box[6:at])):
        if at >= len(box):
            return
        at += wide
        inside = version > 0 and box[at + 1] & 15 == 1
        at += 4 if version else 2
        base = int.from_bytes(box[at : at + base_size])
        at += base_size
        count, extents = int.from_bytes(box[at : at + 2]), list[tuple[int, int]]()
        at += 2
        for _ in range(count):
            at += index_size
            place = base + int.from_bytes(box[at : at + place_size])
            extents.append((place, int.from_bytes(box[at + place_size : at + place_size + length_size])))
            at += place_size + length_size
        if extents:
            yield inside, extents


def _frame_pixels(item: bytes | memoryview) -> int:
    """Pixels of the largest frame of an item; 0 where it holds no units of AV1. Source: AV1, section 5.3."""
    at = most = 0
    for _ in range(_MOST_UNITS):
        if at >= len(item) or item[at] & 0x81:  # the forbidden bit, and the last one, which is reserved
            return most
        kind, extended, sized = item[at] >> 3 & 15, item[at] & 4, item[at] & 2
        at += 2 if extended else 1
        size = len(item) - at
        if sized:
            size, at = _read_size(item, at)
        if kind == _HEADER:
            most = max(most, _read_header(bytes(item[at : at + min(size, _HEAD)])))
        at += size
    return most


def _read_size(item: bytes | memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends. Source: AV1, section 4.10.5."""
    size = 0
    for shift in range(0, 56, 7):
        size |= (item[at] & 127) << shift
        at += 1
        if item[at - 1] < 128:
            break
    return size, at


class _Bits:
    def __init__(self, content: bytes) -> None:
        self._number, self._left = int.from_bytes(content), 8 * len(content)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("the header is cut")
        return self._number >> self._left & (1 << count) - 1


def _read_header(content: bytes) -> int:
    """Pixels of the largest frame. Source: AV1, section 5.5.1."""
    bits = _Bits(content)
    bits.read(3 + 1)
    if bits.read(1):  # a reduced header of a still image
        bits.read(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.read(4) + 1, bits.read(4) + 1
    return (bits.read(wide) + 1) * (bits.read(high) + 1)


def _skip_operating_points(bits: _Bits) -> None:
    model = delay = 0
    if bits.read(1):  # timing
        bits.read(64)
        if bits.read(1):
            zeros = 0
            while not bits.read(1):
                zeros += 1
            bits.read(min(zeros, 32))
        model = bits.read(1)
        if model:
            delay = bits.read(5) + 1
            bits.read(32 + 5 + 5)
    shown = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if model and bits.read(1):
            bits.read(2 * delay + 1)
        if shown and bits.read(1):
            bits.read(4)

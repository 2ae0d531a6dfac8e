"""What the tags of a TIFF ask a decoder to allocate, read before it does: tiles, strips and the chain of pages."""

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

from pupila.core.messages import say

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _STRIPS, _SAMPLES, _ROWS, _PLANAR = (
    256,
    257,
    258,
    259,
    273,
    277,
    278,
    284,
)
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _KIND = 322, 323, 324, 254
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}  # types that count pixels and bytes
_STRIPS_OR_TILES = (273, 279, 324, 325)  # places and sizes, which are counted by themselves
_EXIF, _PRIVATE = 34665, 32_768  # from there on tags belong to programs, and no decoder reads their numbers
_NO_NUMBERS = (1, 2, 7)  # types that are kept as bytes
_MOST_NUMBERS = 1_048_576  # in the tags that are read: each takes up to 50 bytes as an object
_COPY = 0b101  # bits of a page's kind: a smaller copy, a validity mask
_MOST_TAGS = 4096  # of one page
_MOST_SPARE = 65_536  # strips beyond what the size asks for, as careless writers leave them
_MOST_BYTES = 32  # of a pixel in a compressed tile or strip: eight bands of floating-point numbers
_USUAL_TILE = 16_777_216  # pixels of a tile that may be larger than its image: 4096 x 4096
MOST_PAGES = 4096  # that are counted: a longer chain is "at least" this
_MOST_COUNTED = 262_144  # tags of all pages that are looked at, since pages may share their bytes


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """The numbers of the first page from which memory follows."""

    width: int
    height: int
    unit_width: int  # of a tile; of a strip, the width of the image
    unit_height: int
    unit_bytes: int  # of one decoded tile or strip
    units: int  # how many the tags list
    needed: int  # how many the size asks for
    tiled: bool
    numbers: int  # in its other tags and those of its EXIF
    packed: bool  # whether it is compressed: then a whole tile or strip is decoded for its first pixel


class _Tags:
    """The numbers of one page's tags, read on request."""

    def __init__(self, stream: BinaryIO, order: str, big: bool, offset: int) -> None:
        self._stream, self._order, self._big = stream, order, big
        self.entries: dict[int, list[tuple[int, int, bytes]]] = {}  # tag: type, count, value or its place
        count_format, entry_format, next_format = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
        stream.seek(offset)
        (count,) = self._unpack(count_format)
        if count > _MOST_TAGS:
            raise ValueError("too many tags")
        form = order + entry_format
        content = stream.read(count * struct.calcsize(form))
        for tag, kind, values, place in struct.iter_unpack(form, content):
            self.entries.setdefault(tag, []).append((kind, values, place))
        (self.next,) = self._unpack(next_format)

    def _unpack(self, form: str) -> tuple[int, ...]:
        form = self._order + form
        return struct.unpack(form, self._stream.read(struct.calcsize(form)))

    def number(self, tag: int, default: int) -> int:
        """The first number of a tag; of a tag that is there twice the largest, for readers differ."""
        return max((self._first(*entry) for entry in self.entries.get(tag, ())), default=0) or default

    def _first(self, kind: int, count: int, place: bytes) -> int:
        if kind not in _NUMBERS or not count:
            return 0
        form = self._order + _NUMBERS[kind]
        if count * _SIZES[kind] > len(place):
            self._stream.seek(struct.unpack(self._order + ("Q" if self._big else "I"), place)[0])
            place = self._stream.read(struct.calcsize(form))
        return int(struct.unpack(form, place[: struct.calcsize(form)])[0])

    def count_numbers(self, private: bool = False) -> int:
        """How many numbers a reader makes of the tags, but for strips and tiles.

        Args:
            private: whether tags of programs count, as those of EXIF are.
        """
        return sum(
            values
            for tag, entries in self.entries.items()
            if tag not in _STRIPS_OR_TILES and (private or tag < _PRIVATE)
            for kind, values, _ in entries
            if kind not in _NO_NUMBERS
        )

    def count_exif_numbers(self) -> int:
        """The same of the page's EXIF; 0 where it is damaged, for a reader stops there as well."""
        try:
            place = self.number(_EXIF, 0)
            return (
                _Tags(self._stream, self._order, self._big, place).count_numbers(private=True) if place else 0
            )
        except (struct.error, ValueError, OSError, OverflowError):
            return 0

    def count(self, tag: int) -> int:
        """How many values a tag has."""
        return max((values for _, values, _ in self.entries.get(tag, ())), default=0)


def read_layout(stream: BinaryIO) -> TiffLayout | None:
    """The layout of the first page; None where the tags are damaged, which a decoder says better.

    Args:
        stream: of a file that begins as TIFFs do, BigTIFFs too; nothing is read but tags.
    """
    try:
        tags = _Tags(stream, *_start(stream))
        width, height = tags.number(_WIDTH, 0), tags.number(_HEIGHT, 0)
        samples, bits = tags.number(_SAMPLES, 1), tags.number(_BITS, 1)
        if not width or not height:
            return None
        tiled = _TILES in tags.entries or _TILE_WIDTH in tags.entries
        across = tags.number(_TILE_WIDTH, width) if tiled else width
        down = (
            tags.number(_TILE_HEIGHT, height) if tiled else min(tags.number(_ROWS, height) or height, height)
        )
        planes = samples if tags.number(_PLANAR, 1) == 2 else 1
        needed = -(-width // max(across, 1)) * -(-height // max(down, 1)) * planes
        line = -(-across * bits * samples // (8 * planes))
        units = max(tags.count(_TILES), tags.count(_STRIPS))
        return TiffLayout(
            width,
            height,
            across,
            down,
            line * down,
            units,
            needed,
            tiled,
            tags.count_numbers() + tags.count_exif_numbers(),
            tags.number(_COMPRESSION, 1) != 1,
        )
    except (struct.error, ValueError, OSError, OverflowError, MemoryError):
        return None


def find_excess(stream: BinaryIO, most_pixels: int) -> str:
    """Why the tags ask for more memory than an image of its size needs; empty where they do not.

    Args:
        stream: of a file that begins as TIFFs do.
        most_pixels: the largest image that is decoded at once.
    """
    if (layout := read_layout(stream)) is None:
        return ""
    pixels = layout.unit_width * layout.unit_height
    most = min(most_pixels, max(_USUAL_TILE, 4 * layout.width * layout.height))
    if layout.tiled and pixels > most:
        return say("a tile of {width} x {height} pixels in an image of {all_width} x {all_height}; the limit is {most}",
                   width=layout.unit_width, height=layout.unit_height, all_width=layout.width,
                   all_height=layout.height, most=most)  # fmt: skip
    if layout.packed and layout.unit_bytes > _MOST_BYTES * most_pixels:
        return say("{n} bytes in one strip or tile; the limit is {most}",
                   n=layout.unit_bytes, most=_MOST_BYTES * most_pixels)  # fmt: skip
    if layout.numbers > _MOST_NUMBERS:
        return say("{n} numbers in its tags; the limit is {most}", n=layout.numbers, most=_MOST_NUMBERS)
    if layout.units > layout.needed + max(_MOST_SPARE, layout.height):
        return say("{n} strips or tiles, where the size needs {needed}", n=layout.units, needed=layout.needed)
    return ""


def count_pages(data: bytes, most: int = MOST_PAGES) -> tuple[int, int]:
    """How many pages a TIFF has, at most `most`, and how many of them are no smaller copies or validity masks.

    Pages are counted by their chain alone: none is decoded, and a chain that bites its tail ends.
    """
    stream, visited, whole, looked = io.BytesIO(data), set[int](), 0, 0
    try:
        order, big, offset = _start(stream)
        while offset and offset not in visited and len(visited) < most and looked < _MOST_COUNTED:
            tags = _Tags(stream, order, big, offset)
            looked += len(tags.entries)
            visited.add(offset)
            whole += not tags.number(_KIND, 0) & _COPY
            offset = tags.next
    except (struct.error, ValueError, OSError, OverflowError):
        pass  # a chain that is cut ends where it is cut
    return max(1, len(visited)), max(1, whole)


def _start(stream: BinaryIO) -> tuple[str, bool, int]:
    """The byte order, whether it is a BigTIFF, and where the first page's tags are."""
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = 43 in head[2:4]
    (offset,) = struct.unpack(order + ("Q" if big else "I"), head[8:16] if big else head[4:8])
    return order, big, offset

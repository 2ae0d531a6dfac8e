"""What the segments of a JPEG ask a decoder to do: coefficients that it keeps, and scans that it repeats."""

import re
from dataclasses import dataclass

from pupila.core.messages import say

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of a frame's header
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_SCAN, _END = 0xDA, 0xD9
_MARK = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in coded data: no stuffing, no restart
_MOST_SCANNED = 2_500_000_000  # pixels of all scans: some ten of the largest image, each a few nanoseconds
_MOST_SEGMENTS = 100_000
_COEFFICIENT = 2  # bytes


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """The header of the picture in a JPEG."""

    pixels: int
    samples: float  # for each pixel, of all components
    progressive: bool


def read_frame(data: bytes) -> JpegFrame | None:
    """The frame of a JPEG; None where its segments are damaged, which a decoder says better."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] == _SCAN:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
            continue
        if marker in _FRAMES:
            return _parse_frame(data[at + 4 : at + 4 + 6 + 3 * 255], marker)
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None


def _parse_frame(content: bytes, marker: int) -> JpegFrame | None:
    """Source: ITU-T T.81, B.2.2."""
    if len(content) < 6 or not (count := content[5]) or len(content) < 6 + 3 * count:
        return None
    factors = [(content[6 + 3 * at + 1] >> 4, content[6 + 3 * at + 1] & 15) for at in range(count)]
    across, down = max(each[0] for each in factors), max(each[1] for each in factors)
    pixels = int.from_bytes(content[1:3]) * int.from_bytes(content[3:5])
    samples = sum(wide * high for wide, high in factors) / max(1, across * down)
    return JpegFrame(pixels, samples, marker in _PROGRESSIVE)


def coefficient_bytes(frame: JpegFrame | None) -> int:
    """What a decoder keeps until the last scan, bytes: nothing for a file that is not progressive."""
    if frame is None or not frame.progressive:
        return 0
    return int(frame.pixels * frame.samples * _COEFFICIENT)


def find_excess(data: bytes, frame: JpegFrame | None) -> str:
    """Why a file takes longer than an image of its size does; empty where it does not."""
    if frame is None or not frame.progressive:
        return ""
    if data.count(b"\xff\xda") * frame.pixels <= _MOST_SCANNED:
        return ""
    scans = _count_scans(data, _MOST_SCANNED // max(1, frame.pixels) + 1)
    if scans * frame.pixels <= _MOST_SCANNED:
        return ""
    return say("{n} scans or more of {pixels} pixels; the limit is {most} pixels in all scans",
               n=scans, pixels=frame.pixels, most=_MOST_SCANNED)  # fmt: skip


def _count_scans(data: bytes, most: int) -> int:
    """The scans before the end of the picture, at most `most`: what follows it may hold these bytes by chance."""
    at, scans = 2, 0
    while scans < most and (match := _MARK.search(data, at)):
        marker = data[match.start() + 1]
        if marker == _END:
            break
        scans += marker == _SCAN
        at = match.end() + int.from_bytes(data[match.end() : match.end() + 2])
    return scans

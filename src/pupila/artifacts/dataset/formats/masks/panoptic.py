"""COCO's panoptic files: the segments of an image are the colours of a PNG file, which a JSON file names."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core import files
from pupila.core.messages import say
from pupila.imaging import regions
from pupila.imaging.masks.codec import read_stored_mask

_MAX_CACHED_FILES = 16  # PNG files in memory, as threads draw several images at once


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a PNG file, decoded when its image is drawn."""

    uris: tuple[str, ...]  # where the PNG file may lie
    number: int  # red + 256 green + 256 * 256 blue

    def __call__(self) -> dict[str, Any]:
        """The pixels as COCO's run lengths.

        Raises:
            ValueError: the file is missing, or has no such segment.
        """
        uri = next((uri for uri in self.uris if files.exists(uri)), None)
        if uri is None:
            raise ValueError(say("{path}: no such file", path=self.uris[0]))
        binary = _read_numbers(uri) == self.number
        if not binary.any():
            raise ValueError(say("{path} has no segment {id}", path=uri, id=self.number))
        return regions.to_rle(binary)


@lru_cache(maxsize=_MAX_CACHED_FILES)
def _read_numbers(uri: str) -> NDArray[np.int32]:
    """(H, W) int32: the number of each pixel's segment."""
    colours = read_stored_mask(files.read_bytes(uri), colour=True).values.astype(np.int32)
    return (colours >> 16) | (colours & 0xFF00) | ((colours & 0xFF) << 16)


def read_segments(annotation: dict[str, Any], uri: str) -> list[dict[str, Any]]:
    """The segments of an image in the form of plain annotations; empty where the annotation has none.

    Args:
        annotation: of a COCO file.
        uri: of the file; the PNG files lie in a folder of its name, or beside it.
    """
    segments, name = annotation.get("segments_info"), annotation.get("file_name")
    if not isinstance(segments, list) or not isinstance(name, str):
        return []
    uris = tuple(
        files.join(folder, name) for folder in (uri.rpartition(".")[0], uri.rpartition("/")[0] or ".")
    )
    return [
        {**segment, "image_id": annotation.get("image_id"), "segmentation": Segment(uris, segment["id"])}
        for segment in segments if isinstance(segment, dict) and isinstance(segment.get("id"), int)
    ]  # fmt: skip

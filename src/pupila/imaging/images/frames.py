"""How many pages or frames a file has, counted without decoding one, and never without end."""

from PIL import ImageFile

from pupila.imaging.images.tiff import MOST_PAGES, count_pages

_MOST_BLOCKS = 2_000_000  # of a GIF, 1 to 255 bytes each, that are stepped over
_GIF_HEADER = 13  # bytes


def count_frames(picture: ImageFile.ImageFile, data: bytes, most: int = MOST_PAGES) -> int:
    """Pages or animation frames, at most `most`; the preview or depth map in a phone's photo is none.

    Args:
        picture: opened.
        data: of its file.
        most: where counting ends.
    """
    if picture.format == "MPO":
        return 1
    if picture.format == "TIFF":
        return count_pages(data, most)[0]
    if picture.format == "GIF":
        return count_gif_frames(data, most)
    return min(int(getattr(picture, "n_frames", 1)), most)  # these formats say it in their header


def count_gif_frames(data: bytes, most: int) -> int:
    """The pictures of a GIF, at least 1. Source: GIF89a specification, sections 18 to 26."""
    at = _GIF_HEADER + _palette_bytes(data[10]) if len(data) > _GIF_HEADER else len(data)
    frames = blocks = 0
    while at < len(data) and frames < most and blocks < _MOST_BLOCKS:
        mark = data[at]
        at += 1
        if mark == 0x3B:  # the end
            break
        if mark == 0x21:  # an extension: its label, then blocks
            at += 1
        elif mark == 0x2C and at + 9 <= len(data):
            frames += 1
            at += 10 + _palette_bytes(data[at + 8])
        else:
            continue
        while at < len(data) and (size := data[at]):
            at += size + 1
            blocks += 1
        at += 1
    return max(1, frames)


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0

"""What is told and written of a mask, whichever task drew it."""

from collections.abc import Iterable, Iterator
from pathlib import PurePath

from pupila.core import files
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import as_png
from pupila.imaging.masks.drawing import overlay_jpeg
from pupila.stages.predict.rows import Row


def stems(uris: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each address with the stem of its files; one that was there before gets a number."""
    taken: set[str] = set()
    for uri in uris:
        stem = name = PurePath(uri).stem
        number = 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        yield uri, name


def figures(areas: list[int], answered: int) -> Row:
    """A class in one image: its share of the answered pixels, and the areas of its regions, pixels."""
    total, count = sum(areas), len(areas)
    return {
        "share": round(total / max(1, answered), 6), "regions": count, "pixels": total,
        "mean": round(total / max(1, count), 2), "largest": max(areas, default=0),
    }  # fmt: skip


def write_drawn(folder: str, stem: str, rgb: Array, mask: Array, classes: int) -> Row:
    """The mask and the image with the mask laid over it, as files; their places.

    Args:
        folder: for all images.
        stem: of this image's files.
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8 class indices.
        classes: C.

    Raises:
        PupilaError: the folder can't be written to.
    """
    told = {"mask": f"{folder}/masks/{stem}.png", "overlay": f"{folder}/overlays/{stem}.jpg"}
    files.write_bytes(told["mask"], as_png(mask, classes))
    files.write_bytes(told["overlay"], overlay_jpeg(rgb, mask, classes))
    return told

"""The statistics and files of a predicted mask, shared by all tasks with masks."""

from collections.abc import Iterable, Iterator
from pathlib import PurePath

from pupila.artifacts.predictions.segment import ClassRegions
from pupila.core import files
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import encode_palette_png, encode_png
from pupila.imaging.masks.drawing import overlay_jpeg
from pupila.imaging.masks.label_map import describe_classes
from pupila.stages.predict.rows import Output


def unique_stems(uris: Iterable[str]) -> Iterator[tuple[str, str]]:
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


def region_statistics(areas: list[int], predicted: int) -> ClassRegions:
    """A class in one image, from the areas of its regions and the predicted pixels."""
    total, count = sum(areas), len(areas)
    return ClassRegions(
        share=round(total / max(1, predicted), 6), regions=count, pixels=total,
        mean=round(total / max(1, count), 2), largest=max(areas, default=0),
    )  # fmt: skip


def write_class_file(output: Output, classes: list[str]) -> None:
    """Write what the class indices of the masks mean, where masks are written.

    Raises:
        PupilaError: the folder can't be written to.
    """
    if output.folder is not None:
        files.write_json(f"{output.folder}/classes.json", describe_classes(classes))


def write_mask_files(output: Output, stem: str, rgb: Array, mask: Array, classes: int) -> dict[str, str]:
    """Write the mask and the overlay; return their paths.

    Args:
        output: with the folder for all images.
        stem: of this image's files.
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8 class indices.
        classes: C.

    Raises:
        PupilaError: the folder can't be written to.
    """
    folder = output.folder
    paths = {"mask": f"{folder}/masks/{stem}.png", "overlay": f"{folder}/overlays/{stem}.jpg"}
    files.write_bytes(
        paths["mask"], encode_palette_png(mask, classes) if output.palette else encode_png(mask)
    )
    files.write_bytes(paths["overlay"], overlay_jpeg(rgb, mask, classes))
    return paths

"""Data with masks: PNG files, COCO and YOLO."""

from collections.abc import Iterable

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.imaging.masks.codec import encode_palette_png, encode_png
from pupila.imaging.masks.label_map import describe_classes
from pupila.stages.convert import coco, yolo
from pupila.stages.convert.item import Item, MaskItem
from pupila.stages.convert.layouts import TargetLayouts


def _read_item(data: Dataset, row: int, item: Item) -> MaskItem:
    return MaskItem(item.name, item.split, data.mask(row))


def _write_masks(items: Iterable[MaskItem], classes: tuple[str, ...], out: str) -> list[str]:
    """A grey PNG of class indices for each image."""
    for item in items:
        files.write_bytes(files.join(out, item.path("masks", ".png")), encode_png(item.mask))
    return []


def _write_coloured_masks(items: Iterable[MaskItem], classes: tuple[str, ...], out: str) -> list[str]:
    """A PNG of class indices, with a palette, for each image."""
    for item in items:
        picture = encode_palette_png(item.mask, len(classes))
        files.write_bytes(files.join(out, item.path("masks", ".png")), picture)
    return []


def _write_classes(classes: tuple[str, ...], out: str) -> None:
    """`classes.json`: the names of the indices in masks, and the order of the classes, which no outlines hold."""
    files.write_json(files.join(out, "classes.json"), describe_classes(classes))


LAYOUTS = TargetLayouts(
    _read_item,
    {"masks": _write_masks, "coco": coco.write, "yolo": yolo.write},
    _write_classes,
    with_palette={"masks": _write_coloured_masks},
)

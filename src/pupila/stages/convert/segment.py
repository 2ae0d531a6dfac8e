"""Data with masks: PNG files, COCO and YOLO."""

from collections.abc import Iterable

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.codec import encode_png
from pupila.stages.convert import coco, yolo
from pupila.stages.convert.item import UNLABELLED, Item, MaskItem
from pupila.stages.convert.layouts import TargetLayouts


def _read_item(data: Dataset, row: int, item: Item) -> MaskItem:
    return MaskItem(item.name, item.split, data.mask(row))


def _write_masks(items: Iterable[MaskItem], classes: tuple[str, ...], out: str) -> None:
    """A PNG of class indices, with a palette, for each image."""
    for item in items:
        files.write_bytes(files.join(out, item.path("masks", ".png")), encode_png(item.mask, len(classes)))


def _write_classes(classes: tuple[str, ...], out: str) -> None:
    """`classes.json`: the order of the classes, which the layouts do not hold."""
    content = {**{str(index): name for index, name in enumerate(classes)}, str(IGNORE): UNLABELLED}
    files.write_json(files.join(out, "classes.json"), content)


LAYOUTS = TargetLayouts(
    _read_item, {"masks": _write_masks, "coco": coco.write, "yolo": yolo.write}, _write_classes
)

"""Data with several labels per image: a table with one column per class, and COCO's annotations of whole images."""

from collections.abc import Iterable, Sequence
from typing import Any

from pupila.artifacts.dataset.formats.tables.table import readable_classes
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.csv_text import csv_line, csv_text
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import listing, say
from pupila.stages.convert.item import Item, LabelItem
from pupila.stages.convert.layouts import TargetLayouts

TABLE = "labels.csv"
_HEAD = ("image", "group", "split")


def _read_item(data: Dataset, row: int, item: Item) -> LabelItem:
    sample = data[row]
    size = (data.images["height"][row], data.images["width"][row])
    return LabelItem(item.name, item.split, sample.labels, sample.group, size)


def _write_table(items: Iterable[LabelItem], classes: tuple[str, ...], out: str) -> list[str]:
    """`labels.csv`: 1, 0 or an empty cell for each class.

    Raises:
        PupilaError: reading the table would take a class for another column, or lose it.
    """
    header = [*_HEAD, *classes]
    _refuse_lost_classes(csv_line(header), classes)
    rows: list[Sequence[object]] = [header]
    for item in items:
        cells = [int(item.labels[name]) if name in item.labels else "" for name in classes]
        path = item.path("images", files.suffix(item.name))
        rows.append([path, item.group or "", item.split, *cells])
    files.write_bytes(files.join(out, TABLE), csv_text(rows).encode())
    return []


def _refuse_lost_classes(header: str, classes: tuple[str, ...]) -> None:
    cells = [*("" for _ in _HEAD), *("10"[number % 2] for number in range(len(classes)))]
    read = readable_classes(f"{header}\n{','.join(cells)}".encode())
    if lost := [name for name in classes if name not in read]:
        raise PupilaError(
            say("Reading a table would not take these columns for classes"), actual=listing(lost),
            expected=say("names that are no words for other columns, such as image, label, split, id or reviewed"),
            remedy="--to coco",
        )  # fmt: skip


def _write_coco(items: Iterable[LabelItem], classes: tuple[str, ...], out: str) -> list[str]:
    """`annotations/labels_SPLIT.json`: an annotation without a place for each class that an image shows.

    Raises:
        PupilaError: a class is unknown in an image, which COCO can't say.
    """
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    by_split: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
    for image_id, item in enumerate(items, start=1):
        if unknown := [name for name in classes if name not in item.labels]:
            raise PupilaError(
                say("COCO can't say that a class is unknown"),
                actual=say("{classes} in {image}", classes=listing(unknown), image=item.name),
                expected=say("every class present or absent"), remedy="--to table",
            )  # fmt: skip
        images, annotations = by_split.setdefault(item.split, ([], []))
        height, width = item.size
        images.append({"id": image_id, "file_name": item.name, "width": width, "height": height})
        annotations += [
            {"id": len(annotations) + number, "image_id": image_id, "category_id": classes.index(name) + 1}
            for number, name in enumerate((n for n in classes if item.labels[n]), start=1)
        ]
    for split, (images, annotations) in by_split.items():
        document = {"images": images, "annotations": annotations, "categories": categories}
        path = files.join(out, f"annotations/labels_{split or 'all'}.json")
        files.write_bytes(path, dump_json(document, separators=(",", ":")).encode())
    return []


LAYOUTS = TargetLayouts(
    _read_item, {"table": _write_table, "coco": _write_coco}, finish=lambda classes, out: None
)

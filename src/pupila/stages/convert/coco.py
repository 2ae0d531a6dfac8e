"""COCO: a JSON file for each split, with an annotation for each connected region of a class."""

from collections.abc import Iterable
from typing import Any

from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.core.vocabulary import IGNORE
from pupila.imaging.regions import coco_regions
from pupila.stages.convert.item import MaskItem, outline_classes


def write(items: Iterable[MaskItem], classes: tuple[str, ...], out: str) -> list[str]:
    """`annotations/instances_SPLIT.json`: polygons, and run lengths for regions with holes."""
    names = outline_classes(classes)
    numbers = {index: number for number, index in enumerate(names, start=1)}
    used: set[int] = set()
    by_split: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
    for image_id, item in enumerate(items, start=1):
        images, annotations = by_split.setdefault(item.split, ([], []))
        height, width = item.mask.shape
        images.append({"id": image_id, "file_name": item.name, "width": width, "height": height})
        for index in item.class_indices(names):
            used.add(index)
            for region in coco_regions(item.mask == index):
                head = {"id": len(annotations) + 1, "image_id": image_id, "category_id": numbers[index]}
                annotations.append({**head, "iscrowd": 0, **region})
    categories = [{"id": numbers[index], "name": name, "supercategory": ""} for index, name in names.items()
                  if index in used or index != IGNORE]  # fmt: skip
    for split, (images, annotations) in by_split.items():
        document = {"images": images, "annotations": annotations, "categories": categories}
        path = files.join(out, f"annotations/instances_{split or 'all'}.json")
        files.write_bytes(path, dump_json(document, separators=(",", ":")).encode())
    return []

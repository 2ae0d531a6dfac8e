"""The regions of many masks as one COCO file, which grows image by image."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pupila.core import files
from pupila.imaging.images.decode import Array
from pupila.imaging.regions import coco_regions
from pupila.stages.predict.rows import Output, Row
from pupila.tasks.segment import things

FILE = "annotations.json"
Annotation = dict[str, Any]


def annotations(mask: Array, classes: list[str]) -> list[Annotation]:
    """One for each connected region of a (H, W) mask, still without its number and that of its image."""
    return [
        {"category_id": index, "iscrowd": 0, **region}
        for index in things(classes)
        for region in coco_regions(mask == index)
    ]


@contextmanager
def annotating(
    output: Output, classes: list[str]
) -> Iterator[Callable[[Row, list[Annotation] | None], None]]:
    """What adds an image's row and its annotations; where no outlines are wanted they go nowhere.

    Raises:
        PupilaError: the file can't be written.
    """
    if output.folder is None or not output.polygons:
        yield lambda row, found: None
        return
    images: list[Row] = []
    numbers = iter(range(1, 2**63))
    with files.growing(f"{output.folder}/{FILE}") as part, part.open("w", encoding="utf-8") as stream:
        categories = [{"id": index, "name": name} for index, name in things(classes).items()]
        stream.write(f'{{"categories": {_json(categories)}, "annotations": [')

        def add(row: Row, found: list[Annotation] | None) -> None:
            if found is None:
                return
            size = {"width": row["width"], "height": row["height"]}
            images.append({"id": len(images) + 1, "file_name": row["image"], **size})
            for annotation in found:
                number = next(numbers)
                told = {"id": number, "image_id": len(images), **annotation}
                stream.write(("," if number > 1 else "") + "\n" + _json(told))

        yield add
        stream.write(f'],\n"images": {_json(images)}}}\n')


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False)

"""The regions of many masks as one COCO file, which grows image by image."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pupila.artifacts.predictions.prompt import PromptRow
from pupila.artifacts.predictions.rows import PredictionRow
from pupila.artifacts.predictions.segment import MaskRow
from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.imaging.images.decode import Array
from pupila.imaging.regions import coco_regions
from pupila.stages.predict.rows import Output
from pupila.tasks.segment import foreground_classes

FILE = "annotations.json"
Annotation = dict[str, Any]


def annotations(mask: Array, classes: list[str]) -> list[Annotation]:
    """An annotation for each connected region of an (H, W) mask, without its id and that of its image."""
    return [
        {"category_id": index, "iscrowd": 0, **region}
        for index in foreground_classes(classes)
        for region in coco_regions(mask == index)
    ]


@contextmanager
def coco_writer(
    output: Output, classes: list[str]
) -> Iterator[Callable[[PredictionRow, list[Annotation] | None], None]]:
    """A function that adds an image and its annotations; without --polygons it does nothing.

    Raises:
        PupilaError: the file can't be written.
    """
    if output.folder is None or not output.polygons:
        yield lambda row, regions: None
        return
    images: list[Annotation] = []
    numbers = iter(range(1, 2**63))
    with files.atomic_path(f"{output.folder}/{FILE}") as part, part.open("w", encoding="utf-8") as stream:
        categories = [{"id": index, "name": name} for index, name in foreground_classes(classes).items()]
        stream.write(f'{{"categories": {dump_json(categories)}, "annotations": [')

        def add(row: PredictionRow, regions: list[Annotation] | None) -> None:
            if regions is None or not isinstance(row, MaskRow | PromptRow):
                return
            size = {"width": row.width, "height": row.height}
            images.append({"id": len(images) + 1, "file_name": row.image, **size})
            for annotation in regions:
                number = next(numbers)
                entry = {"id": number, "image_id": len(images), **annotation}
                stream.write(("," if number > 1 else "") + "\n" + dump_json(entry))

        yield add
        stream.write(f'],\n"images": {dump_json(images)}}}\n')

"""YOLO: a text file of outlines for each image, and `data.yaml`."""

import json
from collections.abc import Iterable

from pupila.core import files
from pupila.core.messages import say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.contours import CENTRE, trace_contours
from pupila.stages.convert.item import MaskItem, outline_classes

_REQUIRED = ("train", "val")  # keys of data.yaml without which Ultralytics stops
_DIGITS = 8  # of a coordinate: below a thousandth of a pixel in images of any size


def write(items: Iterable[MaskItem], classes: tuple[str, ...], out: str) -> list[str]:
    """One line for each region: its class and its outline, normalized by width and height."""
    names = outline_classes(classes)
    numbers = {index: number for number, index in enumerate(names)}
    splits, used = set(), set()
    for item in items:
        height, width = item.mask.shape
        lines = []
        for index in item.class_indices(names):
            used.add(index)
            for ring in trace_contours(item.mask == index):
                values = (numbers[index], *((ring + CENTRE) / (width, height)).ravel())
                lines.append(" ".join(f"{number:.{_DIGITS}g}" for number in values) + "\n")
        splits.add(item.split)
        files.write_bytes(files.join(out, item.path("labels", ".txt")), "".join(lines).encode())
    folders = {split or _REQUIRED[0]: f"images/{split}".rstrip("/") for split in sorted(splits)}
    lacking = [key for key in _REQUIRED if key not in folders]
    named = next(key for key in (*_REQUIRED, *folders) if key in folders)
    folders |= dict.fromkeys(lacking, folders[named])  # last: an image counts in the split that comes first
    class_names = [name for index, name in names.items() if index in used or index != IGNORE]
    document = {**folders, "nc": len(class_names), "names": class_names}
    text = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in document.items())
    files.write_bytes(files.join(out, "data.yaml"), text.encode())
    return [
        say("The data have no {split} split: {key} in data.yaml names the images of {named}, because Ultralytics stops "
            "without it, and its validation figures will be optimistically biased. To split: {command}",
            split=key, key=f"{key}:", named=named, command="pupila split DATA")
        for key in lacking
    ]  # fmt: skip

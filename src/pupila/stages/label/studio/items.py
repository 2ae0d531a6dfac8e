"""Label Studio's native JSON: tasks with predictions are written, tasks with annotations are read."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

NAME, IMAGE = "label", "image"  # of the tags in the labelling configuration
OFFERED = "classes"  # field of a task: what its annotators can choose from
Json = dict[str, Any]  # in Label Studio's format


@dataclass(frozen=True, slots=True)
class Region:
    """One part of an annotation."""

    type: str
    value: Json  # of a form that depends on the type
    height: int | None  # of the image that it was drawn on, pixels
    width: int | None
    rotated: bool  # whether the image was rotated under it
    tag: str = ""  # name of the tag that it was made with

    @property
    def names(self) -> list[str]:
        """The classes that it is labelled with."""
        names = self.value.get(self.type)
        return [str(name) for name in names] if isinstance(names, list) else []


@dataclass(frozen=True, slots=True)
class Annotation:
    """The submitted answer of one annotator to one task."""

    regions: list[Region]
    annotator: str  # number, address or name
    time: str  # as Label Studio writes it
    seconds: float | None  # that it took
    offered: tuple[
        str, ...
    ] = ()  # classes to choose from, as the export of the task wrote them; empty: not known


@dataclass(frozen=True, slots=True)
class Item:
    """What Label Studio calls a task: an image and its annotations."""

    fields: Mapping[str, object]  # its data, as the export has them
    annotations: list[Annotation]  # without skipped ones


def read_items(path: str) -> list[Item]:
    """The tasks of a native JSON export.

    Raises:
        PupilaError: another format.
    """
    content = files.read_json(path)
    fitting = isinstance(content, list) and all(isinstance(item, dict) and "data" in item for item in content)
    if not fitting or not any("annotations" in item for item in content):
        keys = (
            sorted({key for item in content if isinstance(item, dict) for key in item})
            if isinstance(content, list)
            else []
        )
        raise PupilaError(
            say("{path} is not a native JSON export of Label Studio", path=path),
            actual=listing(keys, 8) or type(content).__name__, expected=say("tasks with data and annotations"),
            remedy=say("in Label Studio choose Export, JSON; JSON-MIN and COCO lose brush masks"),
        )  # fmt: skip
    return [_parse_item(item) for item in content]


def _parse_item(item: Json) -> Item:
    fields = item.get("data") or {}
    offered = fields.get(OFFERED)
    classes = tuple(map(str, offered)) if isinstance(offered, list) else ()
    annotations = [
        _parse_annotation(annotation, classes)
        for annotation in item.get("annotations") or []
        if not annotation.get("was_cancelled")
    ]
    return Item(fields, annotations)


def _parse_annotation(annotation: Json, offered: tuple[str, ...]) -> Annotation:
    seconds = annotation.get("lead_time")
    return Annotation(
        [_parse_region(region) for region in annotation.get("result") or []],
        _parse_annotator(annotation.get("completed_by")),
        str(annotation.get("updated_at") or annotation.get("created_at") or ""),
        float(seconds) if isinstance(seconds, int | float) else None,
        offered,
    )


def _parse_annotator(value: object) -> str:
    """The name of an annotator; Label Studio gives a number, or a record with an address."""
    if isinstance(value, dict):
        value = value.get("email") or value.get("username") or value.get("id")
    return "anonymous" if value is None else str(value)


def _parse_region(region: Json) -> Region:
    height, width = (region.get(f"original_{side}") for side in ("height", "width"))
    return Region(
        str(region.get("type")), region.get("value") or {}, int(height) if height else None,
        int(width) if width else None, bool(region.get("image_rotation")), str(region.get("from_name") or ""),
    )  # fmt: skip


def read_regions(items: Iterable[Item]) -> Iterator[Region]:
    """The regions of all annotations."""
    return (region for item in items for annotation in item.annotations for region in annotation.regions)


class ImageFinder:
    """Finds the image of a task by its hash, its path, or the end of its address."""

    def __init__(self, data: Dataset) -> None:
        digests, images = data.images["sha256"].to_list(), data.images["image"].to_list()
        self._digests = {digest: row for row, digest in enumerate(digests)}
        self._images = {image: row for row, image in enumerate(images)}
        self._names = images
        self._leaves: dict[str, list[int]] = {}
        for row, image in enumerate(images):
            self._leaves.setdefault(image.rpartition("/")[2], []).append(row)

    def find_row(self, item: Item) -> int | None:
        """The row of the data set; None without a match, or with several."""
        if (row := self._digests.get(str(item.fields.get("sha256")))) is not None:
            return row
        if (row := self._images.get(str(item.fields.get("path")))) is not None:
            return row
        addresses = [
            value
            for value in item.fields.values()
            if isinstance(value, str) and not value.startswith("data:")
        ]
        for path in map(_path_in_address, addresses):
            leaf = path.rpartition("/")[2]
            for name in (
                leaf,
                re.sub(r"^[0-9a-f]{8}-", "", leaf),
            ):  # an upload has a prefix of eight hex digits
                rows = self._leaves.get(name, [])
                whole = [row for row in rows if f"/{path}".endswith("/" + self._names[row])]
                if len(matches := whole or rows) == 1:
                    return matches[0]
        return None


def _path_in_address(address: str) -> str:
    """The path in an address, also in `/data/local-files/?d=...`."""
    parts = urlsplit(address)
    inner = parse_qs(parts.query).get("d")
    return inner[0] if inner else unquote(parts.path)

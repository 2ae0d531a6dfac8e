"""Labels to and from Label Studio, in its native JSON: its COCO export would lose brush masks."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import quoteattr

import polars as pl

from pupila.artifacts.dataset.labels import history, standing
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.masks.label_map import BACKGROUND, colours
from pupila.stages.label.review.app import mask_of
from pupila.stages.label.studio.brush import encode

NAME, IMAGE = "label", "image"  # of the tags in the labelling configuration
CONFIG = ".xml"
Item = dict[str, Any]  # what Label Studio calls a task


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    file: str
    config: str
    tasks: int
    predictions: int
    gone: int = 0  # masks that can't be read any more: their images have no prediction


@dataclass(frozen=True, slots=True)
class How:
    """How tasks name their images, and which are exported."""

    embed: bool = False  # images inside the JSON, instead of addresses of Label Studio's local files
    prefix: str | None = (
        None  # of an image's path below Label Studio's root for local files; None: the data's folder
    )
    without_label: bool = (
        False  # only images that have no label in force: never labelled, unsure, or rejected
    )


def export(data: Dataset, to: str, how: How) -> Exported:
    """Write tasks for Label Studio, each with the label that is there as a prediction, and the labelling configuration.

    Args:
        data: the data set.
        to: the JSON file; the configuration lies beside it.
        how: the images.

    Raises:
        PupilaError: no image is left to export.
    """
    told = standing(history(data.home))
    said = told.filter(pl.col("target").is_not_null())
    last = {row["sha256"]: row for row in said.iter_rows(named=True)}
    tasks, names, gone = [], list(data.classes), 0
    prefix = files.absolute(data.root).rpartition("/")[2] if how.prefix is None else how.prefix
    for row, (image, digest, target) in enumerate(
        data.images.select("image", "sha256", "target").iter_rows()
    ):
        if how.without_label and target is not None:
            continue
        source = _embedded(data, row) if how.embed else _local(prefix, image)
        item: Item = {"data": {IMAGE: source, "path": image, "sha256": digest}}
        shown = last[digest]["target"] if target is None and digest in last else target
        if shown is not None:
            if data.legend is None and shown not in names:
                names.append(shown)
            by = last[digest] if digest in last and last[digest]["target"] == shown else None
            try:
                item["predictions"] = [_prediction(data, row, shown, by)]
            except PupilaError:  # of a mask that was deleted since
                gone += 1
        tasks.append(item)
    if not tasks:
        raise PupilaError(
            say("No image is left to export"), found=data.root, wanted=say("images without a label")
        )
    config = to.removesuffix(".json") + CONFIG
    files.write_json(to, tasks)
    files.write_bytes(config, _config(data, names).encode())
    return Exported(to, config, len(tasks), sum("predictions" in item for item in tasks), gone)


def _local(prefix: str, image: str) -> str:
    """The address of a file below LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT."""
    return f"/data/local-files/?d={quote(files.join(prefix, image) if prefix else image)}"


def _embedded(data: Dataset, row: int) -> str:
    content = files.read_bytes(data.path(row))
    kind = str(data.images["format"][row]).lower()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _prediction(data: Dataset, row: int, target: str, by: dict[str, Any] | None) -> dict[str, Any]:
    if data.legend is None:
        result = [{**_region("choices", "c0"), "value": {"choices": [target]}}]
    else:
        height, width = data.images.select("height", "width").row(row)
        size = {"original_width": width, "original_height": height, "image_rotation": 0}
        mask = mask_of(data, row, target)
        result = [
            {
                **_region("brushlabels", f"m{index}"), **size,
                "value": {"format": "rle", "rle": encode(mask == index), "brushlabels": [name]},
            }
            for index, name in _drawn(data.classes)
            if (mask == index).any()
        ]  # fmt: skip
    found: dict[str, Any] = {"model_version": by["labeller"] if by else "given", "result": result}
    if by and by["confidence"] is not None:
        found["score"] = by["confidence"]
    return found


def _region(kind: str, number: str) -> dict[str, str]:
    return {"id": number, "type": kind, "from_name": NAME, "to_name": IMAGE}


def _drawn(classes: Sequence[str]) -> list[tuple[int, str]]:
    """The classes that are drawn: all but the background."""
    named = [name.strip().lower() in BACKGROUND for name in classes]
    plain = len(classes) == 2 and not any(named)
    return [(i, name) for i, name in enumerate(classes) if not named[i] and not (plain and i == 0)]


def _config(data: Dataset, names: Sequence[str]) -> str:
    """The labelling configuration: the classes to choose from, or to draw with."""
    if data.legend is None:
        tag, options = "Choices", [f"    <Choice value={quoteattr(name)}/>" for name in names]
        more = ' choice="single" showInline="true"'
    else:
        shown = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours(len(names)).tolist()]
        tag, more = "BrushLabels", ""
        options = [
            f"    <Label value={quoteattr(name)} background={quoteattr(shown[index])}/>"
            for index, name in _drawn(names)
        ]
    lines = [
        "<View>", f'  <Image name="{IMAGE}" value="${IMAGE}" zoom="true"/>',
        f'  <{tag} name="{NAME}" toName="{IMAGE}"{more}>', *options, f"  </{tag}>", "</View>", "",
    ]  # fmt: skip
    return "\n".join(lines)


class Finder:
    """Finds the image that a task shows: by its hash, its path, or the end of its address."""

    def __init__(self, data: Dataset) -> None:
        digests, images = data.images["sha256"].to_list(), data.images["image"].to_list()
        self._digests = {digest: row for row, digest in enumerate(digests)}
        self._images = {image: row for row, image in enumerate(images)}
        self._names = images
        self._leaves: dict[str, list[int]] = {}
        for row, image in enumerate(images):
            self._leaves.setdefault(image.rpartition("/")[2], []).append(row)

    def row(self, item: Item) -> int | None:
        """The row of the data set, or None where the image is not there, or may be several."""
        told = item.get("data") or {}
        if (row := self._digests.get(str(told.get("sha256")))) is not None:
            return row
        if (row := self._images.get(str(told.get("path")))) is not None:
            return row
        addresses = [
            value for value in told.values() if isinstance(value, str) and not value.startswith("data:")
        ]
        for path in map(_path_of, addresses):
            leaf = path.rpartition("/")[2]
            for name in (
                leaf,
                re.sub(r"^[0-9a-f]{8}-", "", leaf),
            ):  # an upload bears eight digits of its own before it
                rows = self._leaves.get(name, [])
                whole = [row for row in rows if f"/{path}".endswith("/" + self._names[row])]
                if len(found := whole or rows) == 1:
                    return found[0]
        return None


def _path_of(address: str) -> str:
    """The path that an address names, also inside `/data/local-files/?d=...`."""
    parts = urlsplit(address)
    inner = parse_qs(parts.query).get("d")
    return inner[0] if inner else unquote(parts.path)


def read_tasks(path: str) -> list[Item]:
    """The tasks of a native JSON export.

    Raises:
        PupilaError: another format.
    """
    told = files.read_json(path)
    fitting = isinstance(told, list) and all(isinstance(item, dict) and "data" in item for item in told)
    if not fitting or not any("annotations" in item for item in told):
        keys = (
            sorted({key for item in told if isinstance(item, dict) for key in item})
            if isinstance(told, list)
            else []
        )
        raise PupilaError(
            say("{path} is no export of Label Studio's in its native JSON", path=path),
            found=listing(keys, 8) or type(told).__name__, wanted=say("tasks with data and annotations"),
            remedy=say("Export, JSON (neither JSON-MIN nor COCO: they lose brush masks)"),
        )  # fmt: skip
    return list(told)

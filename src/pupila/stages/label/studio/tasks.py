"""Exports labels to Label Studio in its native JSON; its COCO format would lose brush masks."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import quoteattr

import polars as pl

from pupila.artifacts.dataset.labels import drop_retracted, read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.masks.label_map import BACKGROUND, class_colours
from pupila.stages.label.mask_files import read_mask
from pupila.stages.label.studio.brush import encode

NAME, IMAGE = "label", "image"  # of the tags in the labelling configuration
CONFIG = ".xml"
Item = dict[str, Any]  # what Label Studio calls a task


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The written files and their contents."""

    file: str
    config: str
    tasks: int
    predictions: int
    missing_masks: int = 0  # masks that were deleted; their images have no prediction


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Which images are exported, and how tasks refer to them."""

    embed: bool = False  # images inside the JSON, instead of addresses of local files
    prefix: str | None = None  # folder of the data below the root of local files; None: its name
    without_label: bool = False  # only images without a label in force: never labelled, unsure, or rejected


def export_tasks(data: Dataset, to: str, options: ExportOptions) -> ExportResult:
    """Write tasks for Label Studio, each with its current label as a prediction, and the labelling configuration.

    Args:
        data: the data set.
        to: the JSON file; the configuration is written beside it.
        options: the images.

    Raises:
        PupilaError: no image to export.
    """
    labels = drop_retracted(read_history(data.home))
    targets = labels.filter(pl.col("target").is_not_null())
    last = {row["sha256"]: row for row in targets.iter_rows(named=True)}
    tasks, names, missing_masks = [], list(data.classes), 0
    prefix = files.absolute(data.root).rpartition("/")[2] if options.prefix is None else options.prefix
    for row, (image, digest, target) in enumerate(
        data.images.select("image", "sha256", "target").iter_rows()
    ):
        if options.without_label and target is not None:
            continue
        source = _embed_image(data, row) if options.embed else _local_address(prefix, image)
        item: Item = {"data": {IMAGE: source, "path": image, "sha256": digest}}
        shown = last[digest]["target"] if target is None and digest in last else target
        if shown is not None:
            if data.label_map is None and shown not in names:
                names.append(shown)
            by = last[digest] if digest in last and last[digest]["target"] == shown else None
            try:
                item["predictions"] = [_make_prediction(data, row, shown, by)]
            except PupilaError:  # of a mask that was deleted since
                missing_masks += 1
        tasks.append(item)
    if not tasks:
        raise PupilaError(
            say("There are no images to export"), actual=data.root, expected=say("images without a label")
        )
    config = to.removesuffix(".json") + CONFIG
    files.write_json(to, tasks)
    files.write_bytes(config, _make_config(data, names).encode())
    return ExportResult(to, config, len(tasks), sum("predictions" in item for item in tasks), missing_masks)


def _local_address(prefix: str, image: str) -> str:
    """The address of a file below LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT."""
    return f"/data/local-files/?d={quote(files.join(prefix, image) if prefix else image)}"


def _embed_image(data: Dataset, row: int) -> str:
    content = files.read_bytes(data.path(row))
    kind = str(data.images["format"][row]).lower()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _make_prediction(data: Dataset, row: int, target: str, by: dict[str, Any] | None) -> dict[str, Any]:
    if data.label_map is None:
        result = [{**_make_region("choices", "c0"), "value": {"choices": [target]}}]
    else:
        height, width = data.images.select("height", "width").row(row)
        size = {"original_width": width, "original_height": height, "image_rotation": 0}
        mask = read_mask(data, row, target)
        result = [
            {
                **_make_region("brushlabels", f"m{index}"), **size,
                "value": {"format": "rle", "rle": encode(mask == index), "brushlabels": [name]},
            }
            for index, name in _drawn_classes(data.classes)
            if (mask == index).any()
        ]  # fmt: skip
    prediction: dict[str, Any] = {"model_version": by["labeller"] if by else "given", "result": result}
    if by and by["confidence"] is not None:
        prediction["score"] = by["confidence"]
    return prediction


def _make_region(kind: str, number: str) -> dict[str, str]:
    return {"id": number, "type": kind, "from_name": NAME, "to_name": IMAGE}


def _drawn_classes(classes: Sequence[str]) -> list[tuple[int, str]]:
    """The classes to draw: all but the background."""
    named = [name.strip().lower() in BACKGROUND for name in classes]
    plain = len(classes) == 2 and not any(named)
    return [(i, name) for i, name in enumerate(classes) if not named[i] and not (plain and i == 0)]


def _make_config(data: Dataset, names: Sequence[str]) -> str:
    """The labelling configuration: the classes to choose from, or to draw with."""
    if data.label_map is None:
        tag, options = "Choices", [f"    <Choice value={quoteattr(name)}/>" for name in names]
        more = ' choice="single" showInline="true"'
    else:
        shown = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in class_colours(len(names)).tolist()]
        tag, more = "BrushLabels", ""
        options = [
            f"    <Label value={quoteattr(name)} background={quoteattr(shown[index])}/>"
            for index, name in _drawn_classes(names)
        ]
    lines = [
        "<View>", f'  <Image name="{IMAGE}" value="${IMAGE}" zoom="true"/>',
        f'  <{tag} name="{NAME}" toName="{IMAGE}"{more}>', *options, f"  </{tag}>", "</View>", "",
    ]  # fmt: skip
    return "\n".join(lines)


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
        fields = item.get("data") or {}
        if (row := self._digests.get(str(fields.get("sha256")))) is not None:
            return row
        if (row := self._images.get(str(fields.get("path")))) is not None:
            return row
        addresses = [
            value for value in fields.values() if isinstance(value, str) and not value.startswith("data:")
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


def read_tasks(path: str) -> list[Item]:
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
    return list(content)

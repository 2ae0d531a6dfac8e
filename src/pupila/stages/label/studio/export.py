"""Exports labels to Label Studio in its native JSON; its COCO format would lose brush masks."""

import base64
from dataclasses import dataclass
from urllib.parse import quote

import polars as pl

from pupila.artifacts.dataset.formats.tools.studio_tasks import HASH_FIELD, PATH_FIELD, Json
from pupila.artifacts.dataset.labelling.history import read_settled_history
from pupila.artifacts.dataset.labels import drop_retracted
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.label.studio.formats import export_format
from pupila.stages.label.studio.items import IMAGE
from pupila.stages.label.studio.studio_format import StudioFormat

CONFIG = ".xml"


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


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label in the history."""

    target: str
    labeller: str
    confidence: float | None


def export_tasks(data: Dataset, to: str, options: ExportOptions) -> ExportResult:
    """Write tasks for Label Studio, each with its current label as a prediction, and the labelling configuration.

    Args:
        data: the data set.
        to: the JSON file; the configuration is written beside it.
        options: the images.

    Raises:
        PupilaError: no image to export.
    """
    last = _read_last_labels(data)
    prefix = files.absolute(data.root).rpartition("/")[2] if options.prefix is None else options.prefix
    images = list(data.images.select("image", "sha256", "target").iter_rows())
    rows = [
        row for row, (*_, target) in enumerate(images) if not (options.without_label and target is not None)
    ]
    shown = {row: _choose_target(images[row][2], last.get(images[row][1])) for row in rows}
    studio = export_format(data, [target for target in shown.values() if target is not None])
    items, missing_masks = [], 0
    for row, target in shown.items():
        image, digest, _ = images[row]
        source = _embed_image(data, row) if options.embed else _local_address(prefix, image)
        item: Json = {"data": {IMAGE: source, PATH_FIELD: image, HASH_FIELD: digest, **studio.task_fields()}}
        if target is not None:
            label = last.get(digest)
            try:
                item["predictions"] = [
                    _make_prediction(studio, row, target, label if label and label.target == target else None)
                ]
            except PupilaError:  # of a mask that was deleted since
                missing_masks += 1
        items.append(item)
    if not items:
        raise PupilaError(
            say("There are no images to export"), actual=data.root, expected=say("images without a label")
        )
    config = to.removesuffix(".json") + CONFIG
    files.write_json(to, items)
    files.write_bytes(config, _make_config(studio).encode())
    return ExportResult(to, config, len(items), sum("predictions" in item for item in items), missing_masks)


def _read_last_labels(data: Dataset) -> dict[str, LabelRow]:
    """The last label that was given to each image, even if it is not in force, by the hash of the image."""
    labels = drop_retracted(read_settled_history(data)).filter(pl.col("target").is_not_null())
    return {
        digest: LabelRow(*label)
        for digest, *label in labels.select("sha256", "target", "labeller", "confidence").iter_rows()
    }


def _choose_target(in_force: str | None, last: LabelRow | None) -> str | None:
    """The label in force; without one, the last one that was given, so that it can be corrected."""
    return last.target if in_force is None and last is not None else in_force


def _local_address(prefix: str, image: str) -> str:
    """The address of a file below LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT."""
    return f"/data/local-files/?d={quote(files.join(prefix, image) if prefix else image)}"


def _embed_image(data: Dataset, row: int) -> str:
    content = files.read_bytes(data.path(row))
    kind = str(data.images["format"][row]).lower()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _make_prediction(studio: StudioFormat, row: int, target: str, label: LabelRow | None) -> Json:
    """The label of a row as a prediction; `label` is its row of the history, if there is one."""
    prediction: Json = {
        "model_version": label.labeller if label else "given",
        "result": studio.regions(row, target),
    }
    if label and label.confidence is not None:
        prediction["score"] = label.confidence
    return prediction


def _make_config(studio: StudioFormat) -> str:
    """The labelling configuration: the classes to choose from, or to draw with."""
    image = f'  <Image name="{IMAGE}" value="${IMAGE}" zoom="true"/>'
    return "\n".join(["<View>", image, *studio.control_tag(), "</View>", ""])

"""VIA, the VGG Image Annotator 1 and 2: a project, its annotations as JSON, or as CSV."""

import csv
import io
import json
from collections.abc import Iterable
from functools import partial
from math import degrees
from typing import Any

from pupila.artifacts.dataset.formats.tables.table_file import VIA_SHAPES
from pupila.artifacts.dataset.formats.tables.text_tables import decode_text
from pupila.artifacts.dataset.formats.tools import outlines
from pupila.artifacts.dataset.formats.tools.annotation_attributes import (
    Values,
    choose_attribute,
    describe_choice,
)
from pupila.artifacts.dataset.formats.tools.annotation_file import (
    RECTANGLE,
    TAG,
    UNLABELLED,
    AnnotatedImage,
    Annotation,
    AnnotationFile,
    names_class,
    region_records,
)
from pupila.core import files
from pupila.core.messages import say

_PROJECT = "_via_img_metadata"
_FOREGROUND = "foreground"  # the class of regions without attributes
_NO_NAME = "\0"  # before a value that is neither a text nor a number, as `true` or a list
_COLUMNS = (VIA_SHAPES, "region_attributes", "file_attributes")  # of a CSV file, JSON in each cell
_LONGEST = 2**31 - 1  # characters of a cell
Json = dict[str, Any]


def read_csv(uri: str) -> list[Json]:
    """The rows of a CSV file.

    Raises:
        OSError: it can't be read.
    """
    csv.field_size_limit(_LONGEST)  # Python's own limit is less than the run lengths of one mask
    rows = csv.DictReader(io.StringIO(decode_text(files.read_bytes(uri))))
    return [{str(key).lstrip("#").strip(): cell for key, cell in row.items()} for row in rows]


def parse(content: Any, uri: str) -> AnnotationFile | None:
    """The content of VIA's file; None where it is something else.

    Args:
        content: of a JSON file, or the rows of a CSV file.
        uri: of the file, for messages.

    Raises:
        PupilaError: a region is no record.
    """
    if isinstance(content, list):
        if not content or not all(isinstance(row, dict) and VIA_SHAPES in row for row in content):
            return None
        content = _unite_rows(content)
    records = content.get(_PROJECT, content) if isinstance(content, dict) else None
    if not isinstance(records, dict) or not all(map(_is_record, records.values())) or not records:
        return None
    images = {key: AnnotatedImage(str(record["filename"])) for key, record in records.items()}
    regions = [(key, region) for key, record in records.items() for region in _regions(record, uri)]
    if regions:
        values = _collect_values(region.get("region_attributes") for _, region in regions)
        shapes = [(key, region.get("shape_attributes") or {}) for key, region in regions]
        return _read(images, shapes, values)
    values = _collect_values(record.get("file_attributes") for record in records.values())
    unlabelled = {key: AnnotatedImage(image.file_name, annotated=False) for key, image in images.items()}
    return _read(unlabelled, [(key, None) for key in images], values)


def _unite_rows(rows: list[Json]) -> Json:
    """The rows of a CSV file as the records that VIA writes to JSON."""
    records: Json = {}
    for row in rows:
        key = f"{row.get('filename')}{row.get('file_size') or ''}"
        shape, attributes, of_file = (_load_cell(row.get(column)) for column in _COLUMNS)
        record = records.setdefault(
            key, {"filename": row.get("filename"), "regions": [], "file_attributes": of_file}
        )
        if shape:
            record["regions"].append({"shape_attributes": shape, "region_attributes": attributes})
    return records


def _load_cell(cell: Any) -> Json:
    try:
        content = json.loads(cell or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict) and "filename" in record and isinstance(record.get("regions"), list | dict)
    )


def _regions(record: Json, uri: str) -> list[Json]:
    """The regions of a record; version 1 numbers them in a dictionary."""
    regions = record["regions"]
    return region_records([*regions.values()] if isinstance(regions, dict) else regions, uri)


def _collect_values(attributes: Iterable[Any]) -> Values:
    """The values of each attribute, one list for each dictionary: a text, or the ticked options of a checkbox."""
    rows = [each if isinstance(each, dict) else {} for each in attributes]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_values(row.get(name)) for row in rows] for name in names}


def _values(raw: Any) -> list[str]:
    if isinstance(raw, dict):
        return [str(option) for option, ticked in raw.items() if ticked]
    text = "" if raw is None else str(raw).strip()
    if not names_class(raw):
        return [f"{_NO_NAME}{text}"] if text else []
    return [text] if text and text != "undefined" else []


def _read(images: dict[str, AnnotatedImage], shapes: list[tuple[str, Any]], values: Values) -> AnnotationFile:
    """The file by the attribute that names the classes; all its readings where several may.

    Args:
        images: by their key.
        shapes: the key of the image and the shape of each annotation; no shape: it is about the whole image.
        values: of each attribute, one list for each annotation.
    """
    readings = {name: _read_attribute(images, shapes, lists) for name, lists in values.items() if any(lists)}
    if not readings:
        placed = [(key, shape) for key, shape in shapes if shape is not None]
        note = say("No region has an attribute: all count as {name}.", name=_FOREGROUND)
        picked = _read_attribute(images, placed, [[_FOREGROUND] for _ in placed])
        return AnnotationFile(picked.images, picked.annotations, picked.names, [], [note] if placed else [])
    chosen = choose_attribute(values)
    if chosen is None:
        return AnnotationFile(images, {}, [], readings=readings)
    picked, others = readings[chosen], readings if len(readings) > 1 else {}
    notes = describe_choice(values, chosen)
    return AnnotationFile(picked.images, picked.annotations, picked.names, picked.label_names, notes, others)


def _read_attribute(
    images: dict[str, AnnotatedImage], shapes: list[tuple[str, Any]], lists: Any
) -> AnnotationFile:
    """The file whose classes are named by these values, one list for each shape.

    What stands for a class and names none makes the region unreadable: its object would vanish.
    """
    annotations: dict[str, list[Annotation]] = {}
    for (key, shape), names in zip(shapes, lists, strict=True):
        labels = [Annotation(UNLABELLED if name.startswith(_NO_NAME) else name, shape=TAG) for name in names]
        parsed = labels if shape is None else [_parse_shape(shape, names)]
        if parsed:
            annotations.setdefault(key, []).extend(parsed)
    used = list(dict.fromkeys(name for names in lists for name in names if not name.startswith(_NO_NAME)))
    whole = all(shape is None for _, shape in shapes)
    return AnnotationFile(images, annotations, [] if whole else used, used if whole else [])


def _parse_shape(shape: Any, names: list[str]) -> Annotation:
    """A region; several ticked options are no class, and no option is no label."""
    if len(names) > 1:
        return Annotation(names[0], partial(_refuse_several, names))
    category = names[0] if names else UNLABELLED
    if category.startswith(_NO_NAME):
        return Annotation(UNLABELLED, partial(_refuse_class, category.removeprefix(_NO_NAME)))
    get = shape.get if isinstance(shape, dict) else {}.get
    match kind := str(get("name")):
        case "polygon":
            return Annotation(category, partial(_draw_polygon, get("all_points_x"), get("all_points_y")))
        case "rect":
            outline = outlines.rectangle(get("x"), get("y"), get("width"), get("height"))
            return Annotation(category, outline, shape=RECTANGLE)
        case "circle":
            return Annotation(category, outlines.ellipse(get("cx"), get("cy"), get("r"), get("r")))
        case "ellipse":
            theta = get("theta") or 0
            turn = degrees(theta) if isinstance(theta, int | float) else theta
            return Annotation(category, outlines.ellipse(get("cx"), get("cy"), get("rx"), get("ry"), turn))
    return Annotation(category, shape=kind)


def _refuse_class(text: str) -> Any:
    raise ValueError(say("one region has a class that is no text: {text}", text=text))


def _refuse_several(names: list[str]) -> Any:
    raise ValueError(say("one region has several classes: {names}", names=", ".join(names)))


def _draw_polygon(across: Any, down: Any) -> Any:
    if not isinstance(across, list) or not isinstance(down, list) or len(across) != len(down):
        raise ValueError(say("its outline is not a list of points"))
    return outlines.contour(list(zip(across, down, strict=True)))()

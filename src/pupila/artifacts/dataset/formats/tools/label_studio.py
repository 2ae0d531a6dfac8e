"""Label Studio's own JSON, also JSON-MIN: tasks with regions in percent of the image, brushes and choices."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from math import cos, radians, sin
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pupila.artifacts.dataset.formats.tools import outlines
from pupila.artifacts.dataset.formats.tools.annotation_attributes import choose_attribute, describe_choice
from pupila.artifacts.dataset.formats.tools.annotation_file import (
    RECTANGLE,
    TAG,
    UNLABELLED,
    AnnotatedImage,
    Annotation,
    AnnotationFile,
    class_name,
    dictionaries,
    region_records,
)
from pupila.core import files
from pupila.core.messages import say, say_count
from pupila.core.vocabulary import IMAGE_SUFFIXES
from pupila.imaging.masks import brush
from pupila.imaging.regions import to_rle

_CHOICES = "choices"
_UPLOAD = re.compile(r"^[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of an uploaded file
_OWN_KEYS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"}  # of JSON-MIN
_NO_REGION = {"relation", "textarea", "rating", "number", "pairwise", "ranker"}  # types of results
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Task:
    """An image, and the results of the annotation that counts."""

    image: str
    results: list[Json]
    annotated: bool
    further: int = 0  # annotations of other people, which are passed over
    cancelled: int = 0  # annotations that their author has skipped


def parse(content: Any, uri: str) -> AnnotationFile | None:
    """The content of an export; None where it is something else.

    Args:
        content: of a JSON file.
        uri: of the file, for messages.

    Raises:
        PupilaError: a result is no record.
    """
    if not isinstance(content, list) or not content or not all(isinstance(item, dict) for item in content):
        return None
    if all(_is_task(item) for item in content):
        tasks = [_parse_task(item, uri) for item in content]
    elif all(_is_minimal(item) for item in content):
        tasks = [_parse_minimal(item) for item in content]
    else:
        return None
    known = [(f"{number}", task) for number, task in enumerate(tasks) if task.image]
    if not known:
        return None
    images = {key: _make_image(task) for key, task in known}
    results = [(key, result) for key, task in known for result in task.results]
    regions = [(key, result) for key, result in results if _kind(result) != _CHOICES]
    annotations: dict[str, list[Annotation]] = {}
    for key, result in regions:
        annotations.setdefault(key, []).extend(_parse_region(result))
    names = list(dict.fromkeys(each.category for some in annotations.values() for each in some))
    notes = _describe_further(sum(task.further for _, task in known))
    notes += _describe_cancelled(sum(task.cancelled for _, task in known))
    file = AnnotationFile(images, annotations, names, [], notes)
    return _with_choices(file, [(key, result) for key, result in results if _kind(result) == _CHOICES])


def _is_task(item: Json) -> bool:
    given = item.get("annotations", item.get("completions"))
    return isinstance(item.get("data"), dict) and (isinstance(given, list) or "predictions" in item)


def _parse_task(item: Json, uri: str) -> _Task:
    given = item.get("annotations", item.get("completions")) or []
    submitted = [each for each in given if isinstance(each, dict) and not each.get("was_cancelled")]
    results = [_results(each.get("result"), uri) for each in submitted]
    targets = [str(result.get("to_name")) for some in results for result in some]
    image = _find_image(item["data"], targets)
    cancelled = sum(isinstance(each, dict) and bool(each.get("was_cancelled")) for each in given)
    if not submitted:
        return _Task(image, [], annotated=False, cancelled=cancelled)
    best = max(
        range(len(submitted)), key=lambda n: (bool(submitted[n].get("ground_truth")), _time(submitted[n]))
    )
    further = len(submitted) - 1
    return _Task(image, results[best], annotated=True, further=further, cancelled=cancelled)


def _time(annotation: Json) -> str:
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _results(raw: Any, uri: str) -> list[Json]:
    """The results that are about the image or parts of it; choices about one region are left out."""
    records = region_records(raw if isinstance(raw, list) else [raw], uri)
    results = [each for each in records if _kind(each) not in _NO_REGION]
    region_records([each.get("value") for each in results], uri)
    placed = {str(each.get("id")) for each in results if _kind(each) != _CHOICES}
    return [
        each for each in results if _kind(each) != _CHOICES or str(each.get("id")) not in placed - {"None"}
    ]


def _is_minimal(item: Json) -> bool:
    if "data" in item or not item.keys() & {"annotation_id", "annotator", "lead_time"}:
        return any("original_width" in region for value in item.values() for region in dictionaries(value))
    return bool(_find_image(item, []))


def _parse_minimal(item: Json) -> _Task:
    image, results = _find_image(item, []), []
    for name, value in item.items():
        if name in _OWN_KEYS or value == image:
            continue
        results += [
            {"from_name": name, "type": _minimal_kind(region), "value": region, **_sizes(region)}
            for region in dictionaries(value)
        ]
        chosen = value if isinstance(value, str) else value.get(_CHOICES) if isinstance(value, dict) else None
        if chosen and files.suffix(_address_path(str(chosen))) not in IMAGE_SUFFIXES:
            names = chosen if isinstance(chosen, list) else [chosen]
            results.append({"from_name": name, "type": _CHOICES, "value": {_CHOICES: names}})
    return _Task(image, results, annotated=bool(results) or "annotation_id" in item)


def _minimal_kind(region: Json) -> str:
    return next((str(key) for key in region if str(key).endswith("labels")), "labels")


def _sizes(region: Json) -> Json:
    return {key: region.get(key) for key in ("original_width", "original_height")}


def _find_image(fields: Json, targets: Iterable[str]) -> str:
    """The address of the image: where there are several, that of the field that regions refer to, or the first."""
    addresses = {
        name: value for name, value in fields.items()
        if isinstance(value, str) and files.suffix(_address_path(value)) in IMAGE_SUFFIXES
    }  # fmt: skip
    named = next((addresses[name] for name in targets if name in addresses), None)
    return named or next(iter(addresses.values()), "")


def _address_path(address: str) -> str:
    """The path of the file that an address names: of local files, of uploads, or of a store."""
    parts = urlsplit(address)
    if local := parse_qs(parts.query).get("d"):
        return local[0]
    path = unquote(parts.path)
    if path.startswith("/data/upload/"):  # below it lie folders with the numbers of projects
        return path.rpartition("/")[2]
    return address if parts.scheme else path.lstrip("/")


def _make_image(task: _Task) -> AnnotatedImage:
    path = _address_path(task.image)
    folder, _, name = path.rpartition("/")
    original = _UPLOAD.sub("", name)
    sizes = next(((each.get("original_height"), each.get("original_width")) for each in task.results
                  if each.get("original_width")), (None, None))  # fmt: skip
    return AnnotatedImage(
        path, *sizes, annotated=task.annotated, fallback=original if original != name or folder else ""
    )


def _kind(result: Json) -> str:
    return str(result.get("type"))


def _parse_region(result: Json) -> Iterator[Annotation]:
    """A region, once for each of its labels; taxonomies and other types have no area."""
    kind, value = _kind(result), result["value"]
    labels = value.get(kind) or value.get("labels")
    labels = labels if isinstance(labels, list) else [labels]
    names = [class_name(name) for name in labels]
    size = result.get("original_height"), result.get("original_width")
    for name in names or [UNLABELLED]:
        if "rle" in value:
            yield Annotation(name, partial(_draw_brush, value["rle"], size))
        elif "points" in value:
            yield Annotation(name, partial(_draw_polygon, value["points"], size))
        elif "radiusX" in value:
            yield Annotation(name, partial(_draw_ellipse, value, size))
        elif {"x", "y", "width", "height"} <= value.keys():
            yield Annotation(name, partial(_draw_rectangle, value, size), shape=RECTANGLE)
        else:
            yield Annotation(name, shape=kind.removesuffix("labels") or kind)


def _with_choices(file: AnnotationFile, choices: list[tuple[str, Json]]) -> AnnotationFile:
    """The file with choices about whole images; where several questions were asked, with the one that names classes."""
    questions = dict.fromkeys(str(result.get("from_name") or "") for _, result in choices)
    if not questions:
        return file
    by_image: dict[str, dict[str, list[str]]] = {name: {key: [] for key in file.images} for name in questions}
    for key, result in choices:
        chosen = result["value"].get(_CHOICES)
        names = chosen if isinstance(chosen, list) else [chosen]
        by_image[str(result.get("from_name") or "")][key] += [
            class_name(name) for name in names if name is not None
        ]
    readings = {name: _with_tags(file, of_image) for name, of_image in by_image.items()}
    values = {name: [v for v in of_image.values() if v] for name, of_image in by_image.items()}
    chosen = choose_attribute(values)
    if chosen is None:
        return AnnotationFile(file.images, file.annotations, file.names, [], file.notes, readings)
    picked, notes = readings[chosen], [*file.notes, *describe_choice(values, chosen)]
    return AnnotationFile(picked.images, picked.annotations, picked.names, picked.label_names, notes,
                          readings if len(readings) > 1 else {})  # fmt: skip


def _with_tags(file: AnnotationFile, of_image: dict[str, list[str]]) -> AnnotationFile:
    annotations = {
        key: [*file.annotations.get(key, []), *(Annotation(name, shape=TAG) for name in of_image[key])]
        for key in file.images
    }
    names = list(dict.fromkeys(name for some in of_image.values() for name in some))
    non_empty = {key: some for key, some in annotations.items() if some}
    return AnnotationFile(file.images, non_empty, file.names, names, file.notes)


def _describe_further(further: int) -> list[str]:
    return [say_count("{n} further annotation of an image is not used: the ground truth counts, or else the last.",
                      "{n} further annotations of images are not used: the ground truth counts, or else the last.",
                      further)] if further else []  # fmt: skip


def _describe_cancelled(cancelled: int) -> list[str]:
    return [say_count("{n} annotation is not used: it was cancelled (was_cancelled).",
                      "{n} annotations are not used: they were cancelled (was_cancelled).",
                      cancelled)] if cancelled else []  # fmt: skip


def _pixels(size: tuple[Any, Any]) -> tuple[float, float]:
    """Pixels of a percent: down and across."""
    try:
        height, width = (float(side) / 100 for side in size)
    except (TypeError, ValueError) as fault:
        raise ValueError(say("the size of its image is not known")) from fault
    return height, width


def _scale_values(value: Json, names: dict[str, float]) -> list[float]:
    try:
        return [float(value.get(name) or 0) * scale for name, scale in names.items()]
    except (TypeError, ValueError) as fault:
        raise ValueError(say("its outline is not made of numbers")) from fault


def _draw_polygon(points: Any, size: tuple[Any, Any]) -> Any:
    down, across = _pixels(size)
    (ring,) = outlines.polygon(points)()
    return [[each * (down if place % 2 else across) for place, each in enumerate(ring)]]


def _draw_ellipse(value: Json, size: tuple[Any, Any]) -> Any:
    down, across = _pixels(size)
    scales = {"x": across, "y": down, "radiusX": across, "radiusY": down, "rotation": 1.0}
    return outlines.ellipse(*_scale_values(value, scales))()


def _draw_rectangle(value: Json, size: tuple[Any, Any]) -> Any:
    """Turned clockwise around its upper left corner, in degrees."""
    down, across = _pixels(size)
    scales = {"x": across, "y": down, "width": across, "height": down, "rotation": 1.0}
    x, y, width, height, turn = _scale_values(value, scales)
    right = cos(radians(turn)) * width, sin(radians(turn)) * width
    below = -sin(radians(turn)) * height, cos(radians(turn)) * height
    corners = ((0, 0), right, (right[0] + below[0], right[1] + below[1]), below)
    return outlines.polygon([(x + dx, y + dy) for dx, dy in corners])()


def _draw_brush(numbers: Any, size: tuple[Any, Any]) -> Any:
    try:
        height, width = (int(side) for side in size)
    except (TypeError, ValueError) as fault:
        raise ValueError(say("the size of its image is not known")) from fault
    return to_rle(brush.decode(numbers, height, width))

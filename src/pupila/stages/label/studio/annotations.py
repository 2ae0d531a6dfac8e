"""Imports the annotations of a Label Studio export into the label history."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import cos, radians, sin
from typing import Any

import numpy as np

from pupila.artifacts.dataset.labels import Label, append_labels, read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import SAME_SHAPE, resize_mask
from pupila.imaging.masks.label_map import LabelMap
from pupila.imaging.regions import fill_polygons
from pupila.stages.label.mask_files import choose_label_map, fill_index, write_mask
from pupila.stages.label.studio.brush import decode
from pupila.stages.label.studio.tasks import ImageFinder, Item, read_tasks

NOTE = "label-studio"
_SIZE_KEYS = ("height", "width")


@dataclass(slots=True)
class ImportResult:
    """The result of an import."""

    labels: int = 0  # rows added to the history
    already_imported: int = 0  # annotations of an earlier import
    unsure: int = 0  # of the labels: submitted without a choice
    masks: int = 0  # of the labels
    skipped: Counter[str] = field(default_factory=Counter)  # count per reason


class _UnusableAnnotation(Exception):
    """An annotation that can't be imported; its text is the reason."""


def import_annotations(data: Dataset, path: str) -> ImportResult:
    """Add the annotations of an export to the history, each as a label of its annotator, and write their masks.

    Args:
        data: the data set.
        path: of the export; annotations of an earlier import are not added again.

    Raises:
        PupilaError: not a native export; no image of the data set; or classes that the masks do not have.
    """
    tasks, finder, result = read_tasks(path), ImageFinder(data), ImportResult()
    matches = [(row, item) for item in tasks if (row := finder.find_row(item)) is not None]
    if not matches:
        raise PupilaError(
            say("The tasks contain no image of the data set"),
            actual=listing(_list_images(tasks), 3),
            expected=data.root,
        )
    if len(matches) < len(tasks):
        result.skipped[say("image not in the data set")] += len(tasks) - len(matches)
    drawn = [kind for _, item in matches for kind in _read_region_classes(item)]
    label_map = choose_label_map(data, drawn) if drawn or data.label_map is not None else None
    labels_history = read_history(data.home)
    before = set(
        labels_history.select("sha256", "labeller", "time").iter_rows()
    )  # the note is left out: every export has another file name
    labels: list[Label] = []
    for row, annotation in _read_annotations(matches):
        if (data.images["sha256"][row], _annotator(annotation), _time(annotation)) in before:
            result.already_imported += 1
            continue
        try:
            labels.append(_make_label(data, row, annotation, label_map, path))
        except _UnusableAnnotation as fault:
            result.skipped[str(fault)] += 1
    append_labels(data.home, labels)
    result.labels, result.unsure = len(labels), sum(label.target is None for label in labels)
    result.masks = 0 if label_map is None else result.labels - result.unsure
    return result


def _list_images(tasks: list[Item]) -> list[str]:
    return [str((item.get("data") or {}).get("image", ""))[:80] for item in tasks]


def _read_annotations(matches: list[tuple[int, Item]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Submitted annotations in the order of their time; skipped ones are left out."""
    annotations = [
        (_time(annotation), row, annotation)
        for row, item in matches
        for annotation in item.get("annotations") or []
        if not annotation.get("was_cancelled")
    ]
    return ((row, annotation) for _, row, annotation in sorted(annotations, key=lambda entry: entry[:2]))


def _read_region_classes(item: Item) -> Iterator[str]:
    for annotation in item.get("annotations") or []:
        for region in annotation.get("result") or []:
            if region.get("type") in _SHAPES:
                yield from (region.get("value") or {}).get(region["type"]) or []


def _make_label(
    data: Dataset, row: int, annotation: dict[str, Any], label_map: LabelMap | None, path: str
) -> Label:
    result = annotation.get("result") or []
    readable = {*_NOT_DRAWN, *(() if label_map is None else _SHAPES)}
    for kind in (str(region.get("type")) for region in result):
        if kind not in readable:
            raise _UnusableAnnotation(say("unsupported region type {type}", type=kind))
    if label_map is None:
        target = _read_choice(result)
    else:
        mask = _draw_mask(result, data.images.select("height", "width").row(row), label_map)
        target = None if (mask == IGNORE).all() else write_mask(data, row, mask, label_map)
    image, digest = data.images.select("image", "sha256").row(row)
    seconds = annotation.get("lead_time")
    return Label(
        image, digest, _annotator(annotation), True, target, _time(annotation),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        note=f"{NOTE}: {files.absolute(path).rpartition('/')[2]}",
    )  # fmt: skip


def _time(annotation: dict[str, Any]) -> str:
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _annotator(annotation: dict[str, Any]) -> str:
    """The labeller of an annotation; Label Studio gives a number, or a record with an address."""
    name = annotation.get("completed_by")
    if isinstance(name, dict):
        name = name.get("email") or name.get("username") or name.get("id")
    return f"annotator:{'anonymous' if name is None else name}"


def _read_choice(result: list[dict[str, Any]]) -> str | None:
    """The class; None without a choice: unsure."""
    chosen = [
        name
        for region in result
        if region.get("type") == "choices"
        for name in region["value"].get("choices", [])
    ]
    if len(set(chosen)) > 1:
        raise _UnusableAnnotation(say("several classes for one image"))
    return str(chosen[0]) if chosen else None


def _draw_mask(result: list[dict[str, Any]], size: tuple[int, ...], label_map: LabelMap) -> Array:
    """Class indices of (height, width): the regions one over the other; nothing drawn is all background."""
    mask = np.full(size, fill_index(label_map), dtype=np.uint8)
    for region in result:
        shape = _SHAPES.get(region["type"])
        if shape is None:  # of _ASIDE
            continue
        if region.get("image_rotation"):
            raise _UnusableAnnotation(say("drawn on a rotated image"))
        height, width = (
            int(region.get(f"original_{side}") or n) for side, n in zip(_SIZE_KEYS, size, strict=True)
        )
        if abs(height * size[1] / (width * size[0]) - 1) > SAME_SHAPE:
            raise _UnusableAnnotation(say("drawn on an image of another shape"))
        try:
            (name, *_), covered = region["value"][region["type"]], shape(region["value"], height, width)
        except (ValueError, KeyError, TypeError) as fault:
            raise _UnusableAnnotation(say("unreadable region ({reason})", reason=fault)) from fault
        index = label_map.names.index(name) if name in label_map.names else fill_index(label_map)
        mask[resize_mask(covered.astype(np.uint8), *size) == 1] = index
    return mask


def _draw_brush(value: dict[str, Any], height: int, width: int) -> Array:
    return decode(value["rle"], height, width)


def _draw_polygon(value: dict[str, Any], height: int, width: int) -> Array:
    points = np.asarray(value["points"], dtype=np.float64) / 100 * (width, height)
    if points.ndim != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise ValueError(json.dumps(value["points"])[:40])
    return fill_polygons([(points, [])], height, width)


def _draw_rectangle(value: dict[str, Any], height: int, width: int) -> Array:
    """Rotated around its upper left corner, clockwise, in degrees."""
    x, y, across, down = (
        float(value[name]) / 100 * side
        for name, side in (("x", width), ("y", height), ("width", width), ("height", height))
    )
    turn = radians(float(value.get("rotation") or 0))
    right, below = np.array([cos(turn), sin(turn)]) * across, np.array([-sin(turn), cos(turn)]) * down
    corner = np.array([x, y])
    ring = np.stack([corner, corner + right, corner + right + below, corner + below])
    return fill_polygons([(ring, [])], height, width)


_NOT_DRAWN = frozenset(
    {"choices", "textarea", "rating", "number", "relation"}
)  # region types without a shape
_SHAPES: dict[str, Callable[[dict[str, Any], int, int], Array]] = {
    "brushlabels": _draw_brush,
    "polygonlabels": _draw_polygon,
    "rectanglelabels": _draw_rectangle,
}


def sentences(result: ImportResult) -> list[str]:
    """The result in sentences."""
    lines = [say_count("Added one label (masks: {masks}, unsure: {unsure}).",
                       "Added {n} labels (masks: {masks}, unsure: {unsure}).", result.labels, masks=result.masks,
                       unsure=result.unsure)]  # fmt: skip
    if result.already_imported:
        lines.append(
            say_count(
                "One annotation was imported before.",
                "{n} annotations were imported before.",
                result.already_imported,
            )
        )
    lines += [
        say_count("Skipped one annotation: {reason}.", "Skipped {n} annotations: {reason}.", n, reason=reason)
        for reason, n in result.skipped.most_common()
    ]
    return lines

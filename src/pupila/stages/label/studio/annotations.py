"""What people drew and chose in Label Studio, as labels of theirs: the way back from `studio`."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import cos, radians, sin
from typing import Any

import numpy as np

from pupila.artifacts.dataset.labels import Label, append, history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import SAME_SHAPE, resized
from pupila.imaging.masks.label_map import Legend
from pupila.imaging.regions import fill_polygons
from pupila.stages.label.mask_files import around, legend_for, write_mask
from pupila.stages.label.studio.brush import decode
from pupila.stages.label.studio.tasks import Finder, Item, read_tasks

NOTE = "label-studio"
_SIDES = ("height", "width")


@dataclass(slots=True)
class Imported:
    """What came of an import."""

    labels: int = 0  # rows of the history
    known: int = 0  # answers that an earlier import had brought
    unsure: int = 0  # of the labels: submitted without an answer
    masks: int = 0  # of the labels
    left_out: Counter[str] = field(default_factory=Counter)  # why, and how often


class _Unfit(Exception):
    """An annotation that can't be taken; its text says why."""


def import_answers(data: Dataset, path: str) -> Imported:
    """Add the annotations of an export to the history, each as a label of its annotator, and write their masks.

    Args:
        data: the data set.
        path: of the export. What an earlier import brought is not added again.

    Raises:
        PupilaError: no native export; none of its images is in the data set; or classes that the masks do not have.
    """
    tasks, finder, done = read_tasks(path), Finder(data), Imported()
    found = [(row, item) for item in tasks if (row := finder.row(item)) is not None]
    if not found:
        raise PupilaError(
            say("None of the tasks shows an image of the data set"),
            found=listing(_images_of(tasks), 3),
            wanted=data.root,
        )
    if len(found) < len(tasks):
        done.left_out[say("image not in the data set")] += len(tasks) - len(found)
    drawn = [kind for _, item in found for kind in _drawn_labels(item)]
    legend = legend_for(data, drawn) if drawn or data.legend is not None else None
    told = history(data.home)
    before = set(told.select("sha256", "labeller", "time").iter_rows())  # every export has another file name
    labels: list[Label] = []
    for row, annotation in _annotations(found):
        if (data.images["sha256"][row], _labeller(annotation), _time(annotation)) in before:
            done.known += 1
            continue
        try:
            labels.append(_label(data, row, annotation, legend, path))
        except _Unfit as fault:
            done.left_out[str(fault)] += 1
    append(data.home, labels)
    done.labels, done.unsure = len(labels), sum(label.target is None for label in labels)
    done.masks = 0 if legend is None else done.labels - done.unsure
    return done


def _images_of(tasks: list[Item]) -> list[str]:
    return [str((item.get("data") or {}).get("image", ""))[:80] for item in tasks]


def _annotations(found: list[tuple[int, Item]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Submitted annotations, the latest of an image last; skipped ones are none."""
    told = [
        (_time(annotation), row, annotation)
        for row, item in found
        for annotation in item.get("annotations") or []
        if not annotation.get("was_cancelled")
    ]
    return ((row, annotation) for _, row, annotation in sorted(told, key=lambda one: one[:2]))


def _drawn_labels(item: Item) -> Iterator[str]:
    for annotation in item.get("annotations") or []:
        for region in annotation.get("result") or []:
            if region.get("type") in _SHAPES:
                yield from (region.get("value") or {}).get(region["type"]) or []


def _label(data: Dataset, row: int, annotation: dict[str, Any], legend: Legend | None, path: str) -> Label:
    result = annotation.get("result") or []
    readable = {*_ASIDE, *(() if legend is None else _SHAPES)}
    for kind in (str(region.get("type")) for region in result):
        if kind not in readable:
            raise _Unfit(say("regions of the type {kind}, which is not read", kind=kind))
    if legend is None:
        target = _choice(result)
    else:
        mask = _mask(result, data.images.select("height", "width").row(row), legend)
        target = None if (mask == IGNORE).all() else write_mask(data, row, mask, legend)
    image, digest = data.images.select("image", "sha256").row(row)
    seconds = annotation.get("lead_time")
    return Label(
        image, digest, _labeller(annotation), True, target, _time(annotation),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        note=f"{NOTE}: {files.absolute(path).rpartition('/')[2]}",
    )  # fmt: skip


def _time(annotation: dict[str, Any]) -> str:
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _labeller(annotation: dict[str, Any]) -> str:
    """Who annotated: a number, or a record with an address."""
    told = annotation.get("completed_by")
    if isinstance(told, dict):
        told = told.get("email") or told.get("username") or told.get("id")
    return f"person:{'anonymous' if told is None else told}"


def _choice(result: list[dict[str, Any]]) -> str | None:
    """The class; None where nothing was chosen: unsure."""
    chosen = [
        name
        for region in result
        if region.get("type") == "choices"
        for name in region["value"].get("choices", [])
    ]
    if len(set(chosen)) > 1:
        raise _Unfit(say("several classes for one image"))
    return str(chosen[0]) if chosen else None


def _mask(result: list[dict[str, Any]], size: tuple[int, ...], legend: Legend) -> Array:
    """Class indices of (height, width): the regions one over the other; nothing drawn is all background."""
    mask = np.full(size, around(legend), dtype=np.uint8)
    for region in result:
        shape = _SHAPES.get(region["type"])
        if shape is None:  # of _ASIDE
            continue
        if region.get("image_rotation"):
            raise _Unfit(say("drawn on a turned image"))
        height, width = (
            int(region.get(f"original_{side}") or n) for side, n in zip(_SIDES, size, strict=True)
        )
        if abs(height * size[1] / (width * size[0]) - 1) > SAME_SHAPE:
            raise _Unfit(say("drawn on an image of another shape"))
        try:
            (name, *_), covered = region["value"][region["type"]], shape(region["value"], height, width)
        except (ValueError, KeyError, TypeError) as fault:
            raise _Unfit(say("a region that can't be read ({fault})", fault=fault)) from fault
        index = legend.names.index(name) if name in legend.names else around(legend)
        mask[resized(covered.astype(np.uint8), *size) == 1] = index
    return mask


def _brush(told: dict[str, Any], height: int, width: int) -> Array:
    return decode(told["rle"], height, width)


def _polygon(told: dict[str, Any], height: int, width: int) -> Array:
    points = np.asarray(told["points"], dtype=np.float64) / 100 * (width, height)
    if points.ndim != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise ValueError(json.dumps(told["points"])[:40])
    return fill_polygons([(points, [])], height, width)


def _rectangle(told: dict[str, Any], height: int, width: int) -> Array:
    """Turned around its upper left corner, clockwise, in degrees."""
    x, y, across, down = (
        float(told[name]) / 100 * side
        for name, side in (("x", width), ("y", height), ("width", width), ("height", height))
    )
    turn = radians(float(told.get("rotation") or 0))
    right, below = np.array([cos(turn), sin(turn)]) * across, np.array([-sin(turn), cos(turn)]) * down
    corner = np.array([x, y])
    ring = np.stack([corner, corner + right, corner + right + below, corner + below])
    return fill_polygons([(ring, [])], height, width)


_ASIDE = frozenset({"choices", "textarea", "rating", "number", "relation"})  # they draw nothing
_SHAPES: dict[str, Callable[[dict[str, Any], int, int], Array]] = {
    "brushlabels": _brush,
    "polygonlabels": _polygon,
    "rectanglelabels": _rectangle,
}


def sentences(done: Imported) -> list[str]:
    """What came of it."""
    told = [say("{n} labels were added, {masks} of them masks, {unsure} without an answer.", n=done.labels,
                masks=done.masks, unsure=done.unsure)]  # fmt: skip
    if done.known:
        told.append(say("{n} were there from an earlier import.", n=done.known))
    told += [say("Left out: {n} x {why}.", n=n, why=why) for why, n in done.left_out.most_common()]
    return told

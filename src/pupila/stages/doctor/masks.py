"""Checks on masks: how they are stored, what their values mean, and what they leave unsaid."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.dataset.annotations import is_annotation
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.masks import PIXELS, stored_counts
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import NO_DATA, Legend
from pupila.stages.doctor.faults import Fault, fault

Row = dict[str, Any]


def other_size(data: Dataset) -> list[Fault]:
    """Masks of the image's shape and another size."""
    return fault("mask-of-another-size", [
        say("{image} ({width} x {height}, its mask {mask_width} x {mask_height})",
            image=row["image"], width=row["width"], height=row["height"], mask_width=row["mask_width"],
            mask_height=row["mask_height"])
        for row in _usable(data)
        if (row["mask_width"], row["mask_height"]) != (row["width"], row["height"])
    ])  # fmt: skip


def between_values(data: Dataset) -> list[Fault]:
    """Masks with values between those of the classes, as smoothing leaves them, and masks stored as JPEG."""
    assert data.legend is not None
    how = _cut(data.legend)
    jpegs = [row["target"] for row in _usable(data) if row["mask_format"] == "JPEG"]
    return fault("soft-mask", [
        say("{mask} ({share:.2%} of the pixels; {how})", mask=row["target"], share=share, how=how)
        for share, row, _ in _holding(data, lost=False)
    ]) + fault("jpeg-mask", jpegs)  # fmt: skip


def _cut(legend: Legend) -> str:
    """What becomes of a value between the known ones."""
    if legend.colour or len(legend.values) != 2:
        return say("each counts as the nearest known value")
    low, high = sorted(legend.values)
    name = legend.names[legend.indices[legend.values.index(high)]]
    return say("{threshold} and above count as {name}", threshold=(low + high) // 2 + 1, name=name)


def unknown_values(data: Dataset) -> list[Fault]:
    """Masks with values that stand for no class."""
    assert data.legend is not None
    return fault("unknown-mask-values", [
        say("{mask} ({share:.2%} of the pixels: {values})", mask=row["target"], share=share,
            values=listing([_value(value, data.legend) for value in values], 3))
        for share, row, values in _holding(data, lost=True)
    ])  # fmt: skip


def misread_values(data: Dataset) -> list[Fault]:
    """0/255 read as class indices, or indices read as 0/255: a class is nowhere, and other values are there."""
    legend = data.legend
    assert legend is not None
    there = list(data.class_counts().values())
    absent = [index for index, count in enumerate(there) if not count and index in legend.indices]
    stored: Counter[int] = Counter()
    for row in _usable(data):
        if not is_annotation(row["target"]):
            stored.update(stored_counts(row["mask_values"]))
    classes = {v for v, index in zip(legend.values, legend.indices, strict=True) if index != IGNORE}
    known = set(legend.values) if sum(count > 0 for count in there) > 1 else classes  # 255 may be misread
    strange = [value for value in stored if value not in known and value != NO_DATA]
    if not absent or not strange or legend.colour:
        return []
    total = sum(stored.values())
    held = [f"{value} ({count / total:.1%})" for value, count in stored.most_common(4)]
    return fault("misread-mask-values", [
        say("{name} is {value} by the class file and in no mask; the masks hold {values}", name=legend.names[index],
            value=legend.values[legend.indices.index(index)], values=", ".join(held))
        for index in absent
    ])  # fmt: skip


def of_one_class(data: Dataset) -> list[Fault]:
    """Masks that say nothing, or one thing of the whole image."""
    found: dict[str, list[str]] = {}
    several = len(data.classes) > 2
    for row in _usable(data):
        there = [index for index, pixels in enumerate(row[PIXELS]) if pixels]
        if not there:
            found.setdefault("mask-without-labels", []).append(row["image"])
        elif len(there) == 1 and several:
            told = say("{image} ({name})", image=row["image"], name=data.classes[there[0]])
            found.setdefault("one-class-mask", []).append(told)
        elif len(there) == 1:
            found.setdefault("full-mask" if there[0] else "empty-mask", []).append(row["image"])
    return [one for code, told in found.items() for one in fault(code, told)]


def unlabelled_pixels(data: Dataset) -> list[Fault]:
    """Masks with pixels that are meant to have no label."""
    assert data.legend is not None
    shares = []
    for row in _usable(data):
        size = _size(row)
        told = sum(row[PIXELS]) + sum(_strange(row, data.legend, lost=True).values())
        if told < size:
            shares.append((1 - told / size, row["target"]))
    return fault("unlabelled-pixels", [
        say("{mask} ({share:.1%} of the pixels)", mask=mask, share=share)
        for share, mask in sorted(shares, reverse=True)
    ])  # fmt: skip


def _usable(data: Dataset) -> Iterator[Row]:
    return data.images.filter(pl.col("target").is_not_null()).iter_rows(named=True)


def _size(row: Row) -> int:
    """Pixels of the values that are kept of a mask."""
    return sum(stored_counts(row["mask_values"]).values())


def _strange(row: Row, legend: Legend, lost: bool) -> dict[int, int]:
    """Values that no file names to pixels: those that have no label, or else those that count as the nearest named."""
    stored = stored_counts(row["mask_values"])
    values = np.array(list(stored))
    without = legend.knows(values) if legend.nearest else np.ones(len(values), dtype=bool)
    chosen = values[~legend.named.knows(values) & (without == lost)]
    return {value: stored[value] for value in chosen.tolist()}


def _holding(data: Dataset, lost: bool) -> list[tuple[float, Row, list[int]]]:
    """Masks with such values, and their share of the pixels; the largest first."""
    assert data.legend is not None
    found = [
        (sum(strange.values()) / _size(row), row, list(strange)) for row in _usable(data)
        if (strange := _strange(row, data.legend, lost))
    ]  # fmt: skip
    return sorted(found, key=lambda one: -one[0])


def _value(value: int, legend: Legend) -> str:
    return f"#{value:06x}" if legend.colour else str(value)

"""Checks on masks: how they are stored, what their values mean, and which pixels have no label."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from pupila.artifacts.dataset.formats.masks.mask_files import describe_target
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.mask_reading import parse_counts
from pupila.artifacts.dataset.mask_target import is_drawn
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.messages import listing, percent, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import NO_DATA, LabelMap
from pupila.stages.doctor.faults import fault


@dataclass(frozen=True, slots=True)
class MaskRow:
    """An image with its mask; sizes in pixels."""

    image: str
    width: int
    height: int
    target: str  # path of the mask, or its annotation
    mask_width: int
    mask_height: int
    mask_format: str
    mask_values: str  # JSON: stored value to pixels
    pixels: list[int]  # of each class

    def value_counts(self) -> dict[int, int]:
        """Pixels of each stored value."""
        return parse_counts(self.mask_values)


def size_mismatch(data: Dataset) -> list[Fault]:
    """Masks with the aspect ratio of their image, but another size."""
    return fault("mask-size-mismatch", [
        say("{image} ({width} x {height}, mask {mask_width} x {mask_height})",
            image=row.image, width=row.width, height=row.height, mask_width=row.mask_width,
            mask_height=row.mask_height)
        for row in _rows_with_mask(data)
        if (row.mask_width, row.mask_height) != (row.width, row.height)
    ])  # fmt: skip


def intermediate_values(data: Dataset) -> list[Fault]:
    """Masks with values between those of the classes, as smoothing leaves them, and masks saved as JPEG."""
    label_map = data.require_label_map()
    jpegs = [describe_target(row.target) for row in _rows_with_mask(data) if row.mask_format == "JPEG"]
    return fault("soft-mask", [
        _describe_soft_mask(describe_target(row.target), share, label_map)
        for share, row, _ in _masks_with_unlisted_values(data, lost=False)
    ]) + fault("jpeg-mask", jpegs)  # fmt: skip


def _describe_soft_mask(mask: str, share: float, label_map: LabelMap) -> str:
    """The share of pixels with a value between the known ones, and the class that such a value is read as."""
    if label_map.colour or len(label_map.values) != 2:
        return say("{mask} ({share} of the pixels; each is read as the nearest known value)",
                   mask=mask, share=percent(share, 2))  # fmt: skip
    low, high = sorted(label_map.values)
    name = label_map.names[label_map.indices[label_map.values.index(high)]]
    return say("{mask} ({share} of the pixels; values from {threshold} are read as {name})",
               mask=mask, share=percent(share, 2), threshold=(low + high) // 2 + 1, name=name)  # fmt: skip


def unknown_values(data: Dataset) -> list[Fault]:
    """Masks with values of no class."""
    label_map = data.require_label_map()
    return fault("unknown-mask-values", [
        say("{mask} ({share} of the pixels: {values})", mask=describe_target(row.target), share=percent(share, 2),
            values=listing([_format_value(value, label_map) for value in values], 3))
        for share, row, values in _masks_with_unlisted_values(data, lost=True)
    ])  # fmt: skip


def value_mismatch(data: Dataset) -> list[Fault]:
    """0 and 255 read as class indices, or the reverse: a class occurs nowhere, and unexpected values occur."""
    label_map = data.require_label_map()
    class_counts = list(data.class_counts().values())
    absent = [index for index, count in enumerate(class_counts) if not count and index in label_map.indices]
    stored: Counter[int] = Counter()
    for row in _rows_with_mask(data):
        if not is_drawn(row.target):
            stored.update(row.value_counts())
    classes = {v for v, index in zip(label_map.values, label_map.indices, strict=True) if index != IGNORE}
    known = (
        set(label_map.values) if sum(count > 0 for count in class_counts) > 1 else classes
    )  # 255 may be a class
    unexpected = [value for value in stored if value not in known and value != NO_DATA]
    if not absent or not unexpected or label_map.colour:
        return []
    total = sum(stored.values())
    held = [f"{value} ({percent(count / total)})" for value, count in stored.most_common(4)]
    return fault("mask-value-mismatch", [
        say("{name} has value {value} in the class file but occurs in no mask; the masks contain {values}",
            name=label_map.names[index], value=label_map.values[label_map.indices.index(index)],
            values=", ".join(held))
        for index in absent
    ])  # fmt: skip


def single_class_masks(data: Dataset) -> list[Fault]:
    """Masks without a label, or with one class over the whole image."""
    examples: dict[str, list[str]] = {}
    several = len(data.classes) > 2
    for row in _rows_with_mask(data):
        present = [index for index, pixels in enumerate(row.pixels) if pixels]
        if not present:
            examples.setdefault("unlabelled-mask", []).append(row.image)
        elif len(present) == 1 and several:
            example = say("{image} ({name})", image=row.image, name=data.classes[present[0]])
            examples.setdefault("single-class-mask", []).append(example)
        elif len(present) == 1:
            examples.setdefault("full-mask" if present[0] else "empty-mask", []).append(row.image)
    return [item for code, example in examples.items() for item in fault(code, example)]


def unlabelled_pixels(data: Dataset) -> list[Fault]:
    """Masks with pixels that are unlabelled on purpose."""
    label_map = data.require_label_map()
    shares = []
    for row in _rows_with_mask(data):
        size = _count_pixels(row)
        labelled = sum(row.pixels) + sum(_unlisted_values(row, label_map, lost=True).values())
        if labelled < size:
            shares.append((1 - labelled / size, describe_target(row.target)))
    return fault("unlabelled-pixels", [
        say("{mask} ({share} of the pixels)", mask=mask, share=percent(share))
        for share, mask in sorted(shares, reverse=True)
    ])  # fmt: skip


def _rows_with_mask(data: Dataset) -> Iterator[MaskRow]:
    names = [field.name for field in fields(MaskRow)]
    labelled = data.images.filter(pl.col("target").is_not_null())
    return (MaskRow(*row) for row in labelled.select(names).iter_rows())


def _count_pixels(row: MaskRow) -> int:
    """Pixels of a mask whose values are counted in the manifest."""
    return sum(row.value_counts().values())


def _unlisted_values(row: MaskRow, label_map: LabelMap, lost: bool) -> dict[int, int]:
    """Pixels by value, of values that no class file lists.

    Args:
        row: of the manifest.
        label_map: of the data set.
        lost: the values that are unlabelled; otherwise those that are read as the nearest listed value.
    """
    stored = row.value_counts()
    values = np.array(list(stored))
    without = label_map.is_known(values) if label_map.nearest else np.ones(len(values), dtype=bool)
    chosen = values[~label_map.without_unnamed.is_known(values) & (without == lost)]
    return {value: stored[value] for value in chosen.tolist()}


def _masks_with_unlisted_values(data: Dataset, lost: bool) -> list[tuple[float, MaskRow, list[int]]]:
    """(share of the pixels, row, values) of each mask with unlisted values; the largest share first."""
    label_map = data.require_label_map()
    masks = [
        (sum(unlisted.values()) / _count_pixels(row), row, list(unlisted)) for row in _rows_with_mask(data)
        if (unlisted := _unlisted_values(row, label_map, lost))
    ]  # fmt: skip
    return sorted(masks, key=lambda mask: -mask[0])


def _format_value(value: int, label_map: LabelMap) -> str:
    return f"#{value:06x}" if label_map.colour else str(value)

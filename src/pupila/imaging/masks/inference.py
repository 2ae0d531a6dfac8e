"""The label map of masks whose classes no file names: by how often each value occurs, and where."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import MOST_CLASSES, NEAR, NO_DATA, RARE, LabelMap, unpack_rgb
from pupila.imaging.masks.lossy_colours import find_clouds

Array = NDArray[Any]

_WITHIN = (
    0.05  # share of a value's pixels within areas of that value; anti-aliasing and JPEG leave about none
)
_BETWEEN = 0.5  # share of a value's pixels with lower and higher values around, from which it is smear
_PHOTO_VALUES, _COVERED = 128, 0.1  # values from which masks are photos unless this share lies in areas
_LEAST_AREA = 2e-5  # share of the pixels within areas of one value, under which these are chance


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """The pixels of each stored value, over all masks."""

    total: dict[int, int]  # stored value to pixels
    within: dict[int, int] = field(default_factory=dict)  # of these, with neighbours of that value alone
    between: dict[int, int] = field(default_factory=dict)  # of these, with both lower and higher neighbours
    lossy: bool = False  # whether a mask is a JPEG


def count_places(stored: Array) -> tuple[dict[int, int], dict[int, int]]:
    """Where each value lies: its pixels whose 3 x 3 neighbours all have it, and those between lower and higher ones.

    Args:
        stored: (H, W) grey levels, palette indices or colours 0xRRGGBB.
    """
    if min(stored.shape) < 3:
        return {}, {}
    low, high = stored, stored
    for axis in (0, 1):
        first, middle, last = (_cut(axis, start) for start in (0, 1, 2))
        low = np.minimum(np.minimum(low[first], low[middle]), low[last])
        high = np.maximum(np.maximum(high[first], high[middle]), high[last])
    inner = stored[1:-1, 1:-1]
    return _count(inner[low == high]), _count(inner[(low < inner) & (inner < high)])


def _cut(axis: int, start: int) -> tuple[slice, ...]:
    """All but two rows (or columns) of an array, from the start."""
    part = slice(start, None if start == 2 else start - 2)
    return (part,) if axis == 0 else (slice(None), part)


def count_values(stored: Array) -> tuple[Array, Array]:
    """The values that occur, ascending, and the pixels of each."""
    if stored.dtype != np.uint8:
        values, counts = np.unique(stored, return_counts=True)
        return values, counts
    counts = np.bincount(stored.ravel(), minlength=256)
    values = np.flatnonzero(counts)
    return values, counts[values]


def _count(values: Array) -> dict[int, int]:
    return dict(zip(*(part.tolist() for part in count_values(values)), strict=True))


def infer_label_map(counts: ValueCounts, colour: bool) -> LabelMap:
    """The label map of masks whose classes no file names.

    Few exact values are classes, however many pixels each has: small whole numbers are class indices, of which 255
    has no label; others are named by their level or colour. Values on borders alone, between others, are smear
    (anti-aliasing, JPEG). Two classes are background and foreground.

    Args:
        counts: the values, over all masks.
        colour: whether the values are colours.

    Raises:
        PupilaError: a colour of JPEG masks may be a class or damage.
    """
    if colour:
        colours = tuple(sorted(_exact_colours(counts)))
        names = tuple(f"#{value:06x}" for value in colours)
        return LabelMap(names, colours, tuple(range(len(colours))), colour=True, nearest=True)
    values = sorted(set(counts.total) - {NO_DATA})
    inner = [value for value in values if value != IGNORE]
    if inner and max(inner) < MOST_CLASSES and (indices := _as_indices(inner, counts)):
        return indices
    levels = _exact_levels(counts)
    if _is_photo(counts, levels):
        return LabelMap((), (), ())
    if len(levels) > 2 or (len(levels) == 2 and levels[0] > NEAR):
        names = tuple(f"class {value}" for value in levels)
        return LabelMap(names, tuple(levels), tuple(range(len(levels))), nearest=True)
    return LabelMap(("background", "foreground"), (0, max(values, default=0) or 255), (0, 1), nearest=True)


def _as_indices(inner: list[int], counts: ValueCounts) -> LabelMap | None:
    """The label map of class indices; None where the values are two levels.

    Args:
        inner: the values except 255, ascending; all small.
        counts: the values, over all masks.
    """
    ignored = IGNORE in counts.total
    if len(inner) < 2 or (not ignored and len(inner) == 2 and not inner[0]):
        return (
            LabelMap(("background", "foreground"), (0, 1, IGNORE), (0, 1, IGNORE))
            if inner == [0, 1]
            else None
        )
    if 2 * len(inner) > inner[-1] - inner[0]:
        inner = list(range(inner[0], inner[-1] + 1))  # a class in between may be rare
    elif ignored and len(inner) == 2 and counts.within.get(IGNORE, 0) > _WITHIN * counts.total[IGNORE]:
        return None  # three levels; pixels without a label are many a border
    binary = inner == [0, 1]
    names = ("background", "foreground") if binary else tuple(f"class {value}" for value in inner)
    return LabelMap(names, (*inner, IGNORE), (*range(len(inner)), IGNORE))


def _exact_levels(counts: ValueCounts) -> list[int]:
    """The grey levels that are classes, ascending."""
    total = {value: count for value, count in counts.total.items() if value != NO_DATA}
    pixels = sum(total.values())
    areas = {value for value in total if _has_area(counts, value, pixels)}
    bounds = areas if len(areas) > 1 else total  # objects of a few pixels are smeared throughout
    lowest, highest = min(bounds, default=0), max(bounds, default=0)
    smear = [
        value for value in total if value not in areas
        and lowest < value < highest and counts.between.get(value, 0) > _BETWEEN * total[value]
    ]  # fmt: skip
    smeared = len(smear) > 1 or counts.lossy
    exact = [
        value for value in total
        if value in areas or (total[value] >= RARE * pixels and (value not in smear or not smeared))
    ]  # fmt: skip
    near = max(NEAR, NEAR * max(total, default=0) // 255)
    return _merge_near([v for v in exact if not smeared or v in areas], total, near, smeared)


def _has_area(counts: ValueCounts, value: int, pixels: int) -> bool:
    """Whether enough of a value's pixels lie within areas of that value."""
    within = counts.within.get(value, 0)
    least = RARE if counts.lossy else _LEAST_AREA
    return within >= max(_WITHIN * counts.total[value], least * pixels, 1)


def _is_photo(counts: ValueCounts, areas: list[int]) -> bool:
    """Whether there are many values, and few pixels lie in areas of one."""
    covered = sum(counts.within.get(value, 0) for value in areas)
    return len(counts.total) > _PHOTO_VALUES and covered < _COVERED * sum(counts.total.values())


def _merge_near(values: list[int], total: dict[int, int], near: int, smeared: bool) -> list[int]:
    """The values without those that are damage of a more frequent one nearby."""
    chosen: list[int] = []
    for value in sorted(values, key=lambda v: (-total[v], v)):
        if not smeared or all(abs(value - other) > near for other in chosen):
            chosen.append(value)
    return sorted(chosen)


def _exact_colours(counts: ValueCounts) -> list[int]:
    """The colours that are classes."""
    if counts.lossy:
        return find_clouds(counts.total)
    total, pixels = counts.total, sum(counts.total.values())
    frequent = sorted(total, key=lambda v: (-total[v], v))
    areas = [value for value in frequent if _has_area(counts, value, pixels)]
    if _is_photo(counts, areas):
        return []
    chosen: list[int] = []
    others = []  # fewer pixels, and none within an area: thin lines, or smear
    for value in frequent:
        if value not in areas:
            others.append(value)
            continue
        chosen.append(value)
    smear = [value for value in others if _is_mixture(value, chosen)]
    smeared = len(smear) > 1 or len(others) > MOST_CLASSES
    if smeared:
        chosen = _apart(chosen)
    thin = [
        value for value in others if total[value] >= RARE * pixels and (value not in smear or not smeared)
    ]
    return chosen + _apart([*chosen, *thin])[len(chosen) :]


def _apart(colours: list[int]) -> list[int]:
    """The colours without those near to an earlier one."""
    chosen: list[int] = []
    for value in colours:
        away = unpack_rgb(np.array([value])) - unpack_rgb(np.array(chosen, dtype=np.int64))
        if not ((away**2).sum(axis=1) <= NEAR**2).any():
            chosen.append(value)
    return chosen


def _is_mixture(value: int, colours: list[int]) -> bool:
    """Whether a colour lies near the line between two of the colours, and at neither end."""
    if len(colours) < 2:
        return False
    points = unpack_rgb(np.array(colours)).astype(np.float64)
    first, second = (points[part] for part in np.triu_indices(len(points), 1))
    line, own = second - first, unpack_rgb(np.array([value]))[0] - first
    along = (own * line).sum(axis=1) / np.maximum((line**2).sum(axis=1), 1)
    distance = np.linalg.norm(own - along[:, None] * line, axis=1)
    return bool(((along > 0) & (along < 1) & (distance <= NEAR / 2)).any())

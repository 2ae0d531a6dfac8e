"""The label map: from the stored values of masks to class indices, their names and colours."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pupila.core.vocabulary import IGNORE

Array = NDArray[Any]
UNLABELLED = "unlabeled"  # the name of pixels without a label in files that Pupila writes
# Names of what lies around everything that has a name; in small letters.
BACKGROUND = {"background", "_background_", "bg"}
MOST_CLASSES = 64  # of masks without named values; a grey level from there up is no index
# For overlays and palettes: safe for colour-blind readers (Okabe and Ito 2008, Tol 2021).
COLOURS = ((0, 114, 255), (230, 159, 0), (204, 70, 190), (0, 158, 115), (240, 228, 66), (213, 60, 0), (86, 200, 233),
           (136, 34, 85), (153, 153, 51), (170, 120, 255), (68, 170, 153))  # fmt: skip
_UNLABELLED = (128, 128, 128)
NO_DATA = 65_536  # grey level, above all that a mask may hold, of pixels without data: they have no label
RARE = 1e-3  # share of the pixels under which a colour is taken for damage of a neighbouring one
NEAR = 24  # distance in 0..255 within which a colour is taken for damage (JPEG) of a more frequent one


@dataclass(frozen=True)
class LabelMap:
    """The label map of a data set: stored value to class index, and class names.

    A stored value is a grey level, a palette's index, or a colour as 0xRRGGBB.
    """

    names: tuple[str, ...]  # class names in the order of their indices
    values: tuple[int, ...]  # stored values that are known
    indices: tuple[int, ...]  # of each of them: 0..C-1, or IGNORE
    colour: bool = False  # whether stored values are colours
    nearest: bool = (
        False  # whether an unknown value counts as the nearest known one, as in anti-aliased masks
    )
    unnamed: int = 0  # how many of the values, the last ones, are unnamed colours and have no label
    merged: bool = False  # whether all other values are objects of class 1, as numbered by a tool
    source: str = field(default="", compare=False)  # a list of names that counts only where it fits the masks
    listed: bool = field(default=True, compare=False)  # whether that list gives the values too
    ignored: tuple[tuple[str, int], ...] = field(
        default=(), compare=False
    )  # names that mean no label, and values
    levels: "LabelMap | None" = field(
        default=None, compare=False
    )  # of colours: the label map of grey levels, where a file has both

    def read(self, stored: Array) -> tuple[Array, int]:
        """The class index of every pixel.

        Args:
            stored: (H, W) grey levels, palette indices or colours 0xRRGGBB, as `read_stored_mask` gives them.

        Returns:
            (H, W) uint8 of 0..C-1, IGNORE for pixels without a label and for unknown values; and how many pixels have
            a value that is none of the known ones.
        """
        if self.merged:
            return self._merge(stored), 0
        if not self.colour:
            table, known = self._levels
            return table[stored], int((~known[stored]).sum())
        values, place = np.unique(stored, return_inverse=True)
        order = np.argsort(self.values)
        known_values = np.asarray(self.values, dtype=np.int64)[order]
        at = np.minimum(np.searchsorted(known_values, values), len(known_values) - 1)
        known = known_values[at] == values
        indices = np.where(known, np.asarray(self.indices)[order][at], IGNORE).astype(np.uint8)
        if self.nearest and not known.all():
            indices[~known] = self._nearest_colour(values[~known])
        place = place.reshape(stored.shape)
        return indices[place], int((~known)[place].sum())

    def is_known(self, stored: Array) -> Array:
        """Whether each stored value is one of the known ones, or stands for no data; bool of the same shape."""
        if self.merged:
            return np.ones(stored.shape, dtype=bool)
        return np.isin(stored, self.values) if self.colour else np.asarray(self._levels[1][stored])

    def _merge(self, stored: Array) -> Array:
        """(H, W) uint8: 1 for every value that has no other index."""
        indices = np.ones(stored.shape, dtype=np.uint8)
        for value, index in zip((*self.values, NO_DATA), (*self.indices, IGNORE), strict=True):
            if not (self.colour and value == NO_DATA):
                indices[stored == value] = index
        return indices

    @cached_property
    def _levels(self) -> tuple[Array, Array]:
        """(NO_DATA + 1,) class index of every grey level and of no data, and whether it is known."""
        known = np.zeros(NO_DATA + 1, dtype=bool)
        known[[*self.values, NO_DATA]] = True
        table = np.full(NO_DATA + 1, IGNORE, dtype=np.uint8)
        table[list(self.values)] = self.indices
        if self.nearest:
            order = np.argsort(self.values)
            values = np.asarray(self.values)[order]
            middle = (values[1:] + values[:-1]) / 2
            nearest = np.searchsorted(middle, np.arange(NO_DATA))
            table[:NO_DATA] = np.asarray(self.indices, dtype=np.uint8)[order][nearest]
        return table, known

    def _nearest_colour(self, values: Array) -> Array:
        ours, theirs = (unpack_rgb(np.asarray(v)) for v in (self.values, values))
        at = ((theirs[:, None] - ours[None]) ** 2).sum(axis=2).argmin(axis=1)
        return np.asarray(np.asarray(self.indices, dtype=np.uint8)[at])

    @cached_property
    def without_unnamed(self) -> "LabelMap":
        """The label map without unnamed colours."""
        count = len(self.values) - self.unnamed
        return replace(self, values=self.values[:count], indices=self.indices[:count], unnamed=0)

    def as_json(self) -> str:
        """One line that `from_json` reads."""
        content = {"names": self.names, "values": self.values, "indices": self.indices, "colour": self.colour,
                "nearest": self.nearest, **({"unnamed": self.unnamed} if self.unnamed else {}),
                **({"merged": True} if self.merged else {})}  # fmt: skip
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `as_json` wrote."""
        content = json.loads(text)
        return cls(
            tuple(content["names"]),
            tuple(content["values"]),
            tuple(content["indices"]),
            content["colour"],
            content["nearest"],
            content.get("unnamed", 0),
            content.get("merged", False),
        )

    @classmethod
    def plain(cls, names: Iterable[str]) -> Self:
        """Masks that hold class indices already, and IGNORE."""
        classes = tuple(names)
        return cls(classes, (*range(len(classes)), IGNORE), (*range(len(classes)), IGNORE))


def ignore_unnamed_colours(label_map: LabelMap, counts: dict[int, int]) -> LabelMap:
    """The label map in which frequent unnamed colours have no label, instead of that of the nearest named colour.

    Args:
        label_map: of colours, as a file names them.
        counts: stored value to pixels, over all masks.
    """
    unnamed = _frequent(counts, label_map.values)
    return replace(
        label_map,
        values=(*label_map.values, *unnamed),
        indices=(*label_map.indices, *[IGNORE] * len(unnamed)),
        unnamed=len(unnamed),
    )


def holds_grey_levels(counts: dict[int, int], label_map: LabelMap) -> bool:
    """Whether masks that were read as colours hold grey levels: small numbers alone, of which one at most is a class's.

    Args:
        counts: stored value to pixels, over all masks.
        label_map: of colours, as a file names them.
    """
    known = set(counts) & set(label_map.values)
    grey = all(value == (value & 255) * 0x010101 for value in counts)
    small = sum(n for value, n in counts.items() if value not in known and 0 < value & 255 < MOST_CLASSES)
    return grey and len(known) < 2 and small > RARE * sum(counts.values())


def _frequent(counts: dict[int, int], known: tuple[int, ...]) -> list[int]:
    """Colours, besides the known ones, too frequent and too far from others to be damage; most frequent first."""
    least = RARE * sum(counts.values())
    chosen = list(known)
    for value in sorted(counts, key=lambda v: (-counts[v], v)):
        if counts[value] < least:
            break
        apart = unpack_rgb(np.array([value])) - unpack_rgb(np.array(chosen, dtype=np.int64))
        if not ((apart**2).sum(axis=1) <= NEAR**2).any():
            chosen.append(value)
    return chosen[len(known) :]


def class_colours(classes: int) -> Array:
    """(256, 3) uint8: the colour of every class index; of two classes the first is black; grey for IGNORE."""
    table = np.zeros((256, 3), dtype=np.uint8)
    first = 1 if classes == 2 else 0  # the background
    for index in range(first, classes):
        number = index - first
        table[index] = COLOURS[number] if number < len(COLOURS) else _shade(number)
    table[IGNORE] = _UNLABELLED
    return table


def css_colours(classes: int) -> list[str]:
    """The same colours as #rrggbb."""
    return [f"#{colour.tobytes().hex()}" for colour in class_colours(classes)]


def describe_classes(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """What a file of classes says of masks of class indices: index to name, and colour as #rrggbb."""
    classes = [*names]
    colours = css_colours(len(classes))
    listed = [*enumerate(classes), (IGNORE, UNLABELLED)]
    return {str(index): {"name": name, "color": colours[index]} for index, name in listed}


def _shade(index: int) -> tuple[int, int, int]:
    red, green, blue = np.random.default_rng(index).integers(40, 230, 3).tolist()
    return red, green, blue


def unpack_rgb(values: Array) -> Array:
    """(N, 3) int64 red, green, blue of colours 0xRRGGBB."""
    values = values.astype(np.int64)
    return np.stack([values >> 16 & 255, values >> 8 & 255, values & 255], axis=-1)

"""What a mask is in pixels: stored values become class indices, and class indices become colours to look at."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from PIL.TiffImagePlugin import TiffImageFile

from pupila.images.decode import DAMAGE, ImageFault, ImageLimits, opened, upright
from pupila.vocabulary import IGNORE

Array = NDArray[Any]

# Names of pixels without a label, and of what lies around everything that has a name; in small letters.
NO_LABEL = {"unlabeled", "unlabelled", "ignore", "ignored", "void", "unknown", "no label", "nolabel"}
BACKGROUND = {"background", "_background_", "bg"}
MOST_CLASSES = 64  # of masks whose values no file names; a level from there up is no index
SAME_SHAPE = 0.02  # of the aspect ratio, within which pictures and masks are laid on each other
# Drawn over pictures and kept in palettes: told apart by all eyes (Okabe and Ito 2008, Tol 2021).
COLOURS = ((0, 114, 255), (230, 159, 0), (204, 70, 190), (0, 158, 115), (240, 228, 66), (213, 60, 0), (86, 200, 233),
           (136, 34, 85), (153, 153, 51), (170, 120, 255), (68, 170, 153))  # fmt: skip
_UNLABELLED = (128, 128, 128)
_HERE, _NOT_HERE, _BOXED = (30, 170, 60), (220, 30, 40), (255, 215, 0)  # of a prompt
NO_DATA = 256  # grey level, above all that a file can hold, of pixels without data: they have no label
_TAG = 42113  # GDAL's tag of the value that means that there is no data


@dataclass(frozen=True)
class Legend:
    """What the stored values of the masks of a data set mean.

    A stored value is a grey level, a palette's index, or a colour as 0xRRGGBB.
    """

    names: tuple[str, ...]  # class names in the order of their indices
    values: tuple[int, ...]  # stored values that are known
    indices: tuple[int, ...]  # of each of them: 0..C-1, or IGNORE
    colour: bool = False  # whether stored values are colours
    nearest: bool = (
        False  # whether another stored value counts as the nearest known one, as in anti-aliased masks
    )
    unnamed: int = (
        0  # how many of the values, the last ones, are colours that no file names and that have no label
    )
    levels: "Legend | None" = field(default=None, compare=False)  # of colours: what a file says of levels too

    def read(self, stored: Array) -> tuple[Array, int]:
        """The class index of every pixel.

        Args:
            stored: (H, W) grey levels, palette indices or colours 0xRRGGBB, as `stored_values` gives them.

        Returns:
            (H, W) uint8 of 0..C-1, IGNORE for pixels without a label and for unknown values; and how many pixels have
            a value that is none of the known ones.
        """
        if not self.colour:
            table, known = self._levels
            return table[stored], int((~known[stored]).sum())
        values, place = np.unique(stored, return_inverse=True)
        order = np.argsort(self.values)
        known_values = np.asarray(self.values, dtype=np.int64)[order]
        at = np.minimum(np.searchsorted(known_values, values), len(known_values) - 1)
        known = known_values[at] == values
        found = np.where(known, np.asarray(self.indices)[order][at], IGNORE).astype(np.uint8)
        if self.nearest and not known.all():
            found[~known] = self._nearest_colour(values[~known])
        place = place.reshape(stored.shape)
        return found[place], int((~known)[place].sum())

    def knows(self, stored: Array) -> Array:
        """Whether each stored value is one of the known ones, or stands for no data; bool of the same shape."""
        return np.isin(stored, self.values) if self.colour else np.asarray(self._levels[1][stored])

    @cached_property
    def _levels(self) -> tuple[Array, Array]:
        """(257,) class index of every grey level and of no data, and whether it is known."""
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
        ours, theirs = (_split(np.asarray(v)) for v in (self.values, values))
        at = ((theirs[:, None] - ours[None]) ** 2).sum(axis=2).argmin(axis=1)
        return np.asarray(np.asarray(self.indices, dtype=np.uint8)[at])

    @cached_property
    def named(self) -> "Legend":
        """The legend without the colours that no file names."""
        count = len(self.values) - self.unnamed
        return replace(self, values=self.values[:count], indices=self.indices[:count], unnamed=0)

    def as_json(self) -> str:
        """One line that `from_json` reads."""
        told = {"names": self.names, "values": self.values, "indices": self.indices, "colour": self.colour,
                "nearest": self.nearest, **({"unnamed": self.unnamed} if self.unnamed else {})}  # fmt: skip
        return json.dumps(told, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `as_json` wrote."""
        told = json.loads(text)
        return cls(
            tuple(told["names"]),
            tuple(told["values"]),
            tuple(told["indices"]),
            told["colour"],
            told["nearest"],
            told.get("unnamed", 0),
        )

    @classmethod
    def plain(cls, names: Iterable[str]) -> Self:
        """Masks that hold class indices already, and IGNORE."""
        told = tuple(names)
        return cls(told, (*range(len(told)), IGNORE), (*range(len(told)), IGNORE))


@dataclass(frozen=True, slots=True)
class Stored:
    """A mask file as it was read."""

    values: Array  # (H, W), upright: uint8 grey levels or palette indices, uint16 with NO_DATA, int32 colours 0xRRGGBB
    coloured: bool  # whether the values are colours
    mode: str  # Pillow's
    format: str  # "PNG" and the like
    orientation: int  # EXIF 1..8; 1 is upright
    palette: tuple[int, ...] = ()  # the colours 0xRRGGBB of palette indices, where these are the values


def stored_values(data: bytes, colour: bool = False, limits: ImageLimits | None = None) -> Stored:
    """The values of a mask file, upright.

    Args:
        data: of a PNG, TIFF, BMP, GIF, WebP or JPEG file.
        colour: give colours also of a palette and of grey levels; a file with another colour than grey always
            gives colours.
        limits: what to refuse.

    Raises:
        ImageFault: the bytes are empty, no image, damaged or above the limits.
    """
    picture, orientation = opened(data, limits)
    try:
        picture.load()
        shown = _with_the_shape(picture)
        if shown.mode in ("1", "L", "P", "LA") and not colour:
            plain = shown.convert("L") if shown.mode in ("1", "LA") else shown
            values = np.asarray(plain)
        elif shown.mode[0] in "IF" and not colour:
            values = _deep_values(shown)
        else:
            rgb = np.asarray(shown.convert("RGB"))
            grey = not colour and bool((rgb == rgb[..., :1]).all())  # grey levels saved as RGB
            deep = rgb.astype(np.int32)
            values = rgb[..., 0] if grey else (deep[..., 0] << 16) | (deep[..., 1] << 8) | deep[..., 2]
    except DAMAGE as fault:
        raise ImageFault("unreadable", str(fault)) from fault
    coloured = values.dtype == np.int32
    palette = () if coloured else _palette(picture)
    values = upright(values, orientation)
    return Stored(values, coloured, picture.mode, str(picture.format), orientation, palette)


def _palette(picture: Image.Image) -> tuple[int, ...]:
    """The colours 0xRRGGBB of a palette's indices; empty for a picture without a palette."""
    told = iter(picture.getpalette() or ())
    return tuple((red << 16) | (green << 8) | blue for red, green, blue in zip(told, told, told, strict=True))


def _with_the_shape(picture: Image.Image) -> Image.Image:
    """The picture, or its alpha as a grey picture where that alone holds the shape: all of one colour, partly clear."""
    if picture.mode not in ("LA", "RGBA"):
        return picture
    *colours, alpha = picture.split()
    plain = all(low == high for low, high in (band.getextrema() for band in colours))
    return alpha if plain and alpha.getextrema()[0] == 0 else picture


def _deep_values(picture: Image.Image) -> Array:
    """(H, W) uint16 of a mask with more than 8 bits: 0..255, or NO_DATA, as GDAL's tag or no number says."""
    deep = np.asarray(picture, dtype=np.float64)
    missing = ~(deep >= 0)
    if isinstance(picture, TiffImageFile) and (told := picture.tag_v2.get(_TAG)):
        no_data = float(str(told).strip("\0 "))
        missing |= (deep == no_data) & (no_data > 255)  # a smaller one is a value like others
    whole = np.rint(np.where(missing, 0, deep))
    if whole.max() > 255:
        whole = (whole + 128) // 257
    return np.where(missing, NO_DATA, np.minimum(whole, 255)).astype(np.uint16)


def legend_of(counts: dict[int, int], colour: bool) -> Legend:
    """What stored values mean where no file names the classes.

    Two levels, or grey between two extremes (anti-aliasing, JPEG), are background and foreground; small whole numbers
    are class indices, of which 255 has no label; colours are classes named by their colour.

    Args:
        counts: stored value to pixels, over all masks.
        colour: whether the values are colours.
    """
    if colour:
        kept = sorted(_frequent(counts, ()))
        names = tuple(f"#{v:06x}" for v in kept)
        return Legend(names, tuple(kept), tuple(range(len(kept))), colour=True, nearest=True)
    values = sorted(set(counts) - {NO_DATA})
    inner = [v for v in values if v != IGNORE]
    if inner and max(inner) < MOST_CLASSES and (IGNORE not in values or max(inner) > 0) and len(inner) > 1:
        names = _two(max(inner) + 1) or tuple(f"class {v}" for v in range(max(inner) + 1))
        return Legend(names, (*range(len(names)), IGNORE), (*range(len(names)), IGNORE))
    return Legend(("background", "foreground"), (0, max(values, default=0) or 255), (0, 1), nearest=True)


def with_unnamed(legend: Legend, counts: dict[int, int]) -> Legend:
    """The legend that gives frequent colours without a name no label, instead of that of the nearest named colour.

    Args:
        legend: of colours, as a file names them.
        counts: stored value to pixels, over all masks.
    """
    unnamed = _frequent(counts, legend.values)
    return replace(
        legend,
        values=(*legend.values, *unnamed),
        indices=(*legend.indices, *[IGNORE] * len(unnamed)),
        unnamed=len(unnamed),
    )


def holds_numbers(counts: dict[int, int], legend: Legend) -> bool:
    """Whether masks that were read as colours hold grey levels: small numbers alone, of which one at most is a class's.

    Args:
        counts: stored value to pixels, over all masks.
        legend: of colours, as a file names them.
    """
    known = set(counts) & set(legend.values)
    grey = all(value == (value & 255) * 0x010101 for value in counts)
    small = sum(n for value, n in counts.items() if value not in known and 0 < value & 255 < MOST_CLASSES)
    return grey and len(known) < 2 and small > _RARE * sum(counts.values())


_RARE = 1e-3  # share of the pixels under which a colour is taken for damage of a neighbouring one
_NEAR = 24  # distance in 0..255 within which a colour is taken for damage (JPEG) of a more frequent one


def _frequent(counts: dict[int, int], known: tuple[int, ...]) -> list[int]:
    """Colours, besides the known ones, too frequent and too far from others to be damage; most frequent first."""
    least = _RARE * sum(counts.values())
    kept = list(known)
    for value in sorted(counts, key=lambda v: (-counts[v], v)):
        if counts[value] < least:
            break
        apart = _split(np.array([value])) - _split(np.array(kept, dtype=np.int64))
        if not ((apart**2).sum(axis=1) <= _NEAR**2).any():
            kept.append(value)
    return kept[len(known) :]


def _two(count: int) -> tuple[str, ...] | None:
    return ("background", "foreground") if count == 2 else None


def colours(classes: int) -> Array:
    """(256, 3) uint8: the colour of every class index; of two classes the first is black; grey for IGNORE."""
    table = np.zeros((256, 3), dtype=np.uint8)
    first = 1 if classes == 2 else 0  # the background
    for index in range(first, classes):
        number = index - first
        table[index] = COLOURS[number] if number < len(COLOURS) else _shade(number)
    table[IGNORE] = _UNLABELLED
    return table


def _shade(index: int) -> tuple[int, int, int]:
    red, green, blue = np.random.default_rng(index).integers(40, 230, 3).tolist()
    return red, green, blue


def painted(mask: Array, classes: int) -> Array:
    """(H, W) class indices as (H, W, 3) uint8 colours."""
    return np.asarray(colours(classes)[mask])


def overlay(rgb: Array, mask: Array, classes: int, strength: float = 0.5) -> Array:
    """The picture with its classes laid over it; class 0 of two, the background, stays as it is.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8 class indices.
        classes: C.
        strength: of the colour, 0..1.
    """
    laid = (1 - strength) * rgb + strength * painted(mask, classes)
    bare = (mask == 0) & (classes == 2)
    return np.where(bare[..., None], rgb, laid + 0.5).astype(np.uint8)


def pointed_at(
    rgb: Array,
    points: Iterable[tuple[float, float]],
    negatives: Iterable[tuple[float, float]],
    box: tuple[float, float, float, float] | None,
) -> Array:
    """The picture with a prompt drawn on it.

    Args:
        rgb: (H, W, 3) uint8.
        points: (x, y) in pixels, green.
        negatives: (x, y) in pixels, red.
        box: x0, y0, x1, y1 in pixels, yellow.
    """
    picture = Image.fromarray(rgb)
    pen, radius = ImageDraw.Draw(picture), max(3, max(picture.size) // 55)
    if box is not None:
        edges = (
            max(0, box[0]),
            max(0, box[1]),
            min(picture.width, box[2]) - 1,
            min(picture.height, box[3]) - 1,
        )
        pen.rectangle([round(edge) for edge in edges], outline=_BOXED, width=max(2, radius // 2))
    for places, colour in ((points, _HERE), (negatives, _NOT_HERE)):
        for x, y in places:
            corners = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse(corners, fill=colour, outline=(255, 255, 255), width=max(1, radius // 3))
    return np.asarray(picture)


def overlay_jpeg(rgb: Array, mask: Array, classes: int) -> bytes:
    """What `overlay` gives as a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(overlay(rgb, mask, classes)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def as_png(mask: Array, classes: int) -> bytes:
    """(H, W) uint8 class indices as a PNG with a palette, whose indices they are."""
    picture = Image.fromarray(np.ascontiguousarray(mask, dtype=np.uint8), "L")
    picture.putpalette(colours(classes).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def as_stored(mask: Array, legend: Legend) -> bytes:
    """(H, W) uint8 class indices as a PNG with the values that the legend reads as them, 0 for what it has none for."""
    table = np.zeros(IGNORE + 1, dtype=np.int64)
    for value, index in reversed(list(zip(legend.values, legend.indices, strict=True))):
        table[index] = value
    stored = table[mask]
    shown = _split(stored).reshape(*mask.shape, 3) if legend.colour else stored
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(shown, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def from_png(data: bytes) -> Array:
    """(H, W) uint8: the indices of a PNG that `as_png` wrote."""
    return np.asarray(Image.open(io.BytesIO(data)))


def resized(mask: Array, height: int, width: int) -> Array:
    """(height, width) uint8: the mask at another size, nearest pixel."""
    if mask.shape == (height, width):
        return mask
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def _split(values: Array) -> Array:
    """(N, 3) int64 red, green, blue of colours 0xRRGGBB."""
    values = values.astype(np.int64)
    return np.stack([values >> 16 & 255, values >> 8 & 255, values & 255], axis=-1)

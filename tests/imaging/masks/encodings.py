"""Masks whose labels are known, in every usual encoding: what a generator draws, and what a reading must give."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pupila.core.vocabulary import IGNORE

SIZE = 64
ENCODINGS = ("indices", "one-based", "ignored", "levels", "dim-levels", "binary", "16-bit", "16-bit-binary", "palette",
             "colours", "soft", "soft-binary", "soft-colours", "jpeg-binary", "jpeg", "jpeg-colours", "instances",
             "instances-16", "instances-colours", "organs", "small-class", "small-colour",
             "thin", "sparse", "rgb-levels", "soft-16-bit", "bit")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """Masks in one encoding."""

    files: list[tuple[bytes, str]]  # content, and suffix of the file
    label: list[Any]  # (H, W) class indices of each, IGNORE where there is no label
    soft: bool  # whether pixels at borders are mixed, and count nowhere


def draw(encoding: str, seed: int) -> Drawn:
    """Some masks of random shapes."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(4, 9))
    if encoding.startswith("instances"):
        return _draw_instances(encoding, rng, count)
    classes = 2 if "binary" in encoding or encoding == "bit" else int(rng.integers(3, 6))
    if encoding == "organs":
        label = [_organs(rng, classes + 3) for _ in range(count)]
    else:
        label = [_shapes(rng, classes, encoding.startswith("small")) for _ in range(count)]
    if encoding == "thin":
        label = [_with_lines(rng, mask, classes - 2) for mask in label]
    if encoding == "ignored":
        label = [_without_labels(rng, mask) for mask in label]
    return _encode(encoding, rng, label, classes)


def _shapes(rng: Any, classes: int, small: bool = False) -> Any:
    """Ellipses and rectangles of all classes but the first; the last one small where asked."""
    picture = Image.new("L", (SIZE, SIZE))
    pen = ImageDraw.Draw(picture)
    order = [*rng.integers(1, classes, 3).tolist(), *range(1, classes)]
    for number, index in enumerate(order):
        if small and index == classes - 1 and number < len(order) - 1:
            continue
        high = 7 if small and index == classes - 1 else 30
        left, top = rng.integers(0, SIZE - 12, 2).tolist()
        wide, tall = rng.integers(high - 2 if high < 8 else 10, high, 2).tolist()
        shape = pen.ellipse if rng.random() < 0.5 and high > 8 else pen.rectangle
        shape((left, top, left + wide, top + tall), fill=index)
    return np.asarray(picture)


def _organs(rng: Any, classes: int) -> Any:
    """One region for each class, in its place."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for index in range(1, classes):
        if rng.random() < 0.8:
            top, left = 16 * ((index - 1) // 4) + 2, 16 * ((index - 1) % 4) + 2
            tall, wide = rng.integers(5, 13, 2)
            mask[top : top + tall, left : left + wide] = index
    return mask


def _with_lines(rng: Any, mask: Any, index: int) -> Any:
    """The mask with one class as thin lines alone."""
    mask = np.where(mask == index, 0, mask).astype(np.uint8)
    for _ in range(3):
        row, width = rng.integers(2, SIZE - 4), rng.integers(1, 3)
        mask[row : row + width, 2:-2] = index
    return mask


def _without_labels(rng: Any, mask: Any) -> Any:
    top, left = rng.integers(0, SIZE - 14, 2)
    mask = mask.copy()
    mask[top : top + 12, left : left + 14] = IGNORE
    return mask


def _draw_instances(encoding: str, rng: Any, count: int) -> Drawn:
    colours = rng.integers(20, 256, (70_000, 3)).astype(np.uint8)
    colours[0] = 0
    files, label = [], []
    for _ in range(count):
        numbers = np.zeros((SIZE, SIZE), np.int64)
        first = int(rng.integers(0, 60_000)) if encoding != "instances" else 0
        places = rng.permutation(64)[: int(rng.integers(6, 33))]
        for number, place in enumerate(sorted(places.tolist()), 1):
            top, left = 8 * (place // 8), 8 * (place % 8)
            tall, wide = rng.integers(3, 8, 2)
            numbers[top : top + tall, left : left + wide] = first + number
        label.append((numbers > 0).astype(np.uint8))
        dtype = np.uint8 if encoding == "instances" else np.uint16
        shown = colours[numbers] if encoding == "instances-colours" else numbers.astype(dtype)
        files.append((_save(Image.fromarray(shown)), ".png"))
    return Drawn(files, label, soft=False)


def _encode(encoding: str, rng: Any, label: list[Any], classes: int) -> Drawn:
    """The masks as files; the classes that occur nowhere have no index in the labels."""
    total = classes + 3 if encoding == "organs" else classes
    table = _values(encoding, rng, total)
    files = []
    soft = encoding.startswith(("soft", "jpeg"))
    for mask in label:
        shown = np.where((mask == IGNORE)[..., None] if table.ndim > 1 else mask == IGNORE, 255,
                         table[np.where(mask == IGNORE, 0, mask)]).astype(table.dtype)  # fmt: skip
        picture = Image.fromarray(shown)
        if encoding == "bit":
            picture = Image.fromarray(shown > 0)
        if encoding == "rgb-levels":
            picture = picture.convert("RGB")
        if encoding == "palette":
            picture = Image.fromarray(shown, "L")
            picture.putpalette(rng.integers(0, 256, (256, 3)).astype(np.uint8).tobytes())
        if encoding.startswith("soft"):
            if encoding == "soft-16-bit":
                picture = Image.fromarray(shown.astype(np.float32))
            wide = picture.resize((4 * SIZE, 4 * SIZE), Image.Resampling.NEAREST).rotate(
                7, Image.Resampling.BILINEAR
            )
            picture = wide.resize((SIZE, SIZE), Image.Resampling.BOX)
            if encoding == "soft-16-bit":
                picture = Image.fromarray(np.rint(np.asarray(picture)).astype(np.uint16))
        files.append(
            (_save(picture, int(rng.integers(60, 96))), ".jpg")
            if "jpeg" in encoding
            else (_save(picture), ".png")
        )
    if encoding.startswith("soft"):
        label = [np.asarray(Image.fromarray(mask).resize((4 * SIZE, 4 * SIZE), Image.Resampling.NEAREST)
                 .rotate(7).resize((SIZE, SIZE), Image.Resampling.NEAREST)) for mask in label]  # fmt: skip
    return Drawn(files, label, soft)


def _values(encoding: str, rng: Any, classes: int) -> Any:
    """The stored value, or colour, of each class."""
    spread = np.round(np.linspace(0, 255, classes)).astype(np.uint8)
    match encoding:
        case "one-based":
            return np.arange(1, classes + 1, dtype=np.uint8)
        case "sparse":
            return np.sort(np.concatenate([[0], 15 + rng.permutation(4)[: classes - 1] * 15])).astype(
                np.uint8
            )
        case "soft-16-bit":
            return np.round(np.linspace(0, 65_535, classes)).astype(np.uint16)
        case "levels" | "thin" | "rgb-levels" | "soft" | "jpeg" | "small-class":
            return spread
        case "dim-levels":
            return np.round(np.linspace(0, int(rng.integers(70, 200)), classes)).astype(np.uint8)
        case "binary" | "soft-binary" | "jpeg-binary" | "bit":
            return np.array([0, 255], np.uint8)
        case "16-bit":
            return np.array(
                [0, *sorted(rng.choice(np.arange(200, 60_000), classes - 1, replace=False))], np.uint16
            )
        case "16-bit-binary":
            return np.array([0, 65_535], np.uint16)
        case "colours" | "soft-colours" | "jpeg-colours" | "small-colour":
            corners = np.array(
                [(r, g, b) for r in (0, 128, 255) for g in (0, 128, 255) for b in (0, 128, 255)]
            )
            vivid = corners[np.ptp(corners, axis=1) > 120]
            return np.concatenate([[[0, 0, 0]], rng.permutation(vivid)[: classes - 1]]).astype(np.uint8)
        case _:
            return np.arange(classes, dtype=np.uint8)


def _save(picture: Image.Image, jpeg: int | None = None) -> bytes:
    buffer = io.BytesIO()
    if jpeg is None:
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "JPEG", quality=jpeg)
    return buffer.getvalue()


def agrees(drawn: Drawn, read: list[Any]) -> bool:
    """Whether a reading tells the same classes apart, whatever their numbers."""
    wrong = total = 0
    matches: dict[int, int] = {}
    true, predicted = (
        np.concatenate([m.ravel() for m in drawn.label]),
        np.concatenate([m.ravel() for m in read]),
    )
    inner = (
        np.concatenate([_inside(mask).ravel() for mask in drawn.label])
        if drawn.soft
        else np.ones(len(true), bool)
    )
    for index in np.unique(true):
        members = predicted[(true == index) & inner]
        if not len(members):
            continue
        values, counts = np.unique(members, return_counts=True)
        matches[int(index)] = int(values[counts.argmax()])
        wrong += len(members) - int(counts.max())
        total += len(members)
    apart = len({*matches.values()}) == len(matches)
    ignored = all((value == IGNORE) == (index == IGNORE) for index, value in matches.items())
    known = len({*np.unique(predicted).tolist()} - {IGNORE}) <= len({*np.unique(true).tolist()} - {IGNORE})
    return apart and ignored and known and wrong <= (0.02 * total if drawn.soft else 0)


def _inside(mask: Any) -> Any:
    """Pixels at least three away from any border between classes."""
    same = np.ones(mask.shape, dtype=bool)
    for axis in (0, 1):
        for shift in (-3, -2, -1, 1, 2, 3):
            same &= np.roll(mask, shift, axis) == mask
    return same

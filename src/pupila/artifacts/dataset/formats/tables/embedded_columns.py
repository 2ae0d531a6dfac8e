"""Columns of a table with images in it: the images, their masks or their labels, and what is left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.shards import Shard
from pupila.artifacts.dataset.formats.tables.table_file import COLUMN_WORDS, MASK, is_plain_list
from pupila.artifacts.dataset.reading import AUTO, ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IMAGE_SUFFIXES
from pupila.imaging.images.decode import DAMAGE, ImageFault
from pupila.imaging.images.signatures import has_image_signature
from pupila.imaging.masks.codec import read_stored_mask
from pupila.tasks.segment import SEGMENT

_IMAGES = (*COLUMN_WORDS["image"], "images", "pixel_values", "photo", "picture")
_MASKS = re.compile(
    r"annotations?|labels?|targets?|(semantic|seg)\w*|masks?|\w+[ _]masks?|ground\w*|gt", re.I
)
_MOST_VALUES = 64  # distinct ones of a mask among the rows that are looked at
_LOOKED_AT = 3  # rows whose pixels are looked at


@dataclass(frozen=True, slots=True)
class EmbeddedColumns:
    """The columns of a table with images in it, by their names."""

    image: str
    mask: str | None
    label: str | None
    others: list[str]  # with the label, and without the images
    classes: dict[str, list[str]]  # column to the names of its numbers
    notes: list[str] = field(default_factory=list)


def choose_columns(shard: Shard, place: Place, settings: ReadSettings) -> EmbeddedColumns | None:
    """The columns of a table; None where it holds no images.

    Raises:
        PupilaError: several columns may be the masks or the labels.
        PolarsError: it is no such file.
        OSError: it can't be read.
    """
    schema = shard.read_schema()
    likely = [name for name, kind in schema.items() if kind == pl.Binary or _may_hold_images(kind)]
    head = shard.read_head(likely) if likely else pl.DataFrame()
    images = [name for name in likely if _holds_images(head[name])]
    if not images:
        return None
    image = _choose_image(images, settings)
    requested = settings.requested_task()
    mask = (
        None
        if requested and requested.target != SEGMENT.target
        else _choose_mask(head, images, image, shard, settings)
    )
    rest = [name for name in images if name not in (image, mask)]
    plain = [name for name, kind in schema.items() if not kind.is_nested() and kind != pl.Binary]
    lists = [name for name, kind in schema.items() if name not in images and is_plain_list(kind)]
    classes = shard.read_class_names(place)
    named = [name for name in lists if name in classes or name.lower() in COLUMN_WORDS["target"]]
    label = None if mask else _choose_label([*plain, *named], classes, shard, settings)
    others = [*plain, *named]
    lost = [name for name in schema if name not in (image, mask, *others, *rest)]
    notes = [
        say("By its content the column {mask} holds the masks of {image}.", mask=mask, image=image)
    ] * bool(mask)
    if rest:
        notes.append(say("{names}: columns of images, too, which are not read.", names=listing(rest)))
    if lost:
        notes.append(say("{names}: columns of lists or records, which are not read.", names=listing(lost)))
    if label and label.lower() not in COLUMN_WORDS["target"]:
        notes.append(say("The column {name} is the label.", name=label))
    return EmbeddedColumns(image, mask, label, others, classes, notes)


def read_cells(cells: pl.Series) -> Iterator[tuple[bytes | None, str]]:
    """The bytes of each image, and its path; "" where it has none."""
    for cell in cells.to_list():
        if isinstance(cell, dict):
            yield cell.get("bytes"), cell.get("path") or ""
        else:
            yield cell, ""


def _may_hold_images(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.Struct) and "bytes" in [field.name for field in kind.fields]


def _holds_images(cells: pl.Series) -> bool:
    """Whether the cells begin like images, or name files of images."""
    given = [(data, path) for data, path in read_cells(cells) if data or path]
    return bool(given) and all(
        has_image_signature(data[:16]) if data else files.suffix(path) in IMAGE_SUFFIXES
        for data, path in given
    )


def _choose_image(images: list[str], settings: ReadSettings) -> str:
    if settings.images in images:
        return settings.images
    lower = {name.lower(): name for name in reversed(images)}
    return next((lower[word] for word in _IMAGES if word in lower), images[0])


def _choose_mask(
    head: pl.DataFrame, images: list[str], image: str, shard: Shard, settings: ReadSettings
) -> str | None:
    """The column of masks: it holds few values, and in case of several its name says so.

    Raises:
        PupilaError: several may be the masks.
    """
    if settings.masks in images:
        return settings.masks
    masks = [name for name in images if name != image and _holds_masks(head[image], head[name])]
    named = [name for name in masks if name.lower() in COLUMN_WORDS[MASK] or _MASKS.fullmatch(name)]
    likely = named if len(named) == 1 else masks
    if len(likely) > 1:
        raise PupilaError(
            say("Several columns of {table} may hold the masks", table=shard.uri), actual=listing(likely),
            expected=say("one"), remedy=f"--layout table --masks {likely[0]}",
        )  # fmt: skip
    return likely[0] if likely else None


def _holds_masks(images: pl.Series, masks: pl.Series) -> bool:
    """Whether the pictures of one column have few values and the size of those of the other."""
    pairs = [(data, mask) for (data, _), (mask, _) in zip(read_cells(images), read_cells(masks), strict=True)
             if data and mask][:_LOOKED_AT]  # fmt: skip
    values = set[int]()
    for pair in pairs:
        try:
            image, mask = (read_stored_mask(data).values for data in pair)
        except (ImageFault, OSError, *DAMAGE):
            return False
        if image.shape != mask.shape:
            return False
        values |= {*np.unique(mask).tolist()}
    return bool(pairs) and len(values) <= _MOST_VALUES


def _choose_label(
    columns: list[str], classes: dict[str, list[str]], shard: Shard, settings: ReadSettings
) -> str | None:
    """The column of labels: named by the user, by a usual name, or the one that names its classes.

    Raises:
        PupilaError: several name their classes.
    """
    stated = settings.labels.rpartition("#")[2] if settings.labels != AUTO else ""
    if stated in columns:
        return stated
    lower = {name.lower(): name for name in reversed(columns)}
    usual = next((lower[word] for word in COLUMN_WORDS["target"] if word in lower), None)
    named = [name for name in columns if name in classes and name.lower() not in COLUMN_WORDS["given_split"]]
    if usual is None and len(named) > 1:
        raise PupilaError(
            say("Several columns of {table} may hold the labels", table=shard.uri), actual=listing(named, 8),
            expected=say("one column of labels"), remedy=f"--labels '#{named[0]}'",
        )  # fmt: skip
    return usual or (named[0] if named else None)

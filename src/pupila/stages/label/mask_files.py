"""Mask files of a data set: read, and written where `pupila.open` finds them, without replacing any file."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import PurePosixPath

import numpy as np
import polars as pl

from pupila.artifacts.dataset.formats.file_finder import folder_content
from pupila.artifacts.dataset.formats.tables.class_files import read_class_file
from pupila.artifacts.dataset.formats.tools.annotations import is_annotation
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.mask_target import read_classes, read_target
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array, ImageFault
from pupila.imaging.masks.codec import encode_png, encode_stored
from pupila.imaging.masks.label_map import BACKGROUND, LabelMap, describe_classes
from pupila.stages.label.targets import check_target
from pupila.tasks.segment import SEGMENT

MASK_FOLDER, CLASS_FILE = "masks", "masks/classes.json"
CORRECTED_FOLDER = "corrected"  # folder below that of masks


def label_map_in_force(data: Dataset) -> LabelMap | None:
    """What the values of the masks mean; None for data without a mask, whose first mask is still to come."""
    return data.require_label_map() if data.target == "mask" else None


def choose_label_map(data: Dataset, names: Sequence[str]) -> LabelMap:
    """What the values of new masks mean: as in the masks that are there, as a class file says, or by the names.

    Args:
        data: the data set.
        names: of the classes that are drawn; what none covers is background.

    Raises:
        PupilaError: the data have another target than masks, or a name is none of the masks' classes.
    """
    check_target(data, SEGMENT.target)
    given = label_map_in_force(data) or read_class_file(
        data.root, *(files.join(data.root, name) for name in files.list_folders(data.root))
    )
    foreground = [name for name in dict.fromkeys(names) if name.strip().lower() not in BACKGROUND]
    label_map = given or LabelMap.plain(["background", *sorted(foreground)])
    unknown = [name for name in foreground if name not in label_map.names]
    if unknown:
        raise PupilaError(
            say("The masks contain classes that the data set does not have"), actual=listing(unknown),
            expected=listing(list(label_map.names)), remedy=say("add them to {file}", file=CLASS_FILE),
        )  # fmt: skip
    return label_map


def fill_index(label_map: LabelMap) -> int:
    """The class index of pixels that nothing covers: the background where there is one, else IGNORE."""
    named = [index for index, name in enumerate(label_map.names) if name.strip().lower() in BACKGROUND]
    return named[0] if named else 0 if len(label_map.names) == 2 else IGNORE


def read_mask(data: Dataset, row: int, target: str) -> Array:
    """(H, W) class indices of a mask of the row, even if it is not in force.

    Raises:
        PupilaError: it can't be read.
    """
    if target == data.images["target"][row]:
        return data.mask(row)
    label_map = data.require_label_map()
    height, width, orientation = data.images.select("height", "width", "orientation").row(row)
    try:
        stored, _ = read_target(data.root, target, label_map, (height, width), data.limits, label_map.colour)
    except (ImageFault, OSError) as fault:
        raise PupilaError(say("Can't read the mask {path}", path=target), actual=str(fault)) from fault
    return read_classes(stored, label_map, orientation, (height, width))


def write_mask(data: Dataset, row: int, mask: Array, label_map: LabelMap) -> str:
    """Write a mask of the row, and return its path below the data's root, for the history.

    Existing masks stay. The first mask of an image gets the name that the layout expects; a corrected one
    lies in a folder below, under a name with its hash, and the history puts it in force.

    Args:
        data: the data set.
        row: of the image.
        mask: (H, W) uint8 class indices.
        label_map: see `choose_label_map`.

    Raises:
        PupilaError: the values of its masks have none for pixels without a label.
    """
    if IGNORE not in label_map.indices and (mask == IGNORE).any():
        raise PupilaError(
            say("The masks of the data set can't store unlabelled pixels"), actual=listing(list(label_map.names)),
            expected=say("a class for every pixel, or a value for unlabelled pixels"),
            remedy=say("add such a value to {file}", file=CLASS_FILE),
        )  # fmt: skip
    first_of_all = label_map_in_force(data) is None
    there = None if first_of_all else data.images["target"][row]
    if there is not None and np.array_equal(data.mask(row), mask):
        return str(there)
    plain = label_map == LabelMap.plain(label_map.names)
    content = encode_png(mask) if plain else encode_stored(mask, label_map)
    for place in _candidate_paths(data, data.images["image"][row], files.sha256(content)[:8]):
        uri = files.join(data.root, place)
        if not files.exists(uri):
            if first_of_all:
                _write_class_file(data, label_map)
            files.write_bytes(uri, content)
            return place
        if files.read_bytes(uri) == content:
            return place
    raise AssertionError("one path is always free")


def first_mask_path(data: Dataset, image: str) -> str:
    """The path of the first mask of an image, relative to the data."""
    return next(_candidate_paths(data, image, ""))


def mask_path(image: str) -> str:
    """The path of a mask in the folder of masks, relative to the data, wherever the image lies."""
    path = PurePosixPath(image)
    above = [part for part in path.parts[:-1] if part not in (path.anchor, "..") and not folder_content(part)]
    return "/".join([MASK_FOLDER, *above, f"{path.stem}.png"])


def _candidate_paths(data: Dataset, image: str, digest: str) -> Iterator[str]:
    """Possible paths of a mask of the image, the best first."""
    path = PurePosixPath(image)
    inside = not path.is_absolute() and ".." not in path.parts
    if inside and _masks_are_beside_images(data):  # elsewhere its file would be taken for an image
        yield str(path.with_name(f"{path.stem}_mask.png"))
        yield from (str(path.with_name(f"{path.stem}_mask_{more}.png")) for more in count(2))
    first = PurePosixPath(mask_path(image))
    yield str(first)
    corrected = PurePosixPath(first.parts[0], CORRECTED_FOLDER, *first.parts[1:])
    yield str(corrected.with_name(f"{path.stem}-{digest}.png"))
    yield from (str(corrected.with_name(f"{path.stem}-{digest}-{more}.png")) for more in count(2))


def _masks_are_beside_images(data: Dataset) -> bool:
    """Whether the masks lie in the folders of their images."""
    image, target = (pl.col(name).str.replace("[^/]*$", "") for name in ("image", "target"))
    pairs = data.images.filter(image == target)["target"]
    return any(not is_annotation(target_path) for target_path in pairs)


def _write_class_file(data: Dataset, label_map: LabelMap) -> None:
    """Write a class file with the first masks of a data set; it also marks the folder as one of masks."""
    uri = files.join(data.root, CLASS_FILE)
    if not files.exists(uri):
        files.write_json(uri, describe_classes(label_map.names))

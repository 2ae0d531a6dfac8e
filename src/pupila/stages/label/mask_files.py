"""New masks of a data set: where they are written, so that `pupila.open` finds them and no file is replaced."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import PurePosixPath

import numpy as np
import polars as pl

from pupila.artifacts.dataset.annotations import is_annotation
from pupila.artifacts.dataset.formats.class_files import class_legend
from pupila.artifacts.dataset.formats.file_finder import kind
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import as_png, as_stored
from pupila.imaging.masks.label_map import BACKGROUND, Legend

FOLDER, CLASS_FILE = "masks", "masks/classes.json"
MENDED = "mended"  # folder below that of masks


def check_for_masks(data: Dataset) -> None:
    """Refuse data whose images have one class each.

    Raises:
        PupilaError: they have.
    """
    if data.task is not None and data.legend is None:
        raise PupilaError(
            say("These data have classes, and the labeller draws masks"), found=listing(data.classes),
            wanted=say("images without labels, or beside masks"),
        )  # fmt: skip


def legend_for(data: Dataset, names: Sequence[str]) -> Legend:
    """What the values of new masks mean: as in the masks that are there, as a class file says, or by the names.

    Args:
        data: the data set.
        names: of the classes that are drawn; what none covers is background.

    Raises:
        PupilaError: the data have one class for each image, or a name is none of the masks' classes.
    """
    check_for_masks(data)
    given = data.legend or class_legend(
        data.root, *(files.join(data.root, name) for name in files.folders(data.root))
    )
    kept = [name for name in dict.fromkeys(names) if name.strip().lower() not in BACKGROUND]
    legend = given or Legend.plain(["background", *sorted(kept)])
    unknown = [name for name in kept if name not in legend.names]
    if unknown:
        raise PupilaError(
            say("Masks of classes that the data set does not have"), found=listing(unknown),
            wanted=listing(list(legend.names)), remedy=say("name them in {file}", file=CLASS_FILE),
        )  # fmt: skip
    return legend


def around(legend: Legend) -> int:
    """The class index of pixels that nothing covers: the background where there is one, else IGNORE."""
    named = [index for index, name in enumerate(legend.names) if name.strip().lower() in BACKGROUND]
    return named[0] if named else 0 if len(legend.names) == 2 else IGNORE


def write_mask(data: Dataset, row: int, mask: Array, legend: Legend) -> str:
    """Write a mask of the row, and return its path below the data's root, for the history.

    A mask that is there already stays. An image's first mask gets the name that the layout looks for; a mended one lies
    in a folder below, under a name with its hash, and the history puts it in force.

    Args:
        data: the data set.
        row: of the image.
        mask: (H, W) uint8 class indices.
        legend: see `legend_for`.

    Raises:
        PupilaError: the values of its masks have none for pixels without a label.
    """
    if IGNORE not in legend.indices and (mask == IGNORE).any():
        raise PupilaError(
            say("Pixels without a label can't be stored"), found=listing(list(legend.names)),
            wanted=say("a class for all pixels, or a value that means no label"),
            remedy=say("name them in {file}", file=CLASS_FILE),
        )  # fmt: skip
    there = data.images["target"][row] if data.legend is not None else None
    if there is not None and np.array_equal(data.mask(row), mask):
        return str(there)
    plain = legend == Legend.plain(legend.names)  # only then may colours be added that mean nothing
    content = as_png(mask, len(legend.names)) if plain else as_stored(mask, legend)
    for place in _places(data, data.images["image"][row], files.sha256(content)[:8]):
        uri = files.join(data.root, place)
        if not files.exists(uri):
            if data.legend is None:
                _name_classes(data, legend)
            files.write_bytes(uri, content)
            return place
        if files.read_bytes(uri) == content:
            return place
    raise AssertionError("a place is always found")


def first_place(data: Dataset, image: str) -> str:
    """Where the first mask of an image lies, below the data's root."""
    return next(_places(data, image, ""))


def mask_path(image: str) -> str:
    """Where the mask of an image lies in a folder of masks: below the data's root, wherever the image lies."""
    path = PurePosixPath(image)
    above = [part for part in path.parts[:-1] if part not in (path.anchor, "..") and not kind(part)]
    return "/".join([FOLDER, *above, f"{path.stem}.png"])


def _places(data: Dataset, image: str, digest: str) -> Iterator[str]:
    """Where a mask of the image may lie, the best place first."""
    path = PurePosixPath(image)
    inside = not path.is_absolute() and ".." not in path.parts
    if inside and _beside(data):  # elsewhere its file would count as an image
        yield str(path.with_name(f"{path.stem}_mask.png"))
        yield from (str(path.with_name(f"{path.stem}_mask_{more}.png")) for more in count(2))
    first = PurePosixPath(mask_path(image))
    yield str(first)
    mended = PurePosixPath(first.parts[0], MENDED, *first.parts[1:])
    yield str(mended.with_name(f"{path.stem}-{digest}.png"))
    yield from (str(mended.with_name(f"{path.stem}-{digest}-{more}.png")) for more in count(2))


def _beside(data: Dataset) -> bool:
    """Whether masks lie in the folders of their images."""
    image, target = (pl.col(name).str.replace("[^/]*$", "") for name in ("image", "target"))
    pairs = data.images.filter(image == target)["target"]
    return any(not is_annotation(one) for one in pairs)


def _name_classes(data: Dataset, legend: Legend) -> None:
    """A class file, where masks are the first of the data set: it also says that the folder is one of masks."""
    uri = files.join(data.root, CLASS_FILE)
    if not files.exists(uri):
        files.write_json(uri, list(legend.names))

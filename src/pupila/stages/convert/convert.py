"""Converting: images are copied, and their masks written as COCO, YOLO or PNG files."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.progress import progress
from pupila.core.threads import ahead
from pupila.core.vocabulary import IGNORE, SPLITS, VALIDATION
from pupila.imaging.masks.codec import as_png
from pupila.stages.convert import coco, yolo
from pupila.stages.convert.item import UNLABELLED, Item

Writer = Callable[[Iterable[Item], tuple[str, ...], str], None]
_FOLDERS = {split: "val" if split == VALIDATION else split for split in SPLITS}  # as other tools call them


def _write_masks(items: Iterable[Item], classes: tuple[str, ...], out: str) -> None:
    """A PNG of class indices, with a palette, for each image."""
    for item in items:
        files.write_bytes(files.join(out, item.path("masks", ".png")), as_png(item.mask, len(classes)))


LAYOUTS: dict[str, Writer] = {
    "masks": _write_masks,
    "coco": coco.write,
    "yolo": yolo.write,
}


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written."""

    folder: str
    images: int
    left_out: int  # images without a usable mask


def convert(data: Dataset, to: str, out: str, splits: list[str | None]) -> Converted:
    """Write the images that have a mask, their masks, and `classes.json`, into an empty folder.

    Args:
        data: with masks.
        to: a key of `LAYOUTS`.
        out: folder or URI.
        splits: of each row: train, validation or test; anything else is no split.

    Raises:
        PupilaError: no such layout, data without masks, a split of some images alone, or a folder that holds
            something.
    """
    if to not in LAYOUTS:
        raise PupilaError(say("No such layout"), found=to, wanted=", ".join(LAYOUTS))
    if data.legend is None:
        raise PupilaError(
            say("Only data with masks can be converted"), found=data.layout, wanted=say("masks")
        )
    if files.exists(out) and (not files.is_folder(out) or files.entries(out) or files.folders(out)):
        raise PupilaError(
            say("The folder holds something already"), found=out, wanted=say("a new or an empty folder"),
            remedy=say("another --out FOLDER"),
        )  # fmt: skip
    rows = [row for row, target in enumerate(data.images["target"]) if target is not None]
    names = dict(zip(rows, _names([data.images["image"][row] for row in rows]), strict=True))
    folders = [_FOLDERS.get(split or "", "") for split in splits]
    without = [row for row in rows if not folders[row]]
    if 0 < len(without) < len(rows):  # the layouts' readers take no image beside the splits
        raise PupilaError(
            say("Only some of the images have a split"),
            found=say("{n} without one ({examples})", n=len(without),
                      examples=listing([data.images["image"][row] for row in without], 3)),
            wanted=say("train, validation or test for all, or for none"), remedy="pupila split DATA --ignore-given",
        )  # fmt: skip

    def item(row: int) -> Item:
        one = Item(names[row], folders[row], data.mask(row))
        place = one.path("images", PurePosixPath(one.name).suffix)
        files.write_bytes(files.join(out, place), files.read_bytes(data.path(row)))
        return one

    classes = tuple(data.classes)
    with progress(say("converting images"), len(rows)) as advance:
        LAYOUTS[to](_counted(ahead(rows, item), advance), classes, out)
    told = {**{str(index): name for index, name in enumerate(classes)}, str(IGNORE): UNLABELLED}
    files.write_json(files.join(out, "classes.json"), told)
    return Converted(out, len(rows), len(data) - len(rows))


def _counted(items: Iterator[Item], advance: Callable[[int], None]) -> Iterator[Item]:
    for item in items:
        yield item
        advance(1)


def _names(images: list[str]) -> list[str]:
    """A file name for each image, whose stem no other has; folders become part of it where they tell images apart."""
    taken: set[str] = set()
    names: list[str] = []
    for image in images:
        path = PurePosixPath(image)
        whole = "_".join(part for part in path.parts if part not in ("/", ".."))
        tries = (path.name, whole, f"{PurePosixPath(whole).stem}_{len(names)}{path.suffix}")
        name = next(one for one in tries if PurePosixPath(one).stem.lower() not in taken or one == tries[-1])
        taken.add(PurePosixPath(name).stem.lower())
        names.append(name)
    return names

"""Converting a data set: copy the images and write their masks or labels in the layout of another tool."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.progress import progress
from pupila.core.threads import prefetch
from pupila.core.vocabulary import REDRAW, SPLITS, VALIDATION
from pupila.stages.convert import multilabel, segment
from pupila.stages.convert.item import Item
from pupila.stages.convert.layouts import TargetLayouts
from pupila.tasks.task import Target

_FOLDERS = {
    split: "val" if split == VALIDATION else split for split in SPLITS
}  # the names that other tools use


LAYOUTS_OF: dict[Target, TargetLayouts] = {
    "classes": multilabel.LAYOUTS,
    "mask": segment.LAYOUTS,
}  # of data sets with these targets


@dataclass(frozen=True, slots=True, repr=False)
class ConversionResult(Displayed):
    """A written data set."""

    folder: str
    images: int
    skipped: int  # images without a usable mask, or without labels
    notes: tuple[str, ...] = ()  # sentences on what the layout can't say

    def summary(self) -> Summary:
        """Images and folder."""
        count = say_count("{n} image in {folder}", "{n} images in {folder}", self.images, folder=self.folder)
        return Summary(
            "ConversionResult", " ".join([count, *self.notes]), {say("skipped"): str(self.skipped)}
        )


def convert(
    data: Dataset, to: str, out: str, splits: list[str | None], palette: bool = False
) -> ConversionResult:
    """Write the images that have a target, and their targets, into an empty folder.

    Args:
        data: with masks, or with several labels per image.
        to: one of the layouts for its targets.
        out: folder or URI.
        splits: train, validation or test for each row; None or another name: no split.
        palette: whether mask files get a palette of the classes' colours.

    Raises:
        PupilaError: unknown layout, or one without mask files for a palette, data with other targets, a split of
            only some images, or a folder that is not empty.
    """
    if data.task is None or data.task.target not in LAYOUTS_OF:
        raise PupilaError(
            say("Only data with masks or several labels can be converted"), actual=data.layout,
            expected=say("masks, or several labels per image"),
        )  # fmt: skip
    layouts = LAYOUTS_OF[data.task.target]
    if to not in layouts.writers:
        raise PupilaError(say("Unknown layout"), actual=to, expected=", ".join(layouts.writers))
    if palette and to not in layouts.with_palette:
        raise PupilaError(say("--palette needs --to masks"), actual=to)
    if files.exists(out) and (not files.is_folder(out) or files.list_files(out) or files.list_folders(out)):
        raise PupilaError(
            say("The folder is not empty"), actual=out, expected=say("a new or an empty folder"),
            remedy=say("use another --out FOLDER"),
        )  # fmt: skip
    rows = [row for row, target in enumerate(data.images["target"]) if target is not None]
    names = dict(zip(rows, _unique_names([data.images["image"][row] for row in rows]), strict=True))
    folders = [_FOLDERS.get(split or "", "") for split in splits]
    without_split = [row for row in rows if not folders[row]]
    if 0 < len(without_split) < len(rows):  # readers of these layouts ignore images outside the splits
        examples = listing([data.images["image"][row] for row in without_split], 3)
        raise PupilaError(
            say("Only some of the images have a split"),
            actual=say_count("{n} image without one ({examples})", "{n} images without one ({examples})",
                             len(without_split), examples=examples),
            expected=say("train, validation or test for all images, or for none"),
            remedy=REDRAW,
        )  # fmt: skip

    def copy_item(row: int) -> Item:
        item = layouts.read_item(data, row, Item(names[row], folders[row]))
        path = item.path("images", PurePosixPath(item.name).suffix)
        files.write_bytes(files.join(out, path), files.read_bytes(data.path(row)))
        return item

    classes = tuple(data.classes)
    with progress(say("converting images"), len(rows)) as advance:
        write = (layouts.with_palette if palette else layouts.writers)[to]
        notes = write(_count_items(prefetch(rows, copy_item), advance), classes, out)
    layouts.finish(classes, out)
    return ConversionResult(out, len(rows), len(data) - len(rows), tuple(notes))


def _count_items(items: Iterator[Item], advance: Callable[[int], None]) -> Iterator[Item]:
    for item in items:
        yield item
        advance(1)


def _unique_names(images: list[str]) -> list[str]:
    """A file name with a unique stem for each image; folders become part of it where stems collide."""
    taken: set[str] = set()
    names: list[str] = []
    for image in images:
        path = PurePosixPath(image)
        whole = "_".join(part for part in path.parts if part not in ("/", ".."))
        candidates = (path.name, whole, f"{PurePosixPath(whole).stem}_{len(names)}{path.suffix}")
        free = (name for name in candidates if PurePosixPath(name).stem.lower() not in taken)
        name = next(free, candidates[-1])
        taken.add(PurePosixPath(name).stem.lower())
        names.append(name)
    return names

"""COCO: JSON files of images, categories and annotations, under the names that COCO and Roboflow give them."""

from functools import partial
from pathlib import PurePosixPath
from typing import Any

from pupila.artifacts.dataset.annotations import CocoFile, coco_file
from pupila.artifacts.dataset.formats.class_files import CLASS_FILES, class_legend, drawn_legend
from pupila.artifacts.dataset.formats.file_finder import Finder, split_named, unlisted, unwrapped
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import OWN_FILES, SPLIT_WORDS

_FOLDER = "annotations"  # where COCO keeps its files, beside the folders of images
_HEAD = 4096  # bytes that tell whether a JSON file may be one of COCO's
_KEYS = (b'"images"', b'"annotations"', b'"categories"', b'"info"', b'"licenses"')


def read(path: str) -> Listing | None:
    """The images that the folder's COCO files name, or the one file."""
    if files.is_folder(path):
        root, notes = path.rstrip("/") or "/", list[str]()
        if not (found := _files_in(root)):
            root, notes = unwrapped(root)
            found = _files_in(root)
    elif path.lower().endswith(".json"):
        home = path.rpartition("/")[0] or "."
        above = home.rpartition("/")[0] or "."
        root, notes = above if PurePosixPath(home).name.lower() == _FOLDER else home, []
        found = {files.relative(path, root): file} if (file := coco_file(path)) else {}
    else:
        return None
    if not found:
        return None
    if any(
        split_named(name) for name in found
    ):  # `instances_all.json` beside those of the splits repeats them
        found = {name: file for name, file in found.items() if split_named(name)}
    if not any(one.get("segmentation") for file in found.values() for one in _all_of(file)):
        raise PupilaError(
            say("The annotations in {path} are boxes, not masks", path=path), found=listing(list(found)),
            wanted=say("an outline or run lengths for each object"),
            remedy=say("export them anew for segmentation"),
        )  # fmt: skip
    names = [name for file in found.values() for name in file.names.values()]
    legend = drawn_legend(names, class_legend(root))
    finder = Finder(root)
    entries, columns, oddities = _images(finder, found)
    if not entries:
        raise PupilaError(
            say("None of the images that {path} names is there", path=listing(list(found))),
            found=listing([o.subject for o in oddities], 3), wanted=say("the images beside the annotations"),
        )  # fmt: skip
    oddities += [o for o in unlisted(root, {e.path for e in entries}) if o.subject not in found]
    layout = say("COCO annotations ({names})", names=listing(list(found)))
    home = path if files.is_folder(path) else path.rpartition("/")[0] or "."
    return Listing(layout, root, as_rows(entries, columns), home, oddities, notes, masks=True, legend=legend)


def _all_of(file: CocoFile) -> list[dict[str, Any]]:
    return [one for some in file.annotations.values() for one in some]


def _files_in(root: str) -> dict[str, CocoFile]:
    """Path below the root to content, of the COCO files in the root, in `annotations` and in folders of splits."""
    places = ["", *(n for n in files.folders(root) if n.lower() == _FOLDER or n.lower() in SPLIT_WORDS)]
    found = {}
    for place in places:
        for name in files.entries(files.join(root, place) if place else root):
            path = f"{place}/{name}" if place else name
            if not name.lower().endswith(".json") or name in OWN_FILES or name in CLASS_FILES:
                continue
            uri = files.join(root, path)
            if any(key in files.read_start(uri, _HEAD) for key in _KEYS) and (file := coco_file(uri)):
                found[path] = file
    return found


def _images(
    finder: Finder, found: dict[str, CocoFile]
) -> tuple[list[files.FileEntry], dict[str, list[str | None]], list[Oddity]]:
    """The images that are there, their targets and splits, and what was odd; the first record of an image counts."""
    by_path: dict[str, tuple[files.FileEntry, str, str | None]] = {}
    oddities = []
    for name, file in found.items():
        split, folder = split_named(name), name.rpartition("/")[0]
        for key, record in file.images.items():
            told = str(record.get("file_name", "")).replace("\\", "/")
            beside = f"{folder}/{told}" if folder else told
            entry = finder.find(beside, partial(_fits, told=told, split=split))
            if entry is None:
                oddities.append(Oddity(told or f"{name}#{key}", "row-without-image", say("no such file")))
            elif entry.path in by_path:
                oddities.append(Oddity(entry.path, "repeated-row", f"{name}#{key}"))
            else:
                by_path[entry.path] = entry, f"{name}#{key}", split
        lost = [key for key in file.annotations if key not in file.images]
        oddities += [
            Oddity(f"{name}#{key}", "row-without-image", say("annotations of no image in the file"))
            for key in lost
        ]
    entries = [entry for entry, _, _ in by_path.values()]
    columns: dict[str, list[str | None]] = {
        "target": [target for _, target, _ in by_path.values()],
        "given_split": [split for _, _, split in by_path.values()],
    }
    return entries, columns, oddities


def _fits(hit: str, told: str, split: str | None) -> bool:
    """Whether the file lies as the record says, or in the folder of the record's split."""
    if "/" in told:
        return f"/{hit}".endswith(f"/{told}")
    return split is not None and split_named(str(PurePosixPath(hit).parent)) == split

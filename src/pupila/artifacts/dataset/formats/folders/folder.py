"""Folders of images: one per class, with or without train/val/test above, or one flat folder without labels."""

import re
from collections import Counter
from dataclasses import replace

from pupila.artifacts.dataset.formats.file_finder import folder_content, holds_bundle
from pupila.artifacts.dataset.formats.folders.class_names import Stems
from pupila.artifacts.dataset.formats.folders.folder_tree import build_tree
from pupila.artifacts.dataset.formats.folders.folder_views import doubt_views
from pupila.artifacts.dataset.formats.folders.structure import Reader, Spot, Structure
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.masks.mask_pixels import read_pixels
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.found_table import read_found_table
from pupila.artifacts.dataset.formats.tables.table import (
    asks_for_several,
    read_class_columns,
    read_unfit_table,
)
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import ADDED_FOLDER, SPLIT_WORDS, TEST

_DOCUMENTS = {".md", ".rst", ".txt", ".ipynb", ".html", ".py"}


def read(place: Place, settings: ReadSettings) -> Listing | None:
    """The folder's images, with classes and splits named by its subfolders."""
    if not place.is_folder:
        return None
    path, root, notes = place.path, place.root, place.describe_root(place.root)
    images, oddities = place.images, list(place.others)
    if not images:
        raise PupilaError(
            say("No images in {path}", path=path), actual=_describe_content(oddities),
            expected=say("a folder per class, a flat folder of images, or a table"), remedy="docs/reference/dataset.md",
        )  # fmt: skip
    documents = {o.subject.rpartition("/")[0] for o in oddities if files.suffix(o.subject) in _DOCUMENTS}
    topmost = settings.layout == "folders"
    requested = settings.requested_task()
    accepted = topmost or (requested is not None and requested.target != "mask")
    try:
        stems = Stems(images, lambda image: read_pixels(root, image, settings.limits()))
        structure = Reader(documents, stems, accepted, topmost).read(build_tree(images))
    except PupilaError:
        table, _ = _read_table(root, images, settings)
        if table is None:
            raise
        return replace(table, home=path, notes=[*notes, *table.notes])
    notes = place.describe_root(files.join(root, structure.inner)) if structure.inner else notes
    folders = [e.path.rpartition("/")[0] for e in images]
    oddities += [Oddity(e.path, "other-file", structure.left_out[folder])
                 for e, folder in zip(images, folders, strict=True) if folder in structure.left_out]  # fmt: skip
    images = [e for e, folder in zip(images, folders, strict=True) if folder not in structure.left_out]
    folders = [folder for folder in folders if folder not in structure.left_out]
    spots = [structure.spots[folder] for folder in folders]
    classes = {spot.target for spot in spots if spot.target is not None}
    if len({name for name in classes if not folder_content(name)}) < 2:
        table, remarks = _read_table(root, images, settings)
        if table is not None and not _names_test_alone(table, images, spots):
            return replace(table, home=path, notes=[*notes, *table.notes])
        notes += remarks
        notes += [] if table is None else [_describe_form(table)]
    if structure.class_level and not accepted:
        views = doubt_views(root, images, [spot.target for spot in spots], settings.limits())
        structure.doubts += [views] if views else []
    oddities += _find_empty_classes(root, structure, spots)
    notes = [*notes, *structure.notes, *([] if structure.split_level else _splits_in_names(images))]
    columns: dict[str, list[str | None]] = {
        "target": [spot.target for spot in spots],
        "given_split": [spot.split for spot in spots],
        "subfolder": [folder if s.rest is None else s.rest for folder, s in zip(folders, spots, strict=True)],
    }
    if any(spot.part for spot in spots):
        columns["part"] = [spot.part for spot in spots]
    rows = as_rows(images, columns)
    return Listing(
        _name_layout(structure),
        root,
        rows,
        path,
        oddities,
        notes,
        folders=True,
        doubt=" ".join(structure.doubts),
    )


def _names_test_alone(table: Listing, images: list[files.FileEntry], spots: list[Spot]) -> bool:
    """Whether a table that was found labels images of the test split alone, and others are without labels."""
    splits = {e.path: spot.split for e, spot in zip(images, spots, strict=True)}
    named = {splits.get(image) for image in table.rows["image"]}
    return bool(table.tables) and named == {TEST} != set(splits.values())


def _describe_form(table: Listing) -> str:
    return say(
        "{table} names no images but those of the test split, as a form for predictions does: it is not read. "
        "If it holds labels, use --labels {table}.", table=table.tables[0].rpartition("/")[2],
    )  # fmt: skip


def _find_empty_classes(root: str, structure: Structure, spots: list[Spot]) -> list[Oddity]:
    """Folders without images beside those of the classes."""
    if not structure.class_level:
        return []
    classes = {spot.target for spot in spots}
    beside = {
        folder[: -len(spot.target)].rstrip("/")
        for folder, spot in structure.spots.items()
        if spot.target and folder.rpartition("/")[2] == spot.target
    }
    with_images = {
        above for folder in [*structure.spots, *structure.left_out] for above in _folders_above(folder)
    }
    places = {files.join(root, place) if place else root: f"{place}/" if place else "" for place in beside}
    empty = {name for uri, place in places.items() for name in files.list_folders(uri)
             if f"{place}{name}" not in with_images and name not in classes
             and not holds_bundle(files.join(uri, name))}  # fmt: skip
    return [
        Oddity(name, "empty-class", say("a class folder without images"))
        for name in sorted(empty - {ADDED_FOLDER})
    ]


def _folders_above(folder: str) -> list[str]:
    parts = folder.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _name_layout(structure: Structure) -> str:
    if not structure.class_level:
        return say("a folder of images without labels")
    if structure.split_level:
        return say("a folder per class below train/val/test")
    return say("a folder per class")


def _splits_in_names(images: list[files.FileEntry]) -> list[str]:
    """A note, where every file name begins with the name of a split."""
    starts = set()
    for entry in images:
        starts.add(start := re.split(r"[_\-. ]", entry.path.rpartition("/")[2], maxsplit=1)[0])
        if start not in SPLIT_WORDS:
            return []
    if len(starts) < 2:
        return []
    by = f"'^({'|'.join(sorted(starts))})'"
    return [say("File names begin with {words}. To keep that split, use --by {by}.",
                words=", ".join(sorted(starts)), by=by)]  # fmt: skip


def _read_table(
    root: str, images: list[files.FileEntry], settings: ReadSettings
) -> tuple[Listing | None, list[str]]:
    """The rows of a table that is found by the content of its columns, and notes on tables that can't be used."""
    several, requested = asks_for_several(settings), settings.requested_task()
    table = read_class_columns(root, several) or (read_unfit_table(root) if several else None)
    if (
        table is not None
        or settings.layout == "folders"
        or (requested is not None and requested.target == "mask")
    ):
        return table, []
    return read_found_table(root, images, several)


def _describe_content(oddities: list[Oddity]) -> str:
    counts = Counter(files.suffix(o.subject) or o.subject for o in oddities)
    return listing([f"{n} x {suffix}" for suffix, n in counts.most_common()]) or say("an empty folder")

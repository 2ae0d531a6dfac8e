"""Class folders that are passed over, as a table, annotations or masks are read instead."""

import re

import polars as pl

from pupila.artifacts.dataset.formats.folders.class_names import Stems
from pupila.artifacts.dataset.formats.folders.folder_tree import build_tree
from pupila.artifacts.dataset.formats.folders.structure import Reader
from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.masks.folder_names import hint, split_of_folder
from pupila.artifacts.dataset.formats.masks.mask_pixels import read_pixels
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

_MOST, _LEAST_IMAGES = 40, 3  # folders, and images in the usual one: others are cases or places
_CLOSED = ("table", "masks")  # layouts whose listing says which images there are: no other is looked for


def describe_passed_folders(place: Place, layout: str, source: Listing, settings: ReadSettings) -> list[str]:
    """A note on folders that could be read as classes, where other labels are read that do not follow them.

    Args:
        place: where it was read.
        layout: of it, a key of `FORMATS`.
        source: what was read.
        settings: where the user names a layout or labels, all is decided.

    Raises:
        PupilaError: the files of a tool are about some of the folders, and leave out others.
    """
    if source.folders or settings.layout != "auto" or settings.labels != "auto" or not len(source.rows):
        return []
    labels = dict(source.rows.select("image", "target").iter_rows())
    beside = [] if layout in _CLOSED or source.root != place.root else [e.path for e in place.images]
    paths = [path for path in dict.fromkeys([*labels, *beside]) if not path.startswith(("/", ".."))]
    entries = [files.FileEntry(path, 0, 0) for path in paths]
    try:
        stems = Stems(entries, lambda image: read_pixels(source.root, image, settings.limits()))
        structure = Reader(set(), stems, False, False).read(build_tree(entries))
    except PupilaError:  # no classes, or open
        return []
    classes = {
        path: spot.target
        for path in paths
        if (spot := structure.spots.get(path.rpartition("/")[0])) and spot.target is not None
    }
    names = sorted(set(classes.values()))
    if not structure.class_level or not 2 <= len(names) <= _MOST or len(classes) < _LEAST_IMAGES * len(names):
        return []
    if all(hint(name) == "image" or split_of_folder(name) for name in names):  # where the images lie
        return []
    forms = {re.sub(r"\d+", "#", name) for name in names}
    if len(forms) == 1 and re.search(r"[^\W\d_]", forms.pop()):  # cases
        return []
    if source.target == "class" and _follow(classes, labels):
        return []
    read = {classes[path] for path in classes.keys() & labels.keys()}
    left_out = [name for name in names if name not in read]
    if left_out and not any(hint(name) or split_of_folder(name) for name in names):
        raise PupilaError(
            say("The annotations and the folders disagree about the images"),
            actual=say("{layout}, which leaves out the folders {left_out}; folders {names}, which may be classes",
                       layout=source.layout, left_out=listing(left_out, 3), names=listing(names, 6)),
            expected=say("one reading"),
            remedy=say("{flag} if the annotations count, or {folders} if the folders are the classes",
                       flag=f"--layout {layout}", folders="--layout folders"),
        )  # fmt: skip
    return [say("The folders {names} are not read as classes; to read them so, use --layout folders.",
                names=listing(names, 6))]  # fmt: skip


def _follow(classes: dict[str, str], labels: dict[str, str | None]) -> bool:
    """Whether each folder has a label of its own, whatever it is called."""
    pairs = pl.DataFrame({"folder": list(classes.values()), "label": [labels.get(path) for path in classes]})
    pairs = pairs.unique()
    return bool(pairs["folder"].is_unique().all() and pairs["label"].is_unique().all())

"""Images beside masks of the same stem: `images/` and `masks/`, also below train/val/test, under their usual names.

Where no folder is one of images, a class file among the masks says that all other images are meant.
"""

import re
from collections import defaultdict
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.class_files import CLASS_FILES, read_class_file
from pupila.artifacts.dataset.formats.file_finder import (
    content_by_path,
    folder_content,
    split_from_path,
)
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_SUFFIX = re.compile(r"[_\-. ]?(mask|masks|label|labels|gt|seg|segmentation|json)$", re.IGNORECASE)


def read(place: Place, _settings: ReadSettings) -> Listing | None:
    """The images with the masks of the same stem, where there are folders for both."""
    if not place.is_folder:
        return None
    path, root, notes = place.path, place.root, place.describe_root(place.root)
    if not any(folder_content(name) == "mask" for name in _folder_names(root)):
        return None
    entries, oddities = place.images, list(place.others)
    images = [e for e in entries if content_by_path(e.path) == "image"]
    if not images and _has_class_file(root):
        images = [e for e in entries if content_by_path(e.path) != "mask"]
    masks = [e for e in entries if content_by_path(e.path) == "mask"]
    if not images or not masks:
        return None
    places = {_folder_and_stem(e.path) for e in images}
    by_place: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mask in masks:
        folder, stem = _folder_and_stem(mask.path)
        exact = (folder, stem) in places
        by_place[folder, stem if exact else _SUFFIX.sub("", stem)].append(mask.path)
    targets: list[str | None] = []
    for image in images:
        matching = by_place.pop(_folder_and_stem(image.path), [])
        targets.append(matching[0] if matching else None)
        oddities += [
            Oddity(mask, "multiple-masks", say("{image} already has a mask", image=image.path))
            for mask in matching[1:]
        ]
        if not matching:
            oddities.append(Oddity(image.path, "image-without-mask", ""))
    oddities += [Oddity(mask, "mask-without-image", "") for rest in by_place.values() for mask in rest]
    if not any(targets):
        raise PupilaError(
            say("No image in {path} has a mask of the same name", path=path),
            actual=f"{images[0].path}, {masks[0].path}",
            expected=say("images/NAME.jpg beside masks/NAME.png"), remedy="docs/reference/dataset.md",
        )  # fmt: skip
    oddities = [o for o in oddities if PurePosixPath(o.subject).name not in CLASS_FILES]
    rows = as_rows(images, {"target": targets, "given_split": [split_from_path(e.path) for e in images]})
    label_map = read_class_file(root, *(files.join(root, name) for name in files.list_folders(root)))
    return Listing(
        say("images beside masks"), root, rows, path, oddities, notes, target="mask", label_map=label_map
    )


def _has_class_file(root: str) -> bool:
    """Whether a folder of masks holds a class file: then its name is not the name of an image class."""
    folders = [name for name in files.list_folders(root) if folder_content(name) == "mask"]
    return any(files.exists(files.join(root, f"{name}/{file}")) for name in folders for file in CLASS_FILES)


def _folder_names(root: str) -> list[str]:
    names = files.list_folders(root)
    return names + [inner for name in names for inner in files.list_folders(files.join(root, name))]


def _folder_and_stem(path: str) -> tuple[str, str]:
    """(the folders except those of images and masks, the stem), in lower case."""
    *above, name = path.split("/")
    rest = "/".join(part for part in above if not folder_content(part))
    return rest.lower(), PurePosixPath(name).stem.lower()

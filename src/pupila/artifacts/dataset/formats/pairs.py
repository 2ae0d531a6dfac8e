"""Images beside masks of the same stem: `images/` and `masks/`, also below train/val/test, under their usual names.

Where no folder is one of images, a class file among the masks says that all other images are meant.
"""

import re
from collections import defaultdict
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.class_files import CLASS_FILES, class_legend
from pupila.artifacts.dataset.formats.file_finder import kind, kind_of, sort_out, split_of, unwrapped
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_SUFFIX = re.compile(r"[_\-. ]?(mask|masks|label|labels|gt|seg|segmentation|json)$", re.IGNORECASE)


def read(path: str) -> Listing | None:
    """The images with the masks of their stems, where there are folders for both."""
    if not files.is_folder(path):
        return None
    root, notes = unwrapped(path.rstrip("/") or "/")
    if not any(kind(name) == "mask" for name in _folder_names(root)):
        return None
    entries, oddities = sort_out(root)
    images = [e for e in entries if kind_of(e.path) == "image"]
    if not images and _names_classes(root):
        images = [e for e in entries if kind_of(e.path) != "mask"]
    masks = [e for e in entries if kind_of(e.path) == "mask"]
    if not images or not masks:
        return None
    places = {_place(e.path) for e in images}
    by_place: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mask in masks:
        folder, stem = _place(mask.path)
        exact = (folder, stem) in places
        by_place[folder, stem if exact else _SUFFIX.sub("", stem)].append(mask.path)
    targets: list[str | None] = []
    for image in images:
        found = by_place.pop(_place(image.path), [])
        targets.append(found[0] if found else None)
        oddities += [
            Oddity(mask, "second-mask", say("{image} has another", image=image.path)) for mask in found[1:]
        ]
        if not found:
            oddities.append(Oddity(image.path, "image-without-mask", ""))
    oddities += [Oddity(mask, "mask-without-image", "") for rest in by_place.values() for mask in rest]
    if not any(targets):
        raise PupilaError(
            say("No image has a mask of its name in {path}", path=path),
            found=say("{image}, {mask}", image=images[0].path, mask=masks[0].path),
            wanted=say("images/NAME.jpg beside masks/NAME.png"), remedy="docs/reference/dataset.md",
        )  # fmt: skip
    oddities = [o for o in oddities if PurePosixPath(o.subject).name not in CLASS_FILES]
    rows = as_rows(images, {"target": targets, "given_split": [split_of(e.path) for e in images]})
    legend = class_legend(root, *(files.join(root, name) for name in files.folders(root)))
    return Listing(say("images beside masks"), root, rows, path, oddities, notes, masks=True, legend=legend)


def _names_classes(root: str) -> bool:
    """Whether a folder of masks holds a class file: then it is no class of images that is called so."""
    folders = [name for name in files.folders(root) if kind(name) == "mask"]
    return any(files.exists(files.join(root, f"{name}/{file}")) for name in folders for file in CLASS_FILES)


def _folder_names(root: str) -> list[str]:
    names = files.folders(root)
    return names + [inner for name in names for inner in files.folders(files.join(root, name))]


def _place(path: str) -> tuple[str, str]:
    """(the folders but for those of images and masks, the stem), in small letters."""
    *above, name = path.split("/")
    rest = "/".join(part for part in above if not kind(part))
    return rest.lower(), PurePosixPath(name).stem.lower()

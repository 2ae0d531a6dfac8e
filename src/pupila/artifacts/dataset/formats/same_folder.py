"""Masks in the folders of their images, marked by a suffix: `a.jpg` beside `a_mask.png`, as Roboflow exports them."""

import re
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.class_files import CLASS_FILES
from pupila.artifacts.dataset.formats.class_lists import read_mask_classes
from pupila.artifacts.dataset.formats.file_finder import split_from_path
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.core import files
from pupila.core.messages import say

_MASK = re.compile(r"(.+?)[_\-. ]masks?(?:[_\-. ]?\d+)?", re.IGNORECASE)


def pair_masks(root: str, entries: list[files.FileEntry], oddities: list[Oddity]) -> Listing | None:
    """The images with their masks, where most images have one.

    Args:
        root: folder or URI.
        entries: all images below it.
        oddities: of all other files there.
    """
    places = {_folder_and_stem(e.path) for e in entries}
    masks: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        folder, stem = _folder_and_stem(entry.path)
        if (match := _MASK.fullmatch(stem)) and (folder, match[1]) in places:
            masks.setdefault((folder, match[1]), []).append(entry.path)
    taken = {mask for some in masks.values() for mask in some}
    images = [e for e in entries if e.path not in taken]
    if 2 * len(masks) <= len(images):
        return None
    targets = [masks.get(_folder_and_stem(e.path), [None])[0] for e in images]
    without = [e.path for e, target in zip(images, targets, strict=True) if target is None]
    odd = [o for o in oddities if PurePosixPath(o.subject).name not in CLASS_FILES]
    odd += [Oddity(image, "image-without-mask", "") for image in without]
    odd += [
        Oddity(second, "multiple-masks", say("{image} already has a mask", image=some[0]))
        for some in masks.values() for second in some[1:]
    ]  # fmt: skip
    rows = as_rows(images, {"target": targets, "given_split": [split_from_path(e.path) for e in images]})
    label_map = read_mask_classes(root, sorted(taken))
    odd = [o for o in odd if label_map is None or o.subject != label_map.source]
    return Listing(
        say("images with masks beside them"), root, rows, root, odd, target="mask", label_map=label_map
    )


def _folder_and_stem(path: str) -> tuple[str, str]:
    """(the folder, the stem in lower case)."""
    return path.rpartition("/")[0], PurePosixPath(path).stem.lower()

"""Masks in the folders of their images, told by an ending: `a.jpg` beside `a_mask.png`, as Roboflow exports them."""

import re
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.class_files import CLASS_FILES, class_legend
from pupila.artifacts.dataset.formats.file_finder import split_of
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.core import files
from pupila.core.messages import say

_MASK = re.compile(r"(.+?)[_\-. ]masks?(?:[_\-. ]?\d+)?", re.IGNORECASE)


def paired(root: str, entries: list[files.FileEntry], oddities: list[Oddity]) -> Listing | None:
    """The images with their masks, where most images have one.

    Args:
        root: folder or URI.
        entries: all images below it.
        oddities: all else that was met there.
    """
    places = {_place(e.path) for e in entries}
    masks: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        folder, stem = _place(entry.path)
        if (found := _MASK.fullmatch(stem)) and (folder, found[1]) in places:
            masks.setdefault((folder, found[1]), []).append(entry.path)
    taken = {mask for some in masks.values() for mask in some}
    images = [e for e in entries if e.path not in taken]
    if 2 * len(masks) <= len(images):
        return None
    targets = [masks.get(_place(e.path), [None])[0] for e in images]
    without = [e.path for e, target in zip(images, targets, strict=True) if target is None]
    odd = [o for o in oddities if PurePosixPath(o.subject).name not in CLASS_FILES]
    odd += [Oddity(image, "image-without-mask", "") for image in without]
    odd += [
        Oddity(second, "second-mask", say("{image} has another", image=some[0]))
        for some in masks.values() for second in some[1:]
    ]  # fmt: skip
    rows = as_rows(images, {"target": targets, "given_split": [split_of(e.path) for e in images]})
    legend = class_legend(root, *(files.join(root, name) for name in files.folders(root)))
    return Listing(say("images with masks beside them"), root, rows, root, odd, masks=True, legend=legend)


def _place(path: str) -> tuple[str, str]:
    """(the folder, the stem in small letters)."""
    return path.rpartition("/")[0], PurePosixPath(path).stem.lower()

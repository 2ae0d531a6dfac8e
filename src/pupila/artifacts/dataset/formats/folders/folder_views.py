"""Whether class folders hold views of the same scenes: a camera's left and right eye, photographs and their depths."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from pupila.artifacts.dataset.formats.file_names import read_stem
from pupila.artifacts.dataset.formats.masks.mask_candidates import spread
from pupila.artifacts.dataset.formats.masks.mask_pixels import Pixels, read_pixels
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.images.decode import ImageLimits

_MOST_FOLDERS = 3  # of views; more that count alike are classes
_LEAST_STEMS = 3
_SAMPLES = 6  # stems whose files are looked at
_ALIKE, _APART = 0.6, 0.3  # correlation of two views of a scene, and how far that of other scenes is below


def doubt_views(
    root: str, images: list[files.FileEntry], classes: Sequence[str | None], limits: ImageLimits
) -> str:
    """What speaks against classes: two or three that hold images of the same names, and no drawings.

    Args:
        root: that the paths are relative to.
        images: (N) files.
        classes: (N) class of each image; None for none.
        limits: of reading.

    Raises:
        PupilaError: the images of a name show the same scene in both folders.
    """
    by_class: dict[str, dict[str, str]] = defaultdict(dict)
    names = {name for name in classes if name is not None}
    if not 2 <= len(names) <= _MOST_FOLDERS:
        return ""
    for entry, name in zip(images, classes, strict=True):
        if name is not None:
            by_class[name][read_stem(entry.path)] = entry.path
    first, second, *_ = (by_class[name] for name in sorted(names))
    if len(first) < _LEAST_STEMS or any(some.keys() != first.keys() for some in by_class.values()):
        return ""
    stems = spread(sorted(first), _SAMPLES)
    pairs = [(view, other) for stem in stems if (view := read_pixels(root, first[stem], limits))
             and (other := read_pixels(root, second[stem], limits))]  # fmt: skip
    if not pairs or all(view.few and other.few for view, other in pairs):
        return ""
    examples = [first[stems[0]], second[stems[0]]]
    if show_the_same(pairs):
        raise refuse_views(examples)
    shown = {"folders": listing(sorted(names)), "examples": listing(examples)}
    return say("All images in {folders} have the same names ({examples}). If they are views of the same scenes and no "
               "classes, name one of the folders.", **shown)  # fmt: skip


def refuse_views(examples: list[str]) -> PupilaError:
    """The error where folders hold views of the same scenes, such as these two images."""
    return PupilaError(
        say("The folders look like views of the same scenes, not like classes"),
        actual=say("images of the same names that look alike: {examples}", examples=listing(examples)),
        expected=say("a folder per class"),
        remedy=say("--layout folders if they are the classes; otherwise name the folder of the images to read"),
    )  # fmt: skip


def show_the_same(pairs: Sequence[tuple[Pixels, Pixels]]) -> bool:
    """Whether images correlate with their own partners, and much less with others'."""
    if len(pairs) < _LEAST_STEMS:
        return False
    grids = (np.array([pair[side].small.ravel() for pair in pairs]) for side in (0, 1))
    ours, theirs = (side - side.mean(axis=1, keepdims=True) for side in grids)
    lengths = np.linalg.norm(ours, axis=1)[:, None] * np.linalg.norm(theirs, axis=1)[None]
    alike = ours @ theirs.T / np.maximum(lengths, 1e-9)
    own = np.diag(alike)
    others = alike[~np.eye(len(alike), dtype=bool)]
    return float(np.median(own)) >= _ALIKE and float(np.median(own) - np.median(others)) >= _APART

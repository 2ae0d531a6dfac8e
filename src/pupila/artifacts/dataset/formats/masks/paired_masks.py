"""The masks of each image as targets: one file, or several as one target where they are classes or objects."""

import re
from collections import Counter
from dataclasses import dataclass, field

from pupila.artifacts.dataset.formats.file_finder import folder_content
from pupila.artifacts.dataset.formats.file_names import common_start
from pupila.artifacts.dataset.formats.listing import Oddity
from pupila.artifacts.dataset.formats.masks.folder_names import hint
from pupila.artifacts.dataset.formats.masks.mask_candidates import Tree
from pupila.artifacts.dataset.formats.masks.mask_choice import (
    describe_passed,
    refuse_several_masks,
)
from pupila.artifacts.dataset.formats.masks.mask_files import MaskFile, write_mask_files
from pupila.artifacts.dataset.formats.masks.mask_pixels import SAME_REGION, overlap
from pupila.artifacts.dataset.formats.masks.stems import Matches
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

_SAMPLES = 3  # images whose masks of different names are compared


@dataclass(slots=True)
class Targets:
    """The target of each image that has one."""

    by_image: dict[str, str] = field(default_factory=dict)
    oddities: list[Oddity] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def make_targets(tree: Tree, matches: Matches) -> Targets:
    """The targets of images with their masks.

    Raises:
        PupilaError: the names of an image's masks differ in what may be classes, or other pictures of the same.
    """
    targets = Targets()
    parts = Counter(part for some in matches.masks.values() for _, part in some)
    classes = sorted(part for part in parts if part not in ("", "#"))
    if len(classes) > 1 or (classes and len(parts) > 1):
        chosen = _choose_part(tree, matches, sorted(parts), targets)
        if chosen is None:
            return _as_classes(matches, classes, targets)
        matches.masks = {image: left for image, some in matches.masks.items()
                         if (left := [each for each in some if each[1] in chosen])}  # fmt: skip
    if any(part == "#" for some in matches.masks.values() if len(some) > 1 for _, part in some):
        return _as_objects(matches, targets)
    folder = _choose_folder(matches, targets)
    for image, some in matches.masks.items():
        first, *others = sorted(some, key=lambda each: not _is_inside(folder, each[0]))
        targets.by_image[image] = first[0]
        if not folder or not _is_inside(folder, first[0]):
            targets.oddities += [_second(mask, image) for mask, _ in others]
    return targets


def _choose_folder(matches: Matches, targets: Targets) -> str:
    """The folder whose masks are read, where most images have one in each of several; "" where they don't.

    Raises:
        PupilaError: none of the folders is more likely than the others.
    """
    several = [[mask for mask, _ in some] for some in matches.masks.values() if len(some) > 1]
    if 2 * len(several) < len(matches.masks):
        return ""
    counts = Counter(folder for masks in several for folder in _own_folders(masks))
    folders = sorted(folder for folder, count in counts.items() if folder and 2 * count > len(several))
    if len(folders) < 2:
        return ""
    usual = [folder for folder in folders if folder_content(folder) == "mask"]
    named = [folder for folder in folders if hint(folder) == "mask"]
    taken = next((some[0] for some in (usual, named) if len(some) == 1), "")
    if not taken:
        raise refuse_several_masks(next(iter(matches.masks)).rpartition("/")[0], folders)
    targets.notes += [describe_passed([taken], other) for other in folders if other != taken]
    return taken


def _own_folders(masks: list[str]) -> list[str]:
    """The part of each path's folders that not all share."""
    parts = [path.split("/")[:-1] for path in masks]
    shared = set.intersection(*map(set, parts))
    return ["/".join(part for part in some if part not in shared) for some in parts]


def _is_inside(folder: str, path: str) -> bool:
    return f"/{folder}/" in f"/{path}"


def _choose_part(tree: Tree, matches: Matches, parts: list[str], targets: Targets) -> list[str] | None:
    """The parts of mask names that are read, where others are pictures of the labels too; None: each is a class."""
    several = [some for some in matches.masks.values() if len(some) > 1]
    if not several:
        return None if "" not in parts else parts
    step = max(1, len(several) // _SAMPLES)
    binary, alike = True, []
    for some in several[::step][:_SAMPLES]:
        samples = {part: pixels for mask, part in some if (pixels := tree.read(mask))}
        binary &= all(pixels.binary for pixels in samples.values())
        shown = list(samples.values())
        alike += [overlap(first, second) for n, first in enumerate(shown) for second in shown[:n]]
    plain = [part for part in parts if part in ("", "#")]
    if not plain and binary and (not alike or sum(alike) / len(alike) < SAME_REGION):
        return None
    named = plain or _labels_by_name(parts)
    others = [part for part in parts if part not in named]
    if len(named) != 1 and not plain:
        raise PupilaError(
            say("Several files may be the mask of an image"), actual=listing([mask for mask, _ in several[0]]),
            expected=say("one mask for each image, or one for each class with two values"),
            remedy=say("name them: --masks {pattern}", pattern=f"'{_pattern(parts[0], several)}'"),
        )  # fmt: skip
    targets.notes.append(
        say("Masks are the files {taken}; {others} also match and are not used: --masks {flag}",
            taken=_pattern(named[0], several), others=listing([_pattern(part, several) for part in others]),
            flag=f"'{_pattern(others[0], several)}'")
    )  # fmt: skip
    return named


def _labels_by_name(parts: list[str]) -> list[str]:
    """The parts that say labels: `labelids` before others, as in Cityscapes."""
    exact = [part for part in parts if re.search(r"labelids$", part)]
    return exact or [part for part in parts if hint(part) == "mask"]


def _pattern(part: str, several: list[list[tuple[str, str]]]) -> str:
    """The files of a part as a pattern: what all their names end with, else the first file."""
    masks = [mask for some in several for mask, other in some if other == part]
    end = common_start([mask[::-1] for mask in masks])[::-1].rpartition("/")[2]
    words = re.search(r"[\W_]?\d*[^\W\d_]+\.\w+$", end)
    return f"*{words[0]}" if words and len(masks) > 1 else masks[0]


def _as_classes(matches: Matches, classes: list[str], targets: Targets) -> Targets:
    """A class for each part of the names."""
    for image, some in matches.masks.items():
        targets.by_image[image] = write_mask_files(
            [MaskFile(mask, part) for mask, part in some if part in classes]
        )
    targets.notes.append(
        say("Each image has a mask file for each class: {classes}.", classes=listing(classes))
    )
    return targets


def _as_objects(matches: Matches, targets: Targets) -> Targets:
    """All mask files of an image as objects of one foreground."""
    for image, some in matches.masks.items():
        targets.by_image[image] = write_mask_files([MaskFile(mask) for mask, _ in some])
    most = max(len(some) for some in matches.masks.values())
    targets.notes.append(
        say("Images have up to {n} mask files, read together as the foreground: one for each object.", n=most)
    )
    return targets


def _second(mask: str, image: str) -> Oddity:
    return Oddity(mask, "multiple-masks", say("{image} already has a mask", image=image))

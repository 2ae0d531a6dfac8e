"""Choose between folders that may hold the masks: masks that are all alike are no labels, then names decide."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

from pupila.artifacts.dataset.formats.file_finder import folder_content
from pupila.artifacts.dataset.formats.file_names import common_start
from pupila.artifacts.dataset.formats.masks.folder_names import hint, rest_of_name
from pupila.artifacts.dataset.formats.masks.mask_candidates import Candidate, Role, Tree
from pupila.artifacts.dataset.formats.masks.mask_pixels import SAME_REGION, Pixels, are_alike, overlap
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

_COMPLETE = 0.75  # of the most masks of a folder, below which another has too few


@dataclass(slots=True)
class Choice:
    """The roles that are read."""

    images: list[Role] = field(default_factory=list)
    masks: dict[Role, str] = field(default_factory=dict)  # role -> the class that it marks, "" for none
    by_images: dict[Role, dict[Role, str]] = field(default_factory=dict)  # the masks of each role of images
    known: bool = True  # whether the names of all are usual
    passed: list[Role] = field(default_factory=list)  # other masks of the same images
    notes: list[str] = field(default_factory=list)
    doubt: str = ""


def choose(tree: Tree, candidates: list[Candidate], named: bool = False) -> Choice | None:
    """The images and masks to read; None where nothing is a candidate.

    Args:
        tree: of all images.
        candidates: what matches.
        named: whether a user said that these are masks.

    Raises:
        PupilaError: several folders are as likely; the message names the flag that decides.
    """
    if not candidates:
        return None
    every, candidates = candidates, _of_one_level(tree, candidates)
    _refuse_unclear_images(candidates)
    choice = Choice(images=list(dict.fromkeys(each.images for each in candidates)))
    for images in choice.images:
        mine = [each for each in candidates if each.images == images]
        taken = _choose_masks(tree, mine)
        choice.masks |= taken
        choice.by_images[images] = taken
        choice.known &= all(each.known and not each.masks.inner for each in mine if each.masks in taken)
    for images, taken in choice.by_images.items():
        mine = [each for each in every if each.images == images and each.masks not in choice.masks]
        mine += [each for each in candidates if each.images == images and each.masks in taken]
        choice.passed += [each.masks for each in mine if each.masks not in taken]
        choice.notes += _describe(taken, mine)
        choice.doubt = choice.doubt or (
            "" if named else _doubt(tree, [each for each in mine if each.masks in taken])
        )
    return choice


def _of_one_level(tree: Tree, candidates: list[Candidate]) -> list[Candidate]:
    """Those of the level that holds most images, known names first; each with the masks whose name belongs to it."""
    totals: dict[int, tuple[bool, int]] = {}
    for level in {each.images.level for each in candidates}:
        level_candidates = [each for each in candidates if each.images.level == level]
        masks = {each.masks for each in level_candidates}
        count = sum(len(tree.members(role, masks)) for role in {each.images for each in level_candidates})
        totals[level] = any(each.known for each in level_candidates), count
    best = max(totals, key=lambda level: (*totals[level], -level))
    level_candidates = [each for each in candidates if each.images.level == best]
    chosen = []
    for each in level_candidates:
        akin = [other for other in level_candidates if other.images == each.images and _are_akin(other)]
        akin_images = [other for other in level_candidates if other.masks == each.masks and _are_akin(other)]
        if (each in akin or not akin) and (each in akin_images or not akin_images):
            chosen.append(each)
    return chosen


def _are_akin(candidate: Candidate) -> bool:
    """Whether both names are the same but for what says image or mask: `train` and `train_masks`."""
    first, second = (rest_of_name(role.name) for role in (candidate.images, candidate.masks))
    return bool(first) and first == second


def _refuse_unclear_images(candidates: list[Candidate]) -> None:
    """Keep one role of images for each role of masks: the one whose name says image.

    Raises:
        PupilaError: several folders of photographs fit the same masks.
    """
    by_masks: dict[Role, list[Candidate]] = defaultdict(list)
    for each in candidates:
        by_masks[each.masks].append(each)
    for masks, some in by_masks.items():
        named = [each for each in some if each.known] or [
            each for each in some if hint(each.images.name) == "image"
        ]
        if len(some) > 1 and len(named) != 1:
            raise PupilaError(
                say("Several folders of images fit the masks in {masks}", masks=masks.label),
                actual=listing([each.images.label for each in some]), expected=say("one folder of images"),
                remedy=say("name it: --images {folder}; or --layout folders if the folders are classes",
                           folder=some[0].images.label),
            )  # fmt: skip
        for each in some:
            if len(some) > 1 and each not in named:
                candidates.remove(each)


def _choose_masks(tree: Tree, candidates: list[Candidate]) -> dict[Role, str]:
    """The role of masks of one role of images, or one for each class."""
    if len(candidates) == 1:
        return {candidates[0].masks: ""}
    samples = {each.masks: _read_masks(tree, each) for each in candidates}
    classes = _class_names([each.masks for each in candidates])
    if classes and _mark_different_regions([samples[each.masks] for each in candidates]):
        return classes
    varied = [each for each in candidates if not are_alike(samples[each.masks].values())] or candidates
    usual = [each for each in varied if folder_content(each.masks.name) == "mask" and not each.masks.inner]
    named = [each for each in varied if hint(each.masks.name) == "mask"]
    for some in (varied, usual, named, _most_complete(tree, named or varied)):
        if len(some) == 1:
            return {some[0].masks: ""}
    raise refuse_several_masks(candidates[0].images.label, [each.masks.label for each in varied])


def _most_complete(tree: Tree, candidates: list[Candidate]) -> list[Candidate]:
    """Those that hold more masks than the others by far: a second person often annotates the test images alone."""
    counts = [len(tree.members(each.masks, [])) for each in candidates]
    return [each for each, count in zip(candidates, counts, strict=True) if count >= _COMPLETE * max(counts)]


def _read_masks(tree: Tree, candidate: Candidate) -> dict[str, Pixels]:
    """Image -> the pixels of its mask."""
    return {image: pixels for image, mask in candidate.pairs if (pixels := tree.read(mask))}


def _class_names(roles: list[Role]) -> dict[Role, str]:
    """The class of each role, where their names differ in one part beside a word for masks; empty where they don't."""
    names = [role.inner or role.name for role in roles]
    begin = re.match(r"(.*?[\W_]|)", common_start(names))
    end = common_start([name[::-1] for name in names])[::-1]
    head = begin[0] if begin else ""
    tail = end[end.find(next(iter(re.findall(r"[\W_]", end)), "")) :] if re.search(r"[\W_]", end) else ""
    rest = [name[len(head) : len(name) - len(tail)] for name in names]
    shared = roles[0].name if roles[0].inner else f"{head} {tail}"
    return dict(zip(roles, rest, strict=True)) if all(rest) and hint(shared) == "mask" else {}


def _mark_different_regions(samples: list[dict[str, Pixels]]) -> bool:
    """Whether all masks have two values, and those of one image mark different pixels."""
    if not all(pixels.binary for some in samples for pixels in some.values()):
        return False
    shares = [
        overlap(first[image], second[image])
        for number, first in enumerate(samples)
        for second in samples[:number]
        for image in first.keys() & second.keys()
    ]
    return not shares or sum(shares) / len(shares) < SAME_REGION


def _describe(taken: dict[Role, str], candidates: list[Candidate]) -> list[str]:
    """What was taken and what was passed over, where names don't settle it."""
    names = [role.label for role in taken]
    notes = []
    if not all(each.known for each in candidates if each.masks in taken):
        notes.append(say("Masks are read from {masks}, their images from {images}.", masks=listing(names),
                         images=candidates[0].images.label))  # fmt: skip
    others = dict.fromkeys(each.masks.label for each in candidates if each.masks not in taken)
    return notes + [describe_passed(names, other) for other in others]


def describe_passed(taken: list[str], other: str) -> str:
    """A note on a folder of masks that is not read, as others are."""
    return say("Masks from {taken}; {other} also matches and is not used: --masks {flag}",
               taken=listing(taken), other=other, flag=_quote(other))  # fmt: skip


def refuse_several_masks(images: str, names: list[str]) -> PupilaError:
    """The error where several folders are as likely to hold the masks."""
    return PupilaError(
        say("Several folders may hold the masks of {images}", images=images),
        actual=listing(names), expected=say("one folder of masks, or one for each class (masks/road, masks/water)"),
        remedy=say("name it: --masks {folder}", folder=_quote(names[0])),
    )  # fmt: skip


def _doubt(tree: Tree, candidates: list[Candidate]) -> str:
    """What speaks against masks: names that don't say so, and regions that don't follow their images.

    Raises:
        PupilaError: the stems are numbers, too, as in folders of classes.
    """
    for each in candidates:
        names = {"masks": each.masks.label, "images": each.images.label}
        if each.known or each.aligned or "mask" in (hint(each.masks.name), hint(each.masks.inner)):
            continue
        stems = [item.stem for item in tree.members(each.images, [each.masks])]
        if all(re.search(r"[^\W\d]{3,}.*\d{3}|[0-9a-f]{8}", stem) for stem in stems):
            return say("{masks} is read as masks of {images} because stems and sizes match and its values are few, "
                       "but its regions do not follow the images.", **names)  # fmt: skip
        raise PupilaError(
            say("{images} and {masks} may be images with masks, or two classes", **names),
            actual=say("equal stems and sizes; few values in {masks}, but not along the images' regions", **names),
            expected=say("names such as images and masks"),
            remedy=say("name the layout: {flags}", flags="--layout masks, --layout folders"),
        )  # fmt: skip
    return ""


def _quote(name: str) -> str:
    return f"'{name}'" if re.search(r"[^\w./-]", name) else name

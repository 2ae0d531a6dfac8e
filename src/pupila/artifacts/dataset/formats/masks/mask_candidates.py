"""Which folders hold images and which their masks: sister folders of matching stems, one of few exact values."""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, permutations
from typing import TypeVar

from pupila.artifacts.dataset.formats.file_finder import folder_content
from pupila.artifacts.dataset.formats.file_names import read_stem
from pupila.artifacts.dataset.formats.masks.folder_names import hint, split_of_folder
from pupila.artifacts.dataset.formats.masks.mask_pixels import Pixels, are_aligned, read_pixels
from pupila.artifacts.dataset.formats.masks.stems import ImageStems, Item, match_stems, refuse_channels
from pupila.core import files
from pupila.imaging.images.decode import ImageLimits
from pupila.imaging.masks.arrays import ARRAY_SUFFIXES

LOOSE = "."  # the name of the files that lie in a folder beside its subfolders
_MOST_NAMES = 16  # folders beside each other; more are classes or cases
_SAMPLE = 24  # stems that are matched before any pixel is looked at
_SAMPLES = 6  # files of a folder that are looked at

Parts = tuple[str, ...]
Place = tuple[int, Parts, Parts]  # level, folders above, folders below
T = TypeVar("T")
RolePairs = dict[
    tuple["Role", "Role"], list[tuple[Parts, Parts]]
]  # images and masks, and the folders of both


@dataclass(frozen=True, slots=True)
class Role:
    """All folders of one name at one level of the paths: `masks` of `train/masks` and `test/masks`."""

    level: int
    name: str
    inner: str = ""  # a folder below it that only masks have: the class in `masks/road`

    @property
    def label(self) -> str:
        """As users write it."""
        return f"{self.name}/{self.inner}" if self.inner else self.name


@dataclass(slots=True)
class Candidate:
    """A role of images with a role of masks that match it."""

    images: Role
    masks: Role
    pairs: list[tuple[str, str]]  # some images with their masks
    known: bool = False  # whether the names of both are usual
    exact: bool = False  # whether the stems of images and masks are equal
    aligned: bool = (
        True  # whether the masks fit their own images best; not looked at where the names are known
    )


class Tree:
    """The folders of images, by what they may be."""

    def __init__(self, root: str, entries: list[files.FileEntry], limits: ImageLimits) -> None:
        self.root, self.limits = root, limits
        self.folders: dict[Parts, list[files.FileEntry]] = defaultdict(list)
        for entry in entries:
            self.folders[tuple(entry.path.split("/")[:-1])].append(entry)
        self._pixels: dict[str, Pixels | None] = {}
        self._few: dict[Role, bool | None] = {}
        self._items: dict[Parts, list[Item]] = {}

    def read(self, path: str) -> Pixels | None:
        """The pixels of a file, read once."""
        if path not in self._pixels:
            self._pixels[path] = read_pixels(self.root, path, self.limits)
        return self._pixels[path]

    @cached_property
    def sisters(self) -> dict[Place, dict[Role, Parts]]:
        """(level, folders above, folders below) -> the roles that lie there, and their folders."""
        groups: dict[Place, dict[Role, Parts]] = defaultdict(dict)
        for parts in self.folders:
            for level, name in enumerate(parts):
                groups[level, parts[:level], parts[level + 1 :]][Role(level, name)] = parts
            groups[len(parts), parts, ()][Role(len(parts), LOOSE)] = parts
        return groups

    @cached_property
    def inner_sisters(self) -> dict[Place, dict[Role, Parts]]:
        """The same for folders that lie one deeper: with a class below or above the split, as in `masks/road`."""
        groups: dict[Place, dict[Role, Parts]] = defaultdict(dict)
        for parts in self.folders:
            for level, name in enumerate(parts):
                for inner in range(level + 1, len(parts)):
                    below = (*parts[level + 1 : inner], *parts[inner + 1 :])
                    groups[level, parts[:level], below][Role(level, name, parts[inner])] = parts
        return groups

    def members(self, role: Role, beside: Iterable[Role]) -> list[Item]:
        """The files of a role, their other folders as context; those in no folder of their own only beside others."""
        others = set(beside)
        return [
            Item(entry.path, "/".join((*above, *below)).lower(), read_stem(entry.path))
            for (_, above, below), names in (self.inner_sisters if role.inner else self.sisters).items()
            if role in names and (role.name != LOOSE or others & names.keys())
            for entry in self.folders[names[role]]
        ]

    def list_images(self, pairs: list[tuple[Parts, Parts]]) -> list[Item]:
        """The files of the first folders, without arrays, each with its folder as context."""
        for parts in {first for first, _ in pairs} - self._items.keys():
            self._items[parts] = make_items(self.list_paths([(parts, parts)], 0))
        return [item for first, _ in pairs for item in self._items[first]]

    def sample_masks(self, pairs: list[tuple[Parts, Parts]]) -> list[Item]:
        """Some files of the second folders, evenly spaced, each with the folder of the images as context."""
        ends = list(accumulate(len(self.folders[second]) for _, second in pairs))
        paths = []
        for number in spread(range(ends[-1]), _SAMPLE):
            at = bisect(ends, number)
            first, second = pairs[at]
            paths.append((self.folders[second][number - ends[at]].path, "/".join(first)))
        return make_items(paths)

    def list_paths(self, pairs: list[tuple[Parts, Parts]], side: int) -> list[tuple[str, str]]:
        """The files of one side of these folders, each with the folder of the images as context."""
        return [
            (entry.path, context)
            for context, folder in (("/".join(pair[0]), pair[side]) for pair in pairs)
            for entry in self.folders[folder]
            if side or files.suffix(entry.path) not in ARRAY_SUFFIXES
        ]

    def holds_few_values(self, role: Role, paths: list[str]) -> bool | None:
        """Whether the role's files are masks by their pixels; False for photographs, None for a mixture.

        Two are looked at, and more where these aren't both photographs.
        """
        if role not in self._few:
            samples = [pixels.few for path in spread(paths, 2) if (pixels := self.read(path))]
            if any(samples):
                samples = [pixels.few for path in spread(paths, _SAMPLES) if (pixels := self.read(path))]
            self._few[role] = (
                None
                if not samples
                else True
                if all(samples)
                else False
                if 2 * sum(samples) <= len(samples)
                else None
            )
        return self._few[role]


def find_candidates(tree: Tree) -> list[Candidate]:
    """All roles of images with roles of masks that match them: by names where these are usual, else by their pixels.

    Folders beside each other come first, then masks in folders of classes below.

    Raises:
        PupilaError: an image has a file for each channel.
    """
    return _find_matching(tree, _sister_roles(tree)) or _find_matching(tree, _inner_roles(tree))


def _find_matching(tree: Tree, roles: RolePairs) -> list[Candidate]:
    candidates: list[Candidate] = []
    stems: dict[tuple[Role, tuple[Parts, ...]], ImageStems] = {}
    for (images, masks), folders in sorted(roles.items(), key=lambda each: not _are_known(each[0])):
        known = _are_known((images, masks))
        settled = {each.images for each in candidates if each.known}
        if settled and images not in settled:
            continue  # usual names need no look at pixels, but for other masks of the same images
        own = images, tuple(first for first, _ in folders)
        if own not in stems:
            stems[own] = ImageStems(tree.list_images(folders))
        sample = tree.sample_masks(folders)
        matches = match_stems(stems[own], sample)
        count = sum(len(some) for some in matches.masks.values())
        if 2 * count < len(sample) or not count:
            refuse_channels(stems[own], sample)
            continue
        pairs = [(image, some[0][0]) for image, some in matches.masks.items()]
        shown = [item.path for item in stems[own].items]
        exact = all(read_stem(image) == read_stem(mask) for image, mask in pairs)
        candidate = Candidate(images, masks, spread(pairs, _SAMPLES), known, exact)
        if known or _have_pixels_of_masks(
            tree, candidate, shown, [p for p, _ in tree.list_paths(folders, 1)]
        ):
            candidates.append(candidate)
    return _without_crossed(candidates)


def _without_crossed(candidates: list[Candidate]) -> list[Candidate]:
    """Those of unequal stems only where one of the roles has no partner of equal stems: `Slide_1` is not for `GT_2`."""
    images = {each.images for each in candidates if each.exact}
    masks = {each.masks for each in candidates if each.exact}
    return [each for each in candidates if each.exact or each.images not in images or each.masks not in masks]


def _are_known(roles: tuple[Role, Role]) -> bool:
    return [folder_content(role.name) for role in roles] == ["image", "mask"]


def _inner_roles(tree: Tree) -> RolePairs:
    """Roles of images with those of masks in folders of classes."""
    roles_and_folders: RolePairs = defaultdict(list)
    for place, inner in tree.inner_sisters.items():
        names = tree.sisters.get(place, {})
        if len(inner) <= _MOST_NAMES and len(names) <= _MOST_NAMES:
            for images in names:
                for masks in inner:
                    if images.name != masks.name and folder_content(images.name) != "mask":
                        roles_and_folders[images, masks].append((names[images], inner[masks]))
    return roles_and_folders


def _sister_roles(tree: Tree) -> RolePairs:
    """Two roles, and the folders of both beside each other; not those of different splits."""
    roles_and_folders: RolePairs = defaultdict(list)
    for names in tree.sisters.values():
        roles = [role for role in names if len(names) <= _MOST_NAMES or hint(role.name)]
        if len(roles) > _MOST_NAMES:
            continue
        split_of = {role: split_of_folder(role.name) for role in roles}
        for images, masks in permutations(roles, 2):
            splits = {split_of[images], split_of[masks]} - {None}
            turned = folder_content(images.name) == "mask" and folder_content(masks.name) == "image"
            if len(splits) < 2 and masks.name != LOOSE and not turned:
                roles_and_folders[images, masks].append((names[images], names[masks]))
    return roles_and_folders


def _have_pixels_of_masks(tree: Tree, candidate: Candidate, images: list[str], masks: list[str]) -> bool:
    """Whether the images are photographs, and the masks of few values and of the images' shapes."""
    if tree.holds_few_values(candidate.images, images) is not False:
        return False
    if not tree.holds_few_values(candidate.masks, masks):
        return False
    samples = [(first, second) for image, mask in candidate.pairs
             if (first := tree.read(image)) and (second := tree.read(mask))]  # fmt: skip
    candidate.aligned = are_aligned(samples)
    return bool(samples) and 4 * sum(first.fits(second) for first, second in samples) >= 3 * len(samples)


def make_items(paths: Iterable[tuple[str, str]]) -> list[Item]:
    """Files with their contexts, for matching."""
    return [Item(path, context, read_stem(path)) for path, context in paths]


def spread(items: Sequence[T], most: int) -> list[T]:
    """Some of the items, evenly spaced."""
    step = max(1.0, len(items) / most)
    return [items[int(n * step)] for n in range(min(most, len(items)))]

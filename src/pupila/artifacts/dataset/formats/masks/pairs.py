"""Images and masks in folders beside each other, whatever these are called: `images/` and `masks/`, also around splits.

Usual names are enough. Other folders have to match: by the stems of their files, and by pixels, of which masks hold few
values. Where no folder is one of images, a class file among the masks says that all other images are meant.
"""

from collections.abc import Container
from dataclasses import replace
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.file_finder import content_by_path, folder_content, split_from_path
from pupila.artifacts.dataset.formats.file_names import read_stem
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.masks.folder_names import hint, split_of_folder
from pupila.artifacts.dataset.formats.masks.mask_candidates import Tree, find_candidates
from pupila.artifacts.dataset.formats.masks.mask_choice import Choice, choose
from pupila.artifacts.dataset.formats.masks.named_folders import fits, match_named
from pupila.artifacts.dataset.formats.masks.other_names import match_by_numbers, match_folders
from pupila.artifacts.dataset.formats.masks.paired_masks import make_targets
from pupila.artifacts.dataset.formats.masks.same_folder import match_within_folders
from pupila.artifacts.dataset.formats.masks.stems import ImageStems, Item, Matches, match_stems
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.class_files import CLASS_FILES
from pupila.artifacts.dataset.formats.tables.class_lists import read_mask_classes
from pupila.artifacts.dataset.reading import AUTO, ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, mark, say, say_count, translate
from pupila.core.vocabulary import TEST, TRAIN
from pupila.imaging.masks.arrays import ARRAY_SUFFIXES

_APART, _BESIDE = mark("images beside masks"), mark("images with masks beside them")  # layouts


def read(place: Place, settings: ReadSettings) -> Listing | None:
    """The images with the masks that match them, where there are folders for both.

    Raises:
        PupilaError: several folders are as likely, or nothing matches in folders of usual names.
    """
    if not place.is_folder or len(place.images) < 2:
        return None
    if settings.masks != AUTO or settings.images != AUTO:
        marked = _below_root(place, settings.masks)
        arrays = [e for e in place.arrays if marked != AUTO and fits(e.path, marked)]
        return _read_named(place, Tree(place.root, [*place.images, *arrays], settings.limits()), settings)
    pictures = _read(place, place.images, settings)
    if pictures is None and place.arrays:
        return _read(place, [*place.images, *place.arrays], settings)
    return pictures


def _read(place: Place, entries: list[files.FileEntry], settings: ReadSettings) -> Listing | None:
    """What `read` does, of these images and masks."""
    tree = Tree(place.root, entries, settings.limits())
    requested = settings.requested_task()
    named = settings.layout == "masks" or (requested is not None and requested.target == "mask")
    choice = choose(tree, find_candidates(tree), named)
    if choice is not None and not choice.known and requested is not None and requested.target != "mask":
        choice = None  # folders that only may hold masks
    if choice is not None and not choice.known:
        images, masks = _members(tree, choice)
        return _pair(place, tree, images, masks, choice)
    if (usual := _by_names(place, entries, choice)) is not None:
        return _pair(place, tree, *usual, choice or Choice())
    if (matches := match_within_folders(tree, named)) is not None:
        return _list(place, tree, _without_masks(place.images, matches), matches, Choice(), _BESIDE)
    return None


def _read_named(place: Place, tree: Tree, settings: ReadSettings) -> Listing:
    """The images and masks in the folders that the user names; both in one where these are the same."""
    shown, marked = _below_root(place, settings.images), _below_root(place, settings.masks)
    if shown == marked:
        entries = [e for e in place.images if fits(e.path, marked)]
        matches = match_within_folders(Tree(place.root, entries, settings.limits()), named=True)
        if matches is not None:
            return _list(place, tree, _without_masks(entries, matches), matches, Choice(), _BESIDE)
    named = match_named(tree, shown, marked)
    return _pair(place, tree, named.images, named.masks, Choice(), named.matches)


def _below_root(place: Place, folder: str) -> str:
    """The folder as seen from the root, also where the user sees it from the folder that is named."""
    path = files.relative(folder, place.root) if folder.startswith(("/", place.root)) else folder
    inner = files.relative(place.root, place.home)
    return path.removeprefix("./").removeprefix(f"{inner}/").rstrip("/")


def _without_masks(entries: list[files.FileEntry], matches: Matches) -> list[files.FileEntry]:
    masks = {mask for some in matches.masks.values() for mask, _ in some} | set(matches.unmatched)
    return [e for e in entries if e.path not in masks]


def _members(tree: Tree, choice: Choice) -> tuple[list[Item], list[Item]]:
    """The files of the chosen roles, and images of a test folder that has no masks."""
    images, masks = [], []
    for shown, marked in choice.by_images.items():  # apart, as stems may recur in the folders of other splits
        images += [
            item._replace(context=f"{shown.name}:{item.context}") for item in tree.members(shown, marked)
        ]
        masks += [
            item._replace(context=f"{shown.name}:{item.context}", part=part)
            for role, part in marked.items()
            for item in tree.members(role, [])
        ]
    images = [item for item in images if files.suffix(item.path) not in ARRAY_SUFFIXES]
    taken = {role.name for role in (*choice.images, *choice.masks, *choice.passed)}
    level = choice.images[0].level
    known = {item.path for item in (*images, *masks)}
    for parts, entries in tree.folders.items():
        name = parts[level] if len(parts) > level else ""
        if name and name not in taken and split_of_folder(name) == TEST and hint(name) != "mask":
            images += [
                Item(e.path, "/".join(parts), read_stem(e.path))
                for e in entries
                if e.path not in known and files.suffix(e.path) not in ARRAY_SUFFIXES
            ]
    return images, masks


def _by_names(
    place: Place, entries: list[files.FileEntry], choice: Choice | None
) -> tuple[list[Item], list[Item]] | None:
    """The files in folders of usual names; of the masks those that were chosen."""
    names = {folder for entry in entries for folder in entry.path.split("/")[:-1]}
    if not any(folder_content(name) == "mask" for name in names):
        return None
    chosen = {role.name.lower() for role in choice.masks} if choice else None
    images = [e for e in place.images if content_by_path(e.path) == "image"]
    if not images and _has_class_file(place.root):
        images = [e for e in place.images if content_by_path(e.path) != "mask"]
    masks = [e for e in entries if content_by_path(e.path) == "mask"
             and (chosen is None or any(part.lower() in chosen for part in e.path.split("/")))]  # fmt: skip
    if not images or not masks:
        return None
    return [_item(e.path) for e in images], [_item(e.path) for e in masks]


def _item(path: str) -> Item:
    """The file, its folders except those of images and masks as context."""
    rest = [part for part in path.split("/")[:-1] if not folder_content(part)]
    return Item(path, "/".join(rest).lower(), read_stem(path))


def _pair(
    place: Place,
    tree: Tree,
    images: list[Item],
    masks: list[Item],
    choice: Choice,
    matches: Matches | None = None,
) -> Listing:
    """The listing of images and masks, matched by their stems unless they are already."""
    matches = matches or match_stems(ImageStems(images), masks)
    numbered = match_by_numbers(images, masks, matches)
    matches = numbered or matches
    if not matches.masks:
        matches = match_folders(images, masks) or matches
    if not matches.masks and len({item.stem for item in images}) == len(images):  # other folders around them
        flat = [[item._replace(context="") for item in items] for items in (images, masks)]
        matches = match_stems(ImageStems(flat[0]), flat[1])
    if not matches.masks:
        raise PupilaError(
            say("No image in {path} has a mask of the same name", path=place.path),
            actual=f"{images[0].path}, {masks[0].path}",
            expected=say("images/NAME.jpg beside masks/NAME.png"), remedy="docs/reference/dataset.md",
        )  # fmt: skip
    paths = {item.path for item in images}
    listed = _list(place, tree, [e for e in place.images if e.path in paths], matches, choice, _APART)
    rest = _list_rest(place, images, masks, choice)
    notes = [say("Other images are not read: {paths}.", paths=listing(rest, 3))] if rest else []
    if numbered:
        image, some = next(iter(numbered.masks.items()))
        notes.append(say("Images and masks are matched by their numbers, which have other zeros in front: {image} and "
                         "{mask}.", image=image, mask=some[0][0]))  # fmt: skip
    doubt = " ".join(filter(None, [listed.doubt, _doubt_unread_split(rest, listed)]))
    return replace(listed, notes=[*listed.notes, *notes], doubt=doubt)


def _list(
    place: Place, tree: Tree, entries: list[files.FileEntry], matches: Matches, choice: Choice, layout: str
) -> Listing:
    """The listing of these images with their masks."""
    targets = make_targets(tree, matches)
    masks = [mask for some in matches.masks.values() for mask, _ in some]
    label_map = read_mask_classes(place.root, [*masks, *matches.unmatched], place.home)
    read = {*masks, *matches.unmatched, *([label_map.source] if label_map else [])}
    oddities = [
        o for o in place.others if PurePosixPath(o.subject).name not in CLASS_FILES and o.subject not in read
    ]
    oddities += targets.oddities
    splits = _find_splits([e.path for e in entries], choice)
    rest, notes = _find_unlabelled(entries, splits, targets.by_image)
    oddities += [Oddity(path, "image-without-mask", "") for path in rest]
    oddities += [Oddity(mask, "mask-without-image", "") for mask in matches.unmatched]
    rows = as_rows(
        entries, {"target": [targets.by_image.get(e.path) for e in entries], "given_split": splits}
    )
    notes = [*place.describe_root(place.root), *choice.notes, *targets.notes, *notes]
    return Listing(
        translate(layout), place.root, rows, place.path, oddities, notes, target="mask", label_map=label_map,
        doubt=choice.doubt,
    )  # fmt: skip


def _find_unlabelled(
    entries: list[files.FileEntry], splits: list[str | None], labelled: Container[str]
) -> tuple[list[str], list[str]]:
    """The images without a mask, and notes; a test split that has no masks at all is a note alone."""
    without = [(e.path, split) for e, split in zip(entries, splits, strict=True) if e.path not in labelled]
    open_test = [path for path, split in without if split == TEST]
    if not open_test or len(open_test) < splits.count(TEST):
        return [path for path, _ in without], []
    note = say_count(
        "{n} image of the test split has no mask.",
        "{n} images of the test split have no masks.",
        len(open_test),
    )
    return [path for path, split in without if split != TEST], [note]


def _find_splits(paths: list[str], choice: Choice) -> list[str | None]:
    """The split of each image: a folder that names one, else a word in the names of its folders, where all have one."""
    splits = [_split(path, choice) for path in paths]
    folders = [path.split("/")[:-1] for path in paths]
    depth = min(map(len, folders), default=0)
    for level in () if any(splits) else range(depth):
        named = [split_of_folder(parts[level]) for parts in folders]
        if None not in named and TRAIN in named and len({*named}) > 1:
            return named
    return splits


def _split(path: str, choice: Choice) -> str | None:
    """The split that a folder names, or a word in the names of the folders of images, where these differ."""
    if split := split_from_path(path):
        return split
    parts = path.split("/")[:-1]
    level = choice.images[0].level if choice.images else len(parts)
    return split_of_folder(parts[level]) if not choice.known and len(parts) > level else None


def _list_rest(place: Place, images: list[Item], masks: list[Item], choice: Choice) -> list[str]:
    """Images in other folders, which are not read."""
    taken = {item.path for item in (*images, *masks)}
    passed = {role.name for role in choice.passed}
    return [e.path for e in place.images if e.path not in taken and not passed & set(e.path.split("/"))]


def _doubt_unread_split(rest: list[str], listed: Listing) -> str:
    """What speaks against a reading that leaves a split out, as it has no masks where the others have theirs."""
    read = {*listed.rows["given_split"]} - {None}
    unread = {
        split: path for path in reversed(rest) if (split := split_from_path(path)) and split not in read
    }
    if not read or not unread:
        return ""
    return say(
        "The images of a split are not read, as no masks lie beside them: {paths}. Name the folders with --images and "
        "--masks if they belong to the data.", paths=listing(list(unread.values())),
    )  # fmt: skip


def _has_class_file(root: str) -> bool:
    """Whether a folder of masks holds a class file: then its name is not the name of an image class."""
    folders = [name for name in files.list_folders(root) if folder_content(name) == "mask"]
    return any(files.exists(files.join(root, f"{name}/{file}")) for name in folders for file in CLASS_FILES)

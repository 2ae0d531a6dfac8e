"""Images and masks in the folders that a user names: `--images photos --masks drawn`, or `--masks '*_label.png'`."""

from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pupila.artifacts.dataset.formats.file_finder import folder_content
from pupila.artifacts.dataset.formats.file_names import read_stem
from pupila.artifacts.dataset.formats.masks.folder_names import hint
from pupila.artifacts.dataset.formats.masks.mask_candidates import Parts, Role, Tree, make_items
from pupila.artifacts.dataset.formats.masks.stems import ImageStems, Item, Matches, match_stems
from pupila.artifacts.dataset.reading import AUTO
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say


@dataclass(frozen=True, slots=True)
class NamedFiles:
    """The files of both sides, by path, and how they match."""

    images: list[Item]
    masks: list[Item]
    matches: Matches


def match_named(tree: Tree, images: str, masks: str) -> NamedFiles:
    """The images and masks in these folders; where one is "auto", in the folder beside it that matches best.

    Args:
        tree: of all images.
        images: a folder below the root, a folder's name or a pattern; or "auto".
        masks: the same.

    Raises:
        PupilaError: there is nothing, or nothing matches.
    """
    shown, marked = _select(tree, images, "--images"), _select(tree, masks, "--masks")
    if images != AUTO and masks != AUTO:
        shown = [path for path in shown if path not in set(marked)] if images != masks else shown
        named: NamedFiles | None = _match_both(shown, marked, images, masks)
    else:
        named = _match_best(tree, shown or marked, of_masks=images == AUTO)
        if named is None and images == AUTO:  # in the folders of the masks; what matches none is another mask
            rest = sorted({entry.path for some in tree.folders.values() for entry in some} - set(marked))
            both = _match_both(rest, marked, "*", masks)
            named = NamedFiles(
                [i for i in both.images if i.path in both.matches.masks], both.masks, both.matches
            )
    if named is None or not named.matches.masks:
        raise PupilaError(
            say("No image has a mask in these folders"), actual=f"--images {images}, --masks {masks}",
            expected=say("folders of images and masks with the same names"), remedy=_list_folders(tree),
        )  # fmt: skip
    return named


def fits(path: str, pattern: str) -> bool:
    """Whether a path below the root lies in a folder, or fits a pattern."""
    pattern = pattern.removeprefix("./").rstrip("/")
    if any(sign in pattern for sign in "*?["):
        return fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern}")
    return f"/{pattern}/" in f"/{path.rpartition('/')[0]}/"


def _select(tree: Tree, pattern: str, flag: str) -> list[str]:
    """The images that a flag names; none for "auto"."""
    if pattern == AUTO:
        return []
    paths = [entry.path for some in tree.folders.values() for entry in some if fits(entry.path, pattern)]
    if not paths:
        raise PupilaError(
            say("No images in the folder of {flag}", flag=flag), actual=pattern,
            expected=say("a folder below {root}, or a pattern: {pattern}", root=tree.root, pattern="'*_label.png'"),
            remedy=_list_folders(tree),
        )  # fmt: skip
    return sorted(paths)


def _list_folders(tree: Tree) -> str:
    return say("the folders of images are {folders}",
               folders=listing(sorted("/".join(parts) or "." for parts in tree.folders), 8))  # fmt: skip


def _match_both(shown: list[str], marked: list[str], images: str, masks: str) -> NamedFiles:
    """Matched within equal folders, else by stems alone where these are unique."""
    for contexts in (True, False):
        items = (
            [_item(path, images, contexts) for path in shown],
            [_item(path, masks, contexts) for path in marked],
        )
        if not contexts and len({item.stem for item in items[0]}) < len(shown):
            break
        if (matches := match_stems(ImageStems(items[0]), items[1])).masks:
            break
    return NamedFiles(*items, matches)


def _item(path: str, pattern: str, context: bool) -> Item:
    """The file, its folders except the named one and those of usual names as context."""
    above = f"/{path.rpartition('/')[0]}/"
    pattern = pattern.removeprefix("./").strip("/")
    rest = above.replace(f"/{pattern}/", "/", 1).split("/")
    return Item(
        path,
        "/".join(p for p in rest if p and not folder_content(p)).lower() if context else "",
        read_stem(path),
    )


def _match_best(tree: Tree, given: list[str], of_masks: bool) -> NamedFiles | None:
    """The named side with the folders beside it that match most, by name and pixels where several do.

    Raises:
        PupilaError: several match equally.
    """
    paths, partners = set(given), defaultdict[Role, list[tuple[Parts, Parts]]](list)
    folders = {parts for parts, some in tree.folders.items() if any(entry.path in paths for entry in some)}
    for names in tree.sisters.values():
        for role, parts in names.items():
            if parts not in folders:
                partners[role] += [(own, parts) for own in names.values() if own in folders]
    options: dict[Role, NamedFiles] = {}
    for role, pairs in partners.items():
        own = [item for item in make_items(tree.list_paths(pairs, 0)) if item.path in paths]
        other = make_items(tree.list_paths(pairs, 1))
        few = tree.holds_few_values(role, [item.path for item in other]) if own else None
        if not own or (few is of_masks and hint(role.name) != ("image" if of_masks else "mask")):
            continue
        images, masks = (other, own) if of_masks else (own, other)
        options[role] = NamedFiles(images, masks, match_stems(ImageStems(images), masks))
    best = max((len(each.matches.masks) for each in options.values()), default=0)
    chosen = {role: each for role, each in options.items() if len(each.matches.masks) == best}
    word = "image" if of_masks else "mask"
    named = {role: each for role, each in chosen.items() if hint(role.name) == word} or chosen
    if best and len(named) > 1:
        flag = "--images" if of_masks else "--masks"
        raise PupilaError(
            say("Several folders match the one that is named"), actual=listing([role.label for role in named]),
            expected=say("one folder"),
            remedy=say("name it: {flag} {folder}", flag=flag, folder=next(iter(named)).label),
        )  # fmt: skip
    return next(iter(named.values()), None)

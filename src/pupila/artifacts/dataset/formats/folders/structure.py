"""Which level of the folders is the split and which the class: decided by what the folders share, then by names."""

import re
from dataclasses import dataclass, field
from statistics import median

from pupila.artifacts.dataset.formats.file_finder import folder_content
from pupila.artifacts.dataset.formats.folders.class_names import (
    Stems,
    is_of_masks,
    refuse_masks,
    refuse_unearned_classes,
)
from pupila.artifacts.dataset.formats.folders.folder_tree import Held, Node, merge
from pupila.artifacts.dataset.formats.folders.levels import (
    are_classes_of_splits,
    find_parallel,
    hold_no_class,
    hold_records,
    inner_names,
    open_question,
    refuse_two_levels,
    refuse_unequal_depth,
)
from pupila.artifacts.dataset.formats.folders.split_folders import find_flat_splits, find_splits
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import SPLIT_WORDS
from pupila.imaging.masks.no_label import find_unlabelled

# Folders of a repository that show the data instead of holding them, where they hold few images.
_SHOWING = frozenset({
    "docs", "doc", "documentation", "screenshots", "screenshot", "assets", "figures", "figure",
    "media", "readme", "demo", "results", "plots", "notebooks", "static", "paper", "preview", "previews",
    "logo", "logos", "images", "image", "img", "imgs", "pics",
})  # fmt: skip
_THUMBNAILS = frozenset({"thumbnails", "thumbnail", "thumbs", "thumb"})
_DOCUMENTATION = frozenset({"docs", "doc", "documentation", "screenshots", "screenshot", "assets", "readme"})
_FEW, _FEW_SHARE = 12, 0.15  # images beside the data that only show them


@dataclass(frozen=True, slots=True)
class Spot:
    """What the folder of an image stands for."""

    split: str | None = None
    part: str | None = None
    target: str | None = None
    rest: str | None = ""  # folders below the class; None: those of an image without a class


@dataclass(slots=True)
class Structure:
    """What every folder with images stands for."""

    spots: dict[str, Spot] = field(default_factory=dict)  # by folder
    left_out: dict[str, str] = field(default_factory=dict)  # folder to the reason why its images are no data
    split_level: bool = False
    class_level: bool = False
    inner: str = ""  # the folder of the data below the root
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


class Reader:
    """Reads one tree of folders.

    Args:
        documents: folders with a README or the like: images beside it are its screenshots.
        stems: of the images.
        accepted: the user said that the folders are classes: nothing is asked then.
        topmost: the user named this layout: the top folders are the classes where nothing calls them splits.
    """

    def __init__(self, documents: set[str], stems: Stems, accepted: bool, topmost: bool) -> None:
        self.documents, self.stems, self.accepted, self.topmost = documents, stems, accepted, topmost
        self.structure = Structure()
        self.loose = False  # whether images lie beside the top folders

    def read(self, tree: Node) -> Structure:
        """The structure of the tree.

        Raises:
            PupilaError: the folders may be read in two ways, or do not look like classes.
        """
        self._leave_thumbnails_out(tree, tree)
        node = self._step_in(tree)
        if not node.children:
            self._keep_unlabelled(node)
            return self.structure
        self._read_tops(node)
        return self.structure

    def _leave_thumbnails_out(self, node: Node, tree: Node) -> None:
        """Leave out small copies of the other images: a folder called so, all of whose names others have too."""
        for name, child in list(node.children.items()):
            if name.lower() not in _THUMBNAILS:
                self._leave_thumbnails_out(child, tree)
                continue
            del node.children[name]
            if tree.total and self.stems.below(child).keys() <= self.stems.below(tree).keys():
                self._leave_out(child, say("thumbnails of the other images"))
            else:
                node.children[name] = child

    def _step_in(self, node: Node) -> Node:
        """The folder that holds the data: through lone folders, and past those that only show the data."""
        steps: list[str] = []
        while True:
            deep = [child for child in node.children.values() if child.children]
            beside = [child for child in node.children.values() if not child.children]
            if len(deep) != 1 or not all(_only_shows(child, deep[0]) for child in beside):
                break
            if beside and len(beside) == len(node.children):
                break
            self._read_loose(node, deep[0].total)
            for child in beside:
                self._leave_out(child, say("beside the folder of the data"))
            node = deep[0]
            steps.append(node.name)
        self.structure.inner = "/".join(steps)
        return node

    def _read_tops(self, node: Node) -> None:
        tops = self._skip_documents(list(node.children.values()))
        self._read_loose(node, sum(top.total for top in tops))
        self.loose = bool(node.direct)
        if are_classes_of_splits(tops):
            if not self.accepted:
                refuse_masks(tops, self.stems)
            self._read_splits_below(tops)
            return
        parallel = find_parallel(tops)
        splits = find_splits(tops, parallel)
        if not splits and not self.accepted:
            splits = find_flat_splits(tops)
        if splits:
            self._read_splits(tops, splits, parallel)
        elif len(parallel) > 1 and not self.topmost and not hold_records(parallel):
            self._read_parts(tops, parallel)
        else:
            if not self.accepted:
                refuse_unequal_depth(tops)
            self._read_classes(tops, False)

    def _skip_documents(self, tops: list[Node]) -> list[Node]:
        """The top folders without those of a documentation's pictures, of which there are few."""
        named = [top for top in tops if top.name.lower() in _DOCUMENTATION]
        others = [top for top in tops if top not in named]
        if not named or not others:
            return tops
        usual = median(top.total for top in others)
        few = [top for top in named if top.total <= max(1, usual / 2)]
        for top in few:
            self._leave_out(top, say("pictures of the documentation"))
        for top in named:
            if top not in few:
                self.structure.doubts.append(say(
                    "{folder} may hold pictures of the documentation; it is read like the folders beside it.",
                    folder=top.name,
                ))  # fmt: skip
        return [top for top in tops if top not in few]

    def _read_splits(self, tops: list[Node], splits: dict[str, str], parallel: list[Node]) -> None:
        self.structure.split_level = True
        named = [top.unwrap().belonging_to(split=splits[top.name]) for top in tops if top.name in splits]
        classes = {name.lower() for node in named if len(node.children) > 1 for name in node.children}
        for node in [node for node in named if hold_no_class(node, classes)]:
            named.remove(node)
            self._keep_unlabelled(node)
            folder = next(iter(node.children))
            self.structure.notes.append(say_count(
                "{folder} is none of the class folders of the other splits: {n} image without a label.",
                "{folder} is none of the class folders of the other splits: {n} images without a label.",
                node.total, folder=f"{node.name}/{folder}",
            ))  # fmt: skip
        for top in (top for top in tops if top.name not in splits):
            inner = top.unwrap()
            if is_of_masks(top.name) and not self.accepted:
                raise open_question(
                    say("A folder beside the splits looks like one of masks"), top.name,
                    say("--layout masks or --masks {name} if it holds masks, --layout folders if not", name=top.name),
                )  # fmt: skip
            if top in parallel:
                self.structure.doubts.append(say(
                    "{folder} holds the same class folders as the splits, but its name is no split's: "
                    "its images are in no split.", folder=top.name,
                ))  # fmt: skip
                named.append(inner.belonging_to(part=top.name))
            elif not inner.children and _only_shows(top, max(tops, key=lambda node: node.total)):
                self._leave_out(top, say("beside the splits"))
            elif not inner.children:
                self.structure.notes.append(say_count(
                    "{folder} lies beside the splits and holds no class folders: {n} image without a label.",
                    "{folder} lies beside the splits and holds no class folders: {n} images without a label.",
                    inner.total, folder=top.name,
                ))  # fmt: skip
                self._keep_unlabelled(inner)
            else:
                self._leave_out(top, say("beside the splits"))
                self.structure.doubts.append(say(
                    "{folder} holds none of the class folders of the splits and is not read.", folder=top.name
                ))  # fmt: skip
        renamed = [say("{folder} is {split}", folder=top, split=split)
                   for top, split in sorted(splits.items()) if top.lower() not in SPLIT_WORDS]  # fmt: skip
        if renamed:
            self.structure.notes.append(
                say("Top folders are splits, not classes: {folders}.", folders=listing(renamed, 20))
            )
        self._read_merged(merge(named))

    def _read_merged(self, merged: Node) -> None:
        """Classes below several splits or parts, where further parts may lie between."""
        merged_inner = merged.unwrap() if len(merged.children) == 1 else merged
        parallel = find_parallel(list(merged_inner.children.values()))
        if len(parallel) > 1 and len(parallel) == len(merged_inner.children) and not self.topmost:
            self._keep_unlabelled(merged_inner, deep=False)
            self._read_parts(list(merged_inner.children.values()), parallel)
            return
        self._keep_unlabelled(merged_inner, deep=False)
        if merged_inner.children:
            self._read_classes(list(merged_inner.children.values()), True)

    def _read_parts(self, tops: list[Node], parallel: list[Node]) -> None:
        """Top folders that hold the same class folders under names that are no splits'."""
        refuse_masks(tops, self.stems)
        names = listing([top.name for top in parallel], 8)
        rest = [top for top in tops if top not in parallel]
        if rest and not all(_only_shows(top, max(parallel, key=lambda node: node.total)) for top in rest):
            raise open_question(
                say("It is open which folders are the classes"),
                say("{parts} hold the same folders ({classes}), and {others} do not", parts=names,
                    classes=listing(inner_names(parallel), 8), others=listing([top.name for top in rest], 8)),
                say("--layout folders if {names} are the classes; otherwise name the folder that holds the classes",
                    names=listing([top.name for top in tops], 4)),
            )  # fmt: skip
        if not self.accepted:
            refuse_two_levels(parallel)
        for top in rest:
            self._leave_out(top, say("beside the folders of the data"))
        self.structure.notes.append(say(
            "Folders {names} hold the same class folders: read as parts of one data set. They are no split; the column "
            "part keeps them (--by part).", names=names,
        ))  # fmt: skip
        self.structure.doubts.append(say(
            "If {names} are the classes themselves, use --layout folders; if one of them is not meant, name the folder "
            "of the data.", names=names,
        ))  # fmt: skip
        merged = merge([top.unwrap().belonging_to(part=top.name) for top in parallel])
        if any(child.name.lower() in SPLIT_WORDS for child in merged.children.values()):
            self._read_tops(merged)
        else:
            self._read_merged(merged)

    def _read_splits_below(self, tops: list[Node]) -> None:
        """`cat/train`, `cat/test`: the class first, then the split."""
        self.structure.split_level = self.structure.class_level = True
        self.structure.notes.append(say("The folders below the class folders are splits: {names}.",
                                    names=listing(inner_names(tops), 8)))  # fmt: skip
        for top in self._skip_unlabelled(tops):
            for child in top.children.values():
                for held in child.all_held():
                    self.structure.spots[held.path] = Spot(
                        SPLIT_WORDS[child.name.lower()], held.part, top.name, ""
                    )

    def _skip_unlabelled(self, tops: list[Node]) -> list[Node]:
        """The class folders without those whose name says that their images have no label."""
        names = [] if self.accepted else find_unlabelled(top.name for top in tops)
        unlabelled = [top for top in tops if top.name in names]
        for top in unlabelled:
            inner = {
                name: child.belonging_to(SPLIT_WORDS.get(name.lower()))
                for name, child in top.children.items()
            }
            self._keep_unlabelled(Node(top.name, top.held, inner))
            self.structure.notes.append(say_count(
                "{folder} is no class: its {n} image has no label. If it is one: {flag}.",
                "{folder} is no class: its {n} images have no label. If it is one: {flag}.",
                top.total, folder=top.name, flag="--layout folders",
            ))  # fmt: skip
        return [top for top in tops if top.name not in names]

    def _read_classes(self, tops: list[Node], below_splits: bool) -> None:
        tops = self._skip_unlabelled(tops)
        if not tops:
            return
        alone = len(tops) == 1 and self.loose and not self.accepted  # a lone folder beside images is no class
        if alone or all(folder_content(top.name) == "image" for top in tops):
            for top in tops:
                self._keep_unlabelled(top)
            return
        if not self.accepted:
            refuse_unearned_classes(tops, below_splits, self.stems)
            self._doubt_levels(tops)
        self.structure.class_level = True
        alike = [
            top.name for top in tops if [other.name.lower() for other in tops].count(top.name.lower()) > 1
        ]
        if alike:
            self.structure.doubts.append(say(
                "Classes differ only in capital letters: {names}. They are read as different classes.",
                names=listing(sorted(alike), 8),
            ))  # fmt: skip
        for top in tops:
            for held, below in _walk(top, ""):
                self.structure.spots[held.path] = Spot(held.split, held.part, top.name, below)

    def _doubt_levels(self, tops: list[Node]) -> None:
        """A doubt where some class folders hold folders of several names that may be the classes."""
        deep = [top for top in tops if len(top.children) > 1 and not top.held]
        inner = {name for top in deep for name in top.children}
        if not deep or len({re.sub(r"\d+", "#", name) for name in inner}) <= max(1, len(inner) // 2):
            return
        self.structure.doubts.append(say(
            "The folders below the class folders ({names}) may be the classes instead; here they are the column "
            "subfolder.", names=listing(sorted(inner), 8),
        ))  # fmt: skip

    def _keep_unlabelled(self, node: Node, deep: bool = True) -> None:
        for held in node.all_held() if deep else node.held:
            self.structure.spots[held.path] = Spot(held.split, held.part, None, None)

    def _read_loose(self, node: Node, total: int) -> None:
        """Images directly in a folder of folders: a README's pictures, or images without a label."""
        if not node.direct:
            return
        few = node.direct <= _FEW and node.direct <= max(3, _FEW_SHARE * total)
        if few and any(held.path in self.documents for held in node.held):
            for held in node.held:
                self.structure.left_out[held.path] = say("a picture of the README, not of the data")
            self.structure.notes.append(say_count(
                "{n} image beside the README is not data and is left out.",
                "{n} images beside the README are not data and are left out.", node.direct,
            ))  # fmt: skip
            return
        self._keep_unlabelled(node, deep=False)
        self.structure.notes.append(say_count(
            "{n} image lies beside the class folders: it has no label.",
            "{n} images lie beside the class folders: they have no label.", node.direct,
        ))  # fmt: skip

    def _leave_out(self, node: Node, reason: str) -> None:
        for held in node.all_held():
            self.structure.left_out[held.path] = reason
        self.structure.notes.append(say_count(
            "{folder} is left out ({n} image): {reason}.", "{folder} is left out ({n} images): {reason}.",
            node.total, folder=node.name, reason=reason,
        ))  # fmt: skip


def _walk(node: Node, below: str) -> list[tuple[Held, str]]:
    """Every folder with images, with its path below the node."""
    return [(held, below) for held in node.held] + [
        pair for name, child in node.children.items() for pair in _walk(child, f"{below}/{name}".lstrip("/"))
    ]


def _only_shows(node: Node, data: Node) -> bool:
    """Whether a folder beside the data holds a few pictures of a README or of the program."""
    tokens = set(re.split(r"[^a-z]+", node.name.lower()))
    return bool(tokens & _SHOWING) and node.total <= max(3, min(_FEW, _FEW_SHARE * data.total))

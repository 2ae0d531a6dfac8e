"""What folders beside each other hold: the same class folders, splits, records, or folders of unequal depth."""

import re

from pupila.artifacts.dataset.formats.file_finder import IMAGE_FOLDERS
from pupila.artifacts.dataset.formats.folders.class_names import are_records
from pupila.artifacts.dataset.formats.folders.folder_tree import Node
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import SPLIT_WORDS, TRAIN

_OVERLAP = 0.5  # of the class folders of two splits


def hold_no_class(split: Node, classes: set[str]) -> bool:
    """Whether a split holds a single folder that is none of the classes: `test/images`, `test/unknown`."""
    names = {name.lower() for name in split.children}
    return len(names) == 1 and bool(classes) and not names & classes


def refuse_unequal_depth(tops: list[Node]) -> None:
    """Refuse one folder of folders beside folders of images, which are fewer, hold less, or are called the same.

    Raises:
        PupilaError: the folders within it may be the classes, or the folders beside each other.
    """
    flat = [top for top in tops if len(top.unwrap().children) < 2]
    deep = [top for top in tops if top not in flat]
    if len(deep) != 1 or not flat or 2 * deep[0].direct > deep[0].total:
        return
    inner = deep[0].unwrap()
    fewer = len(inner.children) > len(flat) or 2 * sum(top.total for top in flat) < inner.total
    again = {name.lower() for name in inner.children} & {top.name.lower() for top in flat}
    if not (fewer or again) or are_records([*inner.children]):
        return
    names = listing([top.name for top in flat], 4)
    raise open_question(
        say("It is open which folders are the classes"),
        say("{deep} holds the folders {classes}; no such folders lie in {others}", deep=deep[0].name, others=names,
            classes=listing([*inner.children], 8)),
        say("name the folder {deep} if the classes are in it, or --layout folders if {names} are the classes",
            deep=deep[0].name, names=listing([top.name for top in tops], 4)),
    )  # fmt: skip


def refuse_two_levels(parallel: list[Node]) -> None:
    """Refuse folders that hold the same folders and may be classes as well as parts: `apple/scab`, `pear/scab`.

    They are parts where their names differ by a number or a single letter alone, as `site_A` and `site_B` do, or where
    they share many more folders than they are.

    Raises:
        PupilaError: it is open on which level the classes are.
    """
    names = [top.name for top in parallel]
    inner = [{name.lower() for name in top.unwrap().children} for top in parallel]
    serial = {re.sub(r"\d+|(?<![^\W\d_])[a-z](?![^\W\d_])", "#", name.lower()) for name in names}
    if len(serial) == 1 or len(set.intersection(*inner)) >= 2 * len(parallel):
        return
    raise open_question(
        say("It is open which folders are the classes"),
        say("{parts} hold the same folders ({classes})", parts=listing(names, 8),
            classes=listing(inner_names(parallel), 8)),
        say("--layout folders if {names} are the classes, --task classify if the folders within them are; or name the "
            "folder of the data", names=listing(names, 4)),
    )  # fmt: skip


def inner_names(nodes: list[Node]) -> list[str]:
    """The folders that lie within these, past lone folders around them."""
    return sorted({name for node in nodes for name in node.unwrap().children})


def hold_records(tops: list[Node]) -> bool:
    """Whether classes hold patients, videos or days of the same names."""
    return are_records(inner_names(tops)) and not are_records([top.name for top in tops])


def are_classes_of_splits(tops: list[Node]) -> bool:
    """Whether splits lie below the classes: `cat/train`, `cat/test`."""
    inner = {name.lower() for top in tops for name in top.children}
    leaves = all(not child.children for top in tops for child in top.children.values())
    shared = all(top.children and not top.held for top in tops)
    splits = {SPLIT_WORDS.get(name) for name in inner}
    own = any(top.name.lower() in SPLIT_WORDS for top in tops)
    return shared and leaves and not own and None not in splits and TRAIN in splits


def find_parallel(tops: list[Node]) -> list[Node]:
    """The most top folders that hold the same folders, by most of their names."""
    inner = {top.name: {name.lower() for name in top.unwrap().children} - IMAGE_FOLDERS for top in tops}
    best: list[Node] = []
    for top in tops:
        own = inner[top.name]
        if not own:
            continue
        alike = [other for other in tops if _overlap(own, inner[other.name]) >= _OVERLAP]
        if len(alike) > len(best):
            best = alike
    return best if len(best) > 1 else []


def _overlap(first: set[str], second: set[str]) -> float:
    """The share of the smaller set that both have."""
    smaller = min(len(first), len(second))
    return (
        len(first & second) / smaller
        if smaller and max(len(first), len(second)) > 1
        else float(first == second != set())
    )


def open_question(problem: str, actual: str, remedy: str) -> PupilaError:
    """The error where folders may be read in two ways."""
    return PupilaError(problem, actual=actual, expected=say("one reading"), remedy=remedy)

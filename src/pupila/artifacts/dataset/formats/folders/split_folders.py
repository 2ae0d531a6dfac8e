"""Which top folders are splits: by the words of their names, and by what the folders share."""

from pupila.artifacts.dataset.formats.file_finder import list_words, split_from_words
from pupila.artifacts.dataset.formats.folders.folder_tree import Node
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import SPLIT_WORDS, TRAIN

_USUAL_RESIDUES = {
    "", "set", "data", "dataset", "images", "image", "img", "imgs", "folder", "split", "ing", "s", "stage", "stg",
}  # fmt: skip


def find_splits(tops: list[Node], parallel: list[Node]) -> dict[str, str]:
    """Top folder -> split, where the top folders are splits; empty where they are none.

    One of them is for training, and there are two or more. Names that only contain the word (`training_set`,
    `train2017`) count where they hold the same class folders, or differ in nothing but the word.
    """
    exact = {top.name: SPLIT_WORDS[top.name.lower()] for top in tops if top.name.lower() in SPLIT_WORDS}
    if len(exact) > 1 and TRAIN in exact.values():
        loose = {top.name: split for top in tops if (split := split_from_words(top.name))
                 and (top in parallel or (split not in exact.values() and not top.unwrap().children))}  # fmt: skip
        return loose | exact
    words = {top.name: split for top in tops if (split := split_from_words(top.name))}
    deep = [top for top in tops if top.name in words and top.unwrap().children]
    if len(words) < 2 or not any(words[top.name] == TRAIN for top in deep):
        return {}
    residues = {_without_word(name).replace(" ", "") for name in words} - _USUAL_RESIDUES
    alike = all(top in parallel for top in deep) if len(deep) > 1 else len(residues) < 2
    return words if alike else {}


def find_flat_splits(tops: list[Node]) -> dict[str, str]:
    """Top folder -> split, where the names of all hold the word of a split and no folders lie below; empty if not.

    Raises:
        PupilaError: each split has several: `trainA`, `trainB`, `testA`, `testB`.
    """
    splits = {top.name: split for top in tops if (split := split_from_words(top.name))}
    if len(splits) < len(tops) or any(top.unwrap().children for top in tops):
        return {}
    if TRAIN not in splits.values() or len(set(splits.values())) < 2:
        return {}
    residues: dict[str, set[str]] = {}
    for name, split in splits.items():
        rest = _without_word(name)
        residues.setdefault(split, set()).add("" if set(rest.split()) <= _USUAL_RESIDUES else rest)
    if len(set().union(*residues.values())) == 1:
        return splits
    if all(len(rest) > 1 and rest == residues[TRAIN] for rest in residues.values()):
        raise PupilaError(
            say("It is open whether the folders are splits or classes"),
            actual=listing([top.name for top in tops], 8),
            expected=say("one folder for each split, or the classes below it (train/cat)"),
            remedy=say("--layout folders if each of them is a class; otherwise move them: {before} to {after}",
                       before=_example(splits), after=f"{splits[_example(splits)]}/NAME"),
        )  # fmt: skip
    return {}


def _example(splits: dict[str, str]) -> str:
    return next(name for name, split in splits.items() if split == TRAIN)


def _without_word(name: str) -> str:
    """The name without the word of a split."""
    return " ".join(word for word in list_words(name) if word not in SPLIT_WORDS)

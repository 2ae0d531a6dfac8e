"""Shared by the functions of the Python API: open data, find its split, and the folder of results."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pupila.api.inputs import Data, Path, is_path, path_text
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import SPLIT_WORDS, SPLITS

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset
    from pupila.artifacts.dataset.splits import SplitFile


def open_with(data: Data, read: Mapping[str, Any], out: Path | None = None) -> "Dataset":
    """The opened data set.

    Args:
        data: whatever `pupila.open` takes.
        read: fields of `ReadSettings`.
        out: folder for data that are no folder yet; None: in Pupila's cache.

    Raises:
        PupilaError: a type that is not taken, or settings for data that are open already.
    """
    from pupila.api.stored import store
    from pupila.artifacts.dataset.manifest import Dataset
    from pupila.artifacts.dataset.open import open as open_path
    from pupila.artifacts.dataset.reading import ReadSettings

    if isinstance(data, Dataset):
        if read:
            raise PupilaError(
                say("The data set is already open"), actual=", ".join(read),
                expected=say("settings where it is opened"),
                remedy=f"pupila.open(DATA, {', '.join(f'{name}=...' for name in read)})",
            )  # fmt: skip
        return data
    settings = ReadSettings.parse(dict(read), "read")
    if is_path(data):
        return open_path(path_text(data), settings)  # type: ignore[arg-type]
    table = store(data, None if out is None else path_text(out))
    opened = open_path(table, settings)
    note = say("Images and labels from memory are stored in {folder}; split and labels are written there, too.",
               folder=files.parent(table))  # fmt: skip
    return replace(opened, notes=[*opened.notes, note], source="")


def open_labelled(data: Data, read: Mapping[str, Any]) -> "Dataset":
    """The opened data set, which must have labels."""
    opened = open_with(data, read)
    if opened.task is None:
        raise PupilaError(
            say("The data set has no labels"),
            actual=opened.layout,
            expected=say("a folder per class, or a table"),
        )
    return opened


def find_agreed_split(data: "Dataset", folds: int | None) -> "SplitFile | None":
    """The split beside the data, if there is one; it must have the requested folds."""
    from pupila.artifacts.dataset.splits import find_matching_split

    splits = find_matching_split(data, data.home)
    if splits is not None and folds is not None and (there := splits.settings.folds) != folds:
        problem = (
            say("splits.json has {there} folds, but --folds is {folds}", there=there, folds=folds)
            if there
            else say("splits.json has no folds, but --folds is {folds}", folds=folds)
        )
        raise PupilaError(problem, remedy=f"pupila split {data.home} --folds {folds} --replace")
    return splits


def require_split(data: "Dataset") -> "SplitFile":
    """The split beside the data.

    Raises:
        PupilaError: there is none of these very data.
    """
    from pupila.artifacts.dataset.splits import find_matching_split

    splits = find_matching_split(data, data.home)
    if splits is None:
        raise PupilaError(
            say("The data set is not split"), actual=say("no matching splits.json"),
            expected=say("the split that the model was trained with"), remedy="pupila split DATA",
        )  # fmt: skip
    return splits


def parse_split(name: str) -> str:
    """The name of a split, whichever of its words a user wrote.

    Raises:
        PupilaError: another word.
    """
    if name.lower() not in SPLIT_WORDS:
        raise PupilaError(say("Unknown split"), actual=name, expected=listing(list(SPLITS)))
    return SPLIT_WORDS[name.lower()]


def results_folder(data: "Dataset", out: Path | None) -> str:
    """The folder of the data set's own files.

    Raises:
        PupilaError: another data set's manifest is there.
    """
    from pupila.artifacts.dataset.formats.manifest import read_manifest_root

    home = path_text(out) if out is not None else data.home
    theirs = read_manifest_root(home)
    if theirs is not None and files.absolute(theirs) != files.absolute(data.root):
        raise PupilaError(
            say("{home} has the manifest of another data set", home=home), actual=say("images of {root}", root=theirs),
            expected=say("images of {root}", root=data.root), remedy=say("use another --out FOLDER"),
        )  # fmt: skip
    return home

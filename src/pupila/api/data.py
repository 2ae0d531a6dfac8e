"""Shared by the functions of the Python API: open data, find its split, and the folder of results."""

from pathlib import Path
from typing import Any

from pupila.artifacts.dataset.formats.manifest import read_manifest_root
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.artifacts.dataset.splits import SplitFile, find_matching_split
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

Data = str | Path | Dataset


def open_with(data: Data, read: dict[str, Any]) -> Dataset:
    """The opened data set; `read` has fields of `ReadSettings`."""
    return open_data(data, ReadSettings.parse(read, "read"))


def open_labelled(data: Data, read: dict[str, Any]) -> Dataset:
    """The opened data set, which must have labels."""
    opened = open_with(data, read)
    if opened.task is None:
        raise PupilaError(
            say("The data set has no labels"),
            actual=opened.layout,
            expected=say("a folder per class, or a table"),
        )
    return opened


def find_agreed_split(data: Dataset, folds: int | None) -> SplitFile | None:
    """The split beside the data, if there is one; it must have the requested folds."""
    splits = find_matching_split(data, data.home)
    if splits is not None and folds is not None and (there := splits.settings.get("folds")) != folds:
        problem = (
            say("splits.json has {there} folds, but --folds is {folds}", there=there, folds=folds)
            if there
            else say("splits.json has no folds, but --folds is {folds}", folds=folds)
        )
        raise PupilaError(problem, remedy=f"pupila split {data.home} --folds {folds} --replace")
    return splits


def results_folder(data: Dataset, out: str | Path | None) -> str:
    """The folder of the data set's own files.

    Raises:
        PupilaError: another data set's manifest is there.
    """
    home = str(out) if out is not None else data.home
    theirs = read_manifest_root(home)
    if theirs is not None and files.absolute(theirs) != files.absolute(data.root):
        raise PupilaError(
            say("{home} has the manifest of another data set", home=home), actual=say("images of {root}", root=theirs),
            expected=say("images of {root}", root=data.root), remedy=say("use another --out FOLDER"),
        )  # fmt: skip
    return home

"""What the stages of the Python face share: opening data, finding its split, and where results go."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.artifacts.dataset.formats.manifest import root_of
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.splits import SplitFile, fitting_split
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

if TYPE_CHECKING:
    pass

Data = str | Path | Dataset
Tell = Callable[[dict[str, Any]], None]


def open_labelled(data: Data, read: dict[str, Any]) -> Dataset:
    """The data, opened, if there is something to learn."""
    opened = open_data(data, **read)
    if opened.task is None:
        raise PupilaError(
            say("No labels to learn from"), found=opened.layout, wanted=say("a folder per class, or a table")
        )
    return opened


def agreed_split(data: Dataset, folds: int | None) -> SplitFile | None:
    """The split beside the data, if there is one; it has to have the folds that are wished."""
    found = fitting_split(data, data.home)
    if found is not None and folds is not None and found.settings.get("folds") != folds:
        raise PupilaError(
            say("The data are split otherwise"),
            found=say("folds={folds} in splits.json", folds=found.settings.get("folds")),
            wanted=f"folds={folds}", remedy=f"pupila split DATA --folds {folds} --replace",
        )  # fmt: skip
    return found


def results_folder(data: Dataset, out: str | Path | None) -> str:
    """Where the data set's own files go.

    Raises:
        PupilaError: another data set's manifest is there.
    """
    home = str(out) if out is not None else data.home
    theirs = root_of(home)
    if theirs is not None and files.absolute(theirs) != files.absolute(data.root):
        raise PupilaError(
            say("The manifest of another data set is in {home}", home=home), found=say("images of {root}", root=theirs),
            wanted=say("images of {root}", root=data.root), remedy=say("another --out FOLDER"),
        )  # fmt: skip
    return home

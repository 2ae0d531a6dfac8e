"""Split a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import bring_back, set_aside
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import (
    SPLITS_FILE,
)
from pupila.stages.split.make import make_split
from pupila.stages.split.settings import SplitSettings

if TYPE_CHECKING:
    pass
from pupila.api.data import Data, results_folder


def split(data: Data, *, out: str | Path | None = None, replace: bool = False, **wish: Any) -> SplitFile:
    """Make `splits.json` (and the manifest beside it).

    Args:
        data: whatever `pupila.open` takes.
        out: folder for both files; by default that of the data.
        replace: overwrite another split; the old one is kept under its hash.
        wish: fields of `SplitSettings`.

    Raises:
        PupilaError: see `make_split`; or another split is there and `replace` is not set.
    """
    settings = SplitSettings.wish(wish, "split")
    opened = open_data(data)
    home = results_folder(opened, out)
    made = make_split(opened, settings)
    old = None if replace and not _readable(home) else SplitFile.read(home)
    if old is not None and (old.hash, old.data_hash, old.settings) != (
        made.hash,
        made.data_hash,
        made.settings,
    ):
        if not replace:
            raise PupilaError(
                say("Another split is there already"), found=files.join(home, SPLITS_FILE),
                wanted=say("one sealed test split for good: drawing again after a look at it is cheating oneself"),
                remedy=say("--replace keeps the old one under its hash; --out FOLDER leaves it alone"),
            )  # fmt: skip
        set_aside(home, old.hash)
    opened.save(home)
    made.write(home)
    bring_back(home, made.hash)
    return made


def _readable(home: str) -> bool:
    try:
        return SplitFile.read(home) is not None
    except PupilaError:
        return False

"""Split a data set."""

from pathlib import Path
from typing import Any

from pupila.api.data import Data, results_folder
from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import archive_split, restore_test_accesses
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import (
    SPLITS_FILE,
)
from pupila.stages.split.make import make_split
from pupila.stages.split.settings import SplitSettings


def split(data: Data, *, out: str | Path | None = None, replace: bool = False, **config: Any) -> SplitFile:
    """Write `splits.json` (and the manifest beside it).

    Args:
        data: whatever `pupila.open` takes.
        out: folder for both files; by default that of the data.
        replace: overwrite another split; the old one is kept under its hash.
        config: fields of `SplitSettings`.

    Raises:
        PupilaError: see `make_split`; or another split is there and `replace` is not set.
    """
    settings = SplitSettings.parse(config, "split")
    opened = open_data(data)
    home = results_folder(opened, out)
    created = make_split(opened, settings)
    old = None if replace and not _is_readable(home) else SplitFile.read(home)
    if old is not None and (old.hash, old.data_hash, old.settings) != (
        created.hash,
        created.data_hash,
        created.settings,
    ):
        if not replace:
            raise PupilaError(
                say("A different split already exists in {path}. Keep it: a new test split after evaluation biases the "
                    "results", path=files.join(home, SPLITS_FILE)),
                remedy=say("--replace (archives the old one) or --out FOLDER"),
            )  # fmt: skip
        archive_split(home, old.hash)
    opened.save(home)
    created.write(home)
    restore_test_accesses(home, created.hash)
    return created


def _is_readable(home: str) -> bool:
    try:
        return SplitFile.read(home) is not None
    except PupilaError:
        return False

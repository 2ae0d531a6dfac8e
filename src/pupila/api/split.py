"""Split a data set."""

from typing import TYPE_CHECKING, Unpack

from pupila.api.data import open_with, results_folder
from pupila.api.inputs import Data, Path
from pupila.api.options import SplitOptions
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.extras import public
from pupila.core.messages import listing, say
from pupila.core.vocabulary import SPLITS_FILE

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset
    from pupila.artifacts.dataset.splits import SplitFile


@public
def split(
    data: Data, *, out: Path | None = None, replace: bool = False, extend: bool = False,
    **settings: Unpack[SplitOptions],
) -> "SplitFile":  # fmt: skip
    """Write `splits.json` (and the manifest beside it).

    Args:
        data: whatever `pupila.open` takes.
        out: folder for both files; by default that of the data.
        replace: overwrite another split; the old one is kept under its hash, and a damaged one byte by byte.
        extend: give new images a part of the split that is there, whose images stay where they are; see
            `pupila.stages.split.extend.extend_split`.
        settings: of the split; and, where the data are not open yet, how their images are read.

    Raises:
        PupilaError: see `make_split`; another split is there, and neither `replace` nor `extend` is set; or there is
            nothing to extend.
    """
    from pupila.artifacts.dataset.splits import SplitFile, describe_changed_images
    from pupila.artifacts.dataset.test_access import archive_split, restore_test_accesses

    opened, created = _plan_extension(data, out, settings) if extend else _plan(data, settings)
    home = results_folder(opened, out)
    old = _read_replaced(home) if replace or extend else SplitFile.read(home)
    if old is not None and (old.hash, old.data_hash, old.settings) != (
        created.hash,
        created.data_hash,
        created.settings,
    ):
        if not (replace or extend) and (changed := describe_changed_images(old, opened)):
            raise PupilaError(
                say("The images are no longer those of {path}", path=files.join(home, SPLITS_FILE)), actual=changed,
                expected=say("the images that were split: a new test split after evaluation biases the results"),
                remedy=say("restore them; or --extend gives new images a part, --replace splits again and archives the "
                           "old split, --out FOLDER splits into another folder"),
            )  # fmt: skip
        if not (replace or extend):
            raise PupilaError(
                say("A different split already exists in {path}. Keep it: a new test split after evaluation biases the "
                    "results", path=files.join(home, SPLITS_FILE)),
                remedy=say("--replace (archives the old one) or --out FOLDER"),
            )  # fmt: skip
        archive_split(home, old.hash)
    opened.save(home)
    created.write(home)
    restore_test_accesses(home, created.hash)
    if extend and old is not None:
        restore_test_accesses(home, old.hash)  # its test images are still among those of the test split
    return created


@public
def plan_split(data: Data, **settings: Unpack[SplitOptions]) -> "SplitFile":
    """The split that `split` would write; nothing is written."""
    return _plan(data, settings)[1]


def _plan(data: Data, settings: SplitOptions) -> "tuple[Dataset, SplitFile]":
    from pupila.artifacts.dataset.reading import ReadSettings
    from pupila.artifacts.dataset.split_settings import SplitSettings
    from pupila.stages.split.make import make_split

    read = {name: value for name, value in settings.items() if name in ReadSettings.model_fields}
    parsed = SplitSettings.parse({n: v for n, v in settings.items() if n not in read}, "split")
    opened = open_with(data, read)
    return opened, make_split(opened, parsed)


def _plan_extension(data: Data, out: Path | None, settings: SplitOptions) -> "tuple[Dataset, SplitFile]":
    """The data, and their split with its new images.

    Raises:
        PupilaError: no split, or settings of one, which an extended split has already.
    """
    from pupila.artifacts.dataset.reading import ReadSettings
    from pupila.artifacts.dataset.splits import SplitFile
    from pupila.stages.split.extend import extend_split

    read = {name: value for name, value in settings.items() if name in ReadSettings.model_fields}
    if own := sorted(set(settings) - set(read)):
        raise PupilaError(
            say("An extended split has the settings that it was made with"), actual=listing(own),
            expected=say("--extend without them"), remedy=say("leave them out, or split again with --replace"),
        )  # fmt: skip
    opened = open_with(data, read)
    home = results_folder(opened, out)
    old = SplitFile.read(home)
    if old is None:
        raise PupilaError(say("There is no split to extend"), actual=home, expected=SPLITS_FILE,
                          remedy="pupila split DATA")  # fmt: skip
    return opened, extend_split(opened, old)


def _read_replaced(home: str) -> "SplitFile | None":
    """The split that is replaced; one that can't be read is archived as it is."""
    from pupila.artifacts.dataset.splits import SplitFile
    from pupila.artifacts.dataset.test_access import archive_damaged_split

    try:
        return SplitFile.read(home)
    except PupilaError:
        archive_damaged_split(home)
        return None

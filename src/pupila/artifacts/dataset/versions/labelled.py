"""The version after labelling: the data are read again, from the cache, with the new labels in force."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.versions.snapshot import record_version
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_BY = "label"  # in the log


def record_labels(data: Dataset) -> list[str]:
    """Record the version of a data set whose label history has grown; no image is decoded again.

    Args:
        data: as they were before the labels.

    Returns:
        Sentences for the user: none, or why it was not recorded.
    """
    if not data.source:
        return []  # from memory: its labels are not in a folder of the user
    try:
        labelled = reopen(data)
        split = SplitFile.read(labelled.home)
    except (PupilaError, OSError) as fault:
        return [say("The version of the data was not recorded: {reason}", reason=str(fault))]
    return record_version(labelled, split, _BY)


def reopen(data: Dataset) -> Dataset:
    """The data as they are on disk now, read as they were before.

    Raises:
        PupilaError: see `pupila.artifacts.dataset.open.open`.
    """
    given = data.layout_settings.model_dump(exclude_defaults=True)
    bands = data.bands.model_dump(exclude_defaults=True) if data.bands else {}
    settings = ReadSettings(**given, **bands, **data.limits.model_dump(exclude_defaults=True))
    return open_data(data.source, settings)

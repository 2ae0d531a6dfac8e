"""Examine a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.artifacts.dataset.open import open as open_data
from pupila.stages.doctor.examine import examine
from pupila.stages.doctor.faults import Fault

if TYPE_CHECKING:
    pass
from pupila.api.data import Data


def doctor(data: Data, *, run: str | Path | None = None, **read: Any) -> list[Fault]:
    """Examine a data set.

    Args:
        data: whatever `pupila.open` takes.
        run: folder of a run; masks that disagree with its answers to unseen images are ranked.
        read: fields of `ReadSettings`, where the data are not open yet.

    Returns:
        All faults, errors first; empty where nothing was found.

    Raises:
        PupilaError: the run has no answers to masks of these data.
    """
    return examine(open_data(data, **read), None if run is None else str(run))

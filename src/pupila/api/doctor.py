"""Examine a data set."""

from pathlib import Path
from typing import Any

from pupila.api.data import Data, open_with
from pupila.stages.doctor.examine import examine
from pupila.stages.doctor.faults import Fault


def doctor(data: Data, *, run: str | Path | None = None, **read: Any) -> list[Fault]:
    """Examine a data set.

    Args:
        data: whatever `pupila.open` takes.
        run: folder of a run; masks that disagree with its out-of-fold predictions are ranked.
        read: fields of `ReadSettings`, where the data are not open yet.

    Returns:
        All faults, errors first; empty for a sound data set.

    Raises:
        PupilaError: the run has no mask predictions for these data.
    """
    return examine(open_with(data, read), None if run is None else str(run))

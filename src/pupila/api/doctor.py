"""Examine a data set."""

from typing import TYPE_CHECKING, Unpack

from pupila.api.data import open_with
from pupila.api.inputs import Data, ModelInput
from pupila.api.options import ReadOptions
from pupila.core.display import Displayed, Summary
from pupila.core.extras import public
from pupila.core.messages import say, say_count
from pupila.core.vocabulary import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from pupila.artifacts.report.fingerprint import Fault


class Faults(Displayed, list["Fault"]):
    """The faults of a data set, errors first; empty for a sound data set."""

    __slots__ = ()
    __repr__ = Displayed.__repr__

    def summary(self) -> Summary:
        """How many faults there are of each severity, and which."""
        counts = {
            severity: sum(fault.severity == severity for fault in self) for severity in (ERROR, WARNING, INFO)
        }
        parts = [
            say_count("{n} error", "{n} errors", counts[ERROR]) if counts[ERROR] else "",
            say_count("{n} warning", "{n} warnings", counts[WARNING]) if counts[WARNING] else "",
            say_count("{n} note", "{n} notes", counts[INFO]) if counts[INFO] else "",
        ]
        facts = {f"{fault.severity}: {fault.code} ({fault.count})": fault.fix for fault in self}
        return Summary("Faults", ", ".join(filter(None, parts)) or say("No problems found."), facts)


@public
def doctor(data: Data, *, run: ModelInput | None = None, **read: Unpack[ReadOptions]) -> Faults:
    """Examine a data set.

    Args:
        data: whatever `pupila.open` takes.
        run: a run or its folder; masks, or several labels per image, that its out-of-fold predictions contradict are
            ranked.
        read: how the images are read, where the data are not open yet.

    Returns:
        All faults, errors first; empty for a sound data set.

    Raises:
        PupilaError: the run has no such predictions for these data.
    """
    from pupila.artifacts.run.folder import read_run
    from pupila.stages.doctor.examine import examine

    return Faults(examine(open_with(data, read), None if run is None else read_run(run)))

"""The trackers by name, one file for each; their libraries are imported when one is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from pupila.stages.track.content import TrackedRun
from pupila.stages.track.target import Target

Change = Literal["new", "updated", "unchanged"]
NEW: Change = "new"
UPDATED: Change = "updated"
UNCHANGED: Change = "unchanged"


@dataclass(frozen=True, slots=True)
class Written:
    """What a tracker did with a run."""

    change: Change
    notes: tuple[str, ...] = ()  # sentences on what it could not take as it is


class Tracker(Protocol):
    """Holds runs, each once: what is written again is continued, and what has not changed is left as it is."""

    def write(self, run: TrackedRun) -> Written:
        """Bring the tracker's copy of a run up to date; a parent comes before its children.

        Raises:
            PupilaError: the tracker can't be written to.
        """

    def close(self) -> None:
        """Write what is not written yet, and free what is held."""

    @property
    def hint(self) -> str:
        """The command that shows, or uploads, what was written; without secrets."""


def _open_mlflow(target: Target) -> Tracker:
    from pupila.stages.track.mlflow import MlflowTracker

    return MlflowTracker(target)


def _open_wandb(target: Target) -> Tracker:
    from pupila.stages.track.wandb import WandbTracker

    return WandbTracker(target)


def _open_tensorboard(target: Target) -> Tracker:
    from pupila.stages.track.tensorboard import TensorboardTracker

    return TensorboardTracker(target)


TRACKERS: dict[str, Callable[[Target], Tracker]] = {
    "mlflow": _open_mlflow,
    "wandb": _open_wandb,
    "tensorboard": _open_tensorboard,
}


def open_tracker(target: Target) -> Tracker:
    """The tracker of a target.

    Raises:
        PupilaError: its place can't be used.
    """
    return TRACKERS[target.tracker](target)

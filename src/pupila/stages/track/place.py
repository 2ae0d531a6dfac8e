"""The lock of a tracker's place: processes of Pupila on one machine write to it in turn."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pupila.core import files, locks
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.track.target import Target, sqlite_path

_REMEDIES = {"mlflow": "--to mlflow:sqlite:///FOLDER/mlflow.db"}


@contextlib.contextmanager
def hold_place(target: Target) -> Iterator[None]:
    """Within it no other process of Pupila on this machine writes to the place, or makes it.

    Raises:
        PupilaError: the place can't be written to.
    """
    lock = _lock_file(target)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with locks.hold(str(lock)):
            yield
    except OSError as fault:
        raise PupilaError(
            say("Can't write to {target}", target=str(target)), actual=fault.strerror or str(fault),
            expected=say("a place that can be written to"),
            remedy=_REMEDIES.get(target.tracker, f"--to {target.tracker}:FOLDER"),
        ) from fault  # fmt: skip


def _lock_file(target: Target) -> Path:
    """Beside a database on disk, in a folder, and in the cache for a server."""
    if (database := sqlite_path(target.place)) is not None:
        return Path(database).with_name(f".{Path(database).name}.lock")
    if "://" in target.place or target.tracker == "mlflow":
        return files.cache_folder() / "track" / f"{files.sha256(target.place.encode())[:16]}.lock"
    return Path(target.place) / f".{target.tracker}.lock"

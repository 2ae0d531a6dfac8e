"""Weights & Biases: offline runs in a local folder; no login, no network, `wandb sync` uploads them."""

import re
import secrets
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.stages.track.content import FAILED, RUNNING, TrackedRun
from pupila.stages.track.place import hold_place
from pupila.stages.track.quiet import at_door
from pupila.stages.track.target import Target
from pupila.stages.track.trackers import NEW, UNCHANGED, UPDATED, Change, Written

if TYPE_CHECKING:
    from wandb.sdk.wandb_run import Run as OpenRun

_MARK = "pupila.json"  # digest of the run that a folder holds; none in one that was never completed
_NOT_IN_NAMES = re.compile(r"[/\\#?%:]")
_LONGEST_NAME = 128
_USER_HAS_IT = "wandb" in sys.modules  # then its service, too, is not ours to end
_STEP = "epoch"  # the curve that others are drawn over


class WandbTracker:
    """Writes offline runs of W&B, each as one folder that holds all of its epochs.

    W&B continues no offline run: a resumed run is written again under the same id, and the older folder is deleted once
    the new one holds as much.

    Args:
        target: with the folder, below which `wandb/` is.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._folder = Path(target.place, "wandb")
        self._names: dict[str, str] = {}  # of the sweeps, by identity
        self._open: dict[str, tuple[OpenRun, TrackedRun]] = {}  # runs that are training, by identity

    @property
    def hint(self) -> str:
        """The command that uploads the runs."""
        return f"wandb sync {self._folder}"

    def close(self) -> None:
        """End the runs that are open, and W&B's service."""
        with at_door(self._target):
            for identity in [*self._open]:
                self._open.pop(identity)[0].finish(exit_code=1)
            wandb = sys.modules.get("wandb")
            if wandb is not None and not _USER_HAS_IT and wandb.run is None:
                wandb.teardown()

    def write(self, run: TrackedRun) -> Written:
        """Add what is new to a run that is open, or write it whole."""
        self._names[run.identity] = run.name
        with hold_place(self._target):
            older = sorted(self._folder.glob(f"offline-run-*-{_run_id(run)}*"))
            if len(older) == 1 and _read_digest(older[0]) == run.digest:
                return Written(UNCHANGED)
            change: Change = UPDATED if older else NEW
            with at_door(self._target):
                folder = self._continue(run) or self._begin(run)
                if run.status != RUNNING:
                    self._finish(run)
                    files.write_bytes(str(folder / _MARK), dump_json({"digest": run.digest}).encode())
            for path in older:
                if path != folder:
                    shutil.rmtree(path, ignore_errors=True)
        return Written(change)

    def _continue(self, run: TrackedRun) -> Path | None:
        """Add the new epochs to the run that is open; None where none is, or one with other epochs."""
        if run.identity not in self._open:
            return None
        opened, before = self._open[run.identity]
        count = len(before.epochs)
        if run.log_digest(count) != before.log_digest(count):
            if len(run.epochs) < count and run.status == RUNNING:  # a resumed training writes its log again
                return Path(opened.settings.sync_dir)
            self._open.pop(run.identity)[0].finish(exit_code=1)
            return None
        self._log(opened, run, count)
        return Path(opened.settings.sync_dir)

    def _begin(self, run: TrackedRun) -> Path:
        """Begin a run under its id, with all epochs so far."""
        import wandb

        settings = wandb.Settings(
            mode="offline", silent=True, console="off", disable_git=True, disable_code=True, save_code=False,
            x_disable_meta=True, x_disable_stats=True, x_disable_machine_info=True, x_save_requirements=False,
            x_sync_dir_suffix=secrets.token_hex(2), x_start_time=run.started, reinit="create_new", symlink=False,
        )  # fmt: skip
        opened = wandb.init(
            dir=str(self._folder.parent), project=_fit(run.experiment), id=_run_id(run), name=run.name,
            group=self._names[run.parent] if run.parent else run.name if run.is_parent else None,
            job_type="sweep" if run.is_parent else "cell" if run.parent else None,
            config={**run.settings, "given": run.given}, settings=settings,
        )  # fmt: skip
        for part in dict.fromkeys(epoch.part for epoch in run.epochs):
            _define(opened, part)
        self._log(opened, run, 0)
        return Path(opened.settings.sync_dir)

    def _log(self, opened: "OpenRun", run: TrackedRun, count: int) -> None:
        """Log the epochs after the first so many; W&B's step is the number of the line in the log."""
        known = {epoch.part for epoch in run.epochs[:count]}
        for step, epoch in enumerate(run.epochs[count:], start=count + 1):
            if epoch.part not in known and count:
                _define(opened, epoch.part)
            known.add(epoch.part)
            row: dict[str, Any] = {**epoch.points, f"{epoch.part}/{_STEP}": epoch.number}
            if run.started is not None:
                row["_timestamp"] = run.started + epoch.elapsed
            opened.log(row, step=step)
        self._open[run.identity] = (opened, run)

    def _finish(self, run: TrackedRun) -> None:
        """Add results, tags and files, and end the run."""
        opened, _ = self._open.pop(run.identity)
        opened.summary.update({**run.results, **run.tags})
        opened.config.update(  # type: ignore[no-untyped-call]
            {"tags": run.tags}, allow_val_change=True
        )
        for file in run.files:
            opened.save(file.path, base_path=file.path.removesuffix(file.name), policy="now")
        opened.finish(exit_code=int(run.status == FAILED))


def _define(opened: "OpenRun", part: str) -> None:
    """Draw the curves of a part over its own epochs."""
    opened.define_metric(f"{part}/{_STEP}", hidden=True)
    opened.define_metric(f"{part}/*", step_metric=f"{part}/{_STEP}")


def _run_id(run: TrackedRun) -> str:
    return run.identity[:16]


def _read_digest(folder: Path) -> str:
    try:
        return str(files.read_json(str(folder / _MARK))["digest"])
    except (FileNotFoundError, PupilaError, KeyError, TypeError):
        return ""


def _fit(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name)[:_LONGEST_NAME]

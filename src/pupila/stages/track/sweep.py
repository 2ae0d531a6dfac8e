"""Reads a sweep's folder for the trackers: a parent, and a run for each of its cells."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pupila.artifacts.run.folder import Run
from pupila.artifacts.sweep.folder import FINISHED as ENDED
from pupila.artifacts.sweep.folder import Cell, Sweep
from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.stages.track.content import (
    FAILED,
    FINISHED,
    KILLED,
    RUNNING,
    Status,
    TrackedFile,
    TrackedRun,
    as_text,
    flatten,
)
from pupila.stages.track.run import DEFAULT_EXPERIMENT, OWN, read_start, read_tracked_run, spread

_STATUSES: dict[str, Status] = {"completed": FINISHED, "collapsed": FINISHED}
_FOLDERS = ("cells/", ".")  # what is no file of the sweep itself begins so


def read_tracked_sweep(sweep: Sweep, experiment: str | None = None) -> tuple[TrackedRun, list[Cell]]:
    """The parent of a sweep's runs, and the cells that are its children: each once, without those that never began.

    Args:
        sweep: finished or not.
        experiment: its name; None: that of the data set.

    Raises:
        PupilaError: a damaged file.
    """
    info = sweep.info
    unique = {cell.id or dump_json(cell.entry.settings): cell for cell in reversed(sweep.cells)}
    cells = [cell for cell in reversed(unique.values()) if cell.state != "waiting" or cell.run.has_plan]
    states = [cell.state for cell in unique.values()]
    axes = {f"axes.{axis.name}": axis.values or axis.range for axis in info.axes}
    definition = [sweep.name, info.data_hash, info.splits_hash, axes, info.base, info.search]
    results = {"cells": float(len(states))}
    results |= {f"cells_{state}": float(states.count(state)) for state in sorted({*states, *ENDED})}
    tags = {"task": info.task, "version": info.made_by.removeprefix("pupila "), "data_hash": info.data_hash,
            "splits_hash": info.splits_hash, "metric": info.metric, "sweep": sweep.name}  # fmt: skip
    parent = TrackedRun(
        identity=files.sha256(dump_json(definition).encode())[:32],
        name=sweep.name,
        experiment=experiment or info.data.rstrip("/").rpartition("/")[2] or DEFAULT_EXPERIMENT,
        status=_sweep_status(states, sweep.info.closed),
        started=_first_start(cells),
        settings={**flatten(info.base), **axes, **flatten(info.search, "search.")},
        results=results,
        tags={f"{OWN}{name}": value for name, value in tags.items() if value},
        files=tuple(_list_files(sweep.folder)),
        is_parent=True,
    )
    return parent, cells


def read_tracked_cell(cell: Cell, parent: TrackedRun) -> TrackedRun:
    """The run of a cell, as a child of its sweep: an equal cell of another sweep is another child.

    Raises:
        PupilaError: a damaged file.
    """
    run = Run(cell.folder)
    settings = flatten(cell.entry.settings)
    if cell.id and run.has_plan:
        tracked = read_tracked_run(run, parent.experiment)
    else:
        tracked = TrackedRun("", "", parent.experiment, FAILED, None, settings, settings)
    result, state = cell.result, cell.state
    results = dict(tracked.results)
    if result is not None:
        for name, estimate in result.metrics.items():
            results |= spread(f"validation/{name}", estimate)
        results |= {"parameters": float(result.parameters), "best_epoch": float(result.best_epoch)}
        if result.baseline is not None:
            results |= {f"baseline/{name}": value for name, value in result.baseline.metrics.items()}
    tags = {f"{OWN}cell": cell.id, f"{OWN}state": state, f"{OWN}reason": cell.reason}
    return replace(
        tracked,
        identity=files.sha256(f"{parent.identity} {cell.id or dump_json(settings)}".encode())[:32],
        name=", ".join(f"{name}={as_text(value)}" for name, value in settings.items()) or cell.id,
        status=RUNNING if state == "running" else _STATUSES.get(state, FAILED),
        results=results,
        tags={**tracked.tags, **{name: value for name, value in tags.items() if value}},
        parent=parent.identity,
    )


def _sweep_status(states: Sequence[str], closed: bool) -> Status:
    if "running" in states:
        return RUNNING
    return FINISHED if closed and {*states} <= {*ENDED} else KILLED


def _first_start(cells: list[Cell]) -> float | None:
    """When the first cell began; None: no cell knows."""
    runs = [Run(cell.folder) for cell in cells if cell.id]
    starts = [read_start(run) for run in runs if run.has_plan]
    return min((start for start in starts if start is not None), default=None)


def _list_files(folder: str) -> Iterator[TrackedFile]:
    """The table, the page, the bundle of the winner and all else but the cells."""
    for entry in files.walk(folder):
        if not entry.path.startswith(_FOLDERS) and not files.is_hidden(entry.path):
            path = files.join(folder, entry.path)
            yield TrackedFile(entry.path, path, files.sha256(files.read_bytes(path)))

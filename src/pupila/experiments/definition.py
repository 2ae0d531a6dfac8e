"""What a sweep trains: parsed from what the user gives, compared with what its folder holds, and opened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pupila.api.inputs import Data, is_path, path_text
from pupila.api.train import divide_settings, open_training
from pupila.artifacts.run.log import LogCallback
from pupila.artifacts.sweep.definition import SweepFile
from pupila.artifacts.sweep.folder import Sweep, is_sweep, write_sweep
from pupila.core import files
from pupila.core.durations import parse_seconds
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.experiments.cells import CellPlanner
from pupila.experiments.configurations import Entry
from pupila.experiments.inputs import SweepInputs
from pupila.experiments.learning_curve.shares import check_split
from pupila.experiments.parameters import parse_varied
from pupila.experiments.settings import SweepSettings, describe_search
from pupila.experiments.space import Space, axis_record
from pupila.experiments.stored import list_given
from pupila.experiments.strategy import check_strategy
from pupila.stages.train.cell import divide_threads, find_metric
from pupila.stages.train.config import TrainConfig
from pupila.stages.train.run import find_free_folder

ROOT = "sweeps"  # folder of the sweeps, in the working directory


@dataclass(frozen=True)
class Definition:
    """What varies, and what all cells share."""

    space: Space
    folds: int | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 1
    given: Mapping[str, Any] = field(default_factory=dict)  # of the sweep's own settings

    def entries(self) -> list[Entry]:
        """The rows of a grid."""
        return [Entry(configuration) for configuration in self.space.grid()]

    def models(self) -> list[str]:
        """The models of the cells, as they were given."""
        for axis in self.space.axes:
            if axis.name == "model":
                return [str(model) for model in axis.values]
        return [str(self.space.base.get("model", "auto"))]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a sweep is run; none of it changes a figure."""

    jobs: int = 1  # processes that train cells
    budget: float | None = None  # seconds after which no cell is begun

    @classmethod
    def parse(cls, settings: SweepSettings) -> Self:
        """From the settings.

        Raises:
            PupilaError: the budget is not a time.
        """
        budget = settings.total_budget
        return cls(settings.jobs, None if budget is None else parse_seconds(budget, say("Invalid budget")))


@dataclass(frozen=True)
class OpenedSweep:
    """A sweep that is ready to run."""

    folder: str
    inputs: SweepInputs
    planner: CellPlanner

    def read(self) -> Sweep:
        """It, as it stands on disk now."""
        return Sweep(self.folder)

    def discard_empty(self) -> None:
        """Delete the folder of a new sweep that has no rows, so that it is free for another one."""
        if not self.read().info.entries:
            files.remove_folder(Path(self.folder))


def parse_definition(settings: Mapping[str, Any]) -> tuple[Definition, SweepSettings]:
    """What a sweep trains, and how it is run.

    Args:
        settings: of the sweep, of the training that all cells share, and of how the images are read.

    Raises:
        PupilaError: all that is wrong with names and values.
    """
    own = {name: value for name, value in settings.items() if name in SweepSettings.model_fields}
    parsed = SweepSettings.parse(own, "sweep")
    folds, reading, base = divide_settings({n: v for n, v in settings.items() if n not in own})
    search = describe_search(parsed)
    space = Space((), base) if parsed.learning_curve else parse_varied(parsed, base)
    if not parsed.learning_curve:
        check_strategy(space, parsed)
    return Definition(space, folds, reading, search, parsed.retries, list_given(parsed)), parsed


def open_sweep(
    data: Data, definition: Definition, out: str | None, resume: bool, options: RunOptions, tell: LogCallback
) -> OpenedSweep:
    """Open the data, and write the definition of the sweep into its folder, or compare it with the one that is there.

    Raises:
        PupilaError: another sweep is in the folder; or this one, and `resume` is not set.
    """
    _check_folder(out, resume)
    opened, splits = open_training(data, definition.reading, definition.folds, tell)
    if "learning_curve" in definition.search:
        check_split(splits)
    inputs = SweepInputs(opened, splits)
    info = _describe(data, definition, inputs, options.jobs)
    folder = _find_folder(out or f"{ROOT}/{opened.name}", info, resume, named=out is not None)
    if resume:
        stored = Sweep(folder).info
        info = stored.model_copy(update={"retries": definition.retries, "closed": False})
    write_sweep(folder, info)
    planner = CellPlanner(inputs, definition.space, info.device or "auto", info.threads, list(info.fixed))
    return OpenedSweep(folder, inputs, planner)


def _describe(data: Data, definition: Definition, inputs: SweepInputs, jobs: int) -> SweepFile:
    """The content of `sweep.json` before the first cell is planned."""
    task, metric = find_metric(inputs.data, definition.models())
    return SweepFile(
        data=files.absolute(path_text(data)) if is_path(data) else "",  # type: ignore[arg-type]
        data_hash=inputs.data.hash,
        splits_hash=inputs.splits.hash,
        task=task,
        metric=metric,
        axes=[axis_record(axis) for axis in definition.space.axes],
        base=TrainConfig.parse(dict(definition.space.base), "train").model_dump(
            mode="json", exclude_unset=True
        ),
        folds=definition.folds or 0,
        reading=dict(definition.reading),
        search=dict(definition.search),
        given=dict(definition.given),
        retries=definition.retries,
        threads=divide_threads(jobs),
    )


def _check_folder(out: str | None, resume: bool) -> None:
    """Refuse, before anything is read, a folder that no sweep can be written to."""
    if out is None:
        return
    if files.is_remote(out):
        raise PupilaError(
            say("A sweep can only be written to a local disk"), actual=out, expected=say("a local folder"),
        )  # fmt: skip
    if not resume and not is_sweep(out) and Path(out).exists() and any(Path(out).iterdir()):
        raise PupilaError(
            say("The folder of the sweep is not empty"), actual=out, expected=say("a new or empty folder"),
            remedy="--out FOLDER",
        )  # fmt: skip


_WORDS = ("data_hash", "splits_hash", "axes", "base", "folds", "reading", "search")


def _differences(stored: SweepFile, info: SweepFile) -> list[str]:
    """What a sweep has otherwise than the one in the folder."""
    titles = dict(zip(_WORDS, (say("other data"), say("another split"), say("other values that vary"),
                               say("other settings"), say("other folds"), say("other settings of reading"),
                               say("another search")), strict=True))  # fmt: skip
    old, new = stored.model_dump(mode="json"), info.model_dump(mode="json")
    return [title for name, title in titles.items() if old[name] != new[name]]


def _find_folder(folder: str, info: SweepFile, resume: bool, named: bool) -> str:
    """The folder of the sweep.

    Args:
        folder: that was given, or the usual one.
        info: of the sweep.
        resume: whether it has to be there.
        named: whether it was given; the usual one may be taken by other sweeps.
    """
    candidates = [folder] if named else _list_numbered(folder)
    for candidate in candidates:
        differences = _differences(Sweep(candidate).info, info) if is_sweep(candidate) else []
        if named and differences:
            raise PupilaError(
                say("Another sweep is in {folder}", folder=candidate), actual=listing(differences, 8),
                expected=say("the same data, settings and values"), remedy=say("--out FOLDER for this one"),
            )  # fmt: skip
        if is_sweep(candidate) and not differences:
            if resume:
                return candidate
            raise PupilaError(
                say("This sweep is in {folder} already", folder=candidate), expected=say("--resume to continue it"),
                remedy=f"--resume --out {candidate}",
            )  # fmt: skip
    if resume:
        raise PupilaError(
            say("There is no such sweep to resume"), actual=listing(candidates), expected=say("the folder of a sweep"),
            remedy="--resume --out FOLDER",
        )  # fmt: skip
    return folder if named else find_free_folder(folder)


def _list_numbered(folder: str) -> list[str]:
    """FOLDER, FOLDER-2, FOLDER-3 and so on, as far as they exist; at least the first."""
    names = [folder]
    while Path(names[-1]).exists():
        names.append(f"{folder}-{len(names) + 1}")
    return names[:-1] or names

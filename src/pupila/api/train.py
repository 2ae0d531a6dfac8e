"""Train a model, plan a training, and preview its augmentation."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Unpack

from pupila.api.data import find_agreed_split, open_labelled, open_with
from pupila.api.inputs import Data, Path, path_text
from pupila.api.split import plan_split, split
from pupila.api.train_options import TrainOptions
from pupila.core import files
from pupila.core.errors import PupilaError, describe_type
from pupila.core.extras import public
from pupila.core.messages import escape_controls, say
from pupila.core.vocabulary import TRAIN

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset
    from pupila.artifacts.dataset.splits import SplitFile
    from pupila.artifacts.run.log import LogCallback, LogLine
    from pupila.artifacts.run.plan import PlanFile, RunPlan
    from pupila.stages.train.clock import CommandClock
    from pupila.stages.train.config import TrainConfig
    from pupila.stages.train.run import TrainedRun
    from pupila.stages.train.settings import TrainPlan


@public
def train(
    data: Data,
    *,
    out: Path | None = None,
    resume: bool = False,
    tell: "LogCallback | None" = None,
    track: str | None = None,
    mirror: Path | None = None,
    **settings: Unpack[TrainOptions],
) -> "TrainedRun":
    """Train a model and write its run folder with the bundle; data without a split are split first.

    Args:
        data: whatever `pupila.open` takes.
        out: folder of the run; by default `runs/<data>-<model>` in the working directory.
        resume: resume the run in `out`, which must be there.
        tell: called with each line of the log and each note; None: the notes are printed (data, split, model, time).
        track: where to follow the training, as `to` of `pupila.track`; a tracker that fails is a note, and no error.
        mirror: where to copy the run in `out` after each epoch and at the end, a folder or a prefix of a store; the run
            in `out` is resumed, or that of the mirror where `out` has none. A mirror that fails is a note; one that
            can't be read at the start is an error where `out` has no run.
        settings: of the training; `folds` for data without a split; and `bands`, `low` and `high` for TIFFs, where the
            data are not open yet.

    Raises:
        PupilaError: see `pupila.stages.train.run.TrainingRun`; there is no run to resume, or no such tracker; or the
            mirror has another run.
    """
    if tell is not None and not callable(tell):
        raise PupilaError(
            say("`tell` can't be called"), actual=describe_type(tell), expected=say("a function of a line of the log"),
            remedy="tell=print",
        )  # fmt: skip
    from pupila.stages.train.clock import CommandClock

    return train_by_clock(
        TrainCall(data, out, resume, tell, track, settings, mirror), CommandClock.start_now()
    )


@dataclass(frozen=True, slots=True)
class TrainCall:
    """The arguments of `train`."""

    data: Data
    out: Path | None
    resume: bool
    tell: "LogCallback | None"
    track: str | None
    settings: Mapping[str, Any]
    mirror: Path | None = None


def train_by_clock(call: TrainCall, clock: "CommandClock | None" = None) -> "TrainedRun":
    """See `train`; a budget counts from the start of the clock.

    Args:
        call: the arguments of `train`.
        clock: of the command; None: it began with its process.
    """
    from pupila.stages.track.target import parse_target
    from pupila.stages.train.clock import CommandClock

    _check_folder(call.out, call.resume, call.mirror)
    if call.mirror is not None and isinstance(call.data, str | os.PathLike):
        source, copy = path_text(call.data), path_text(call.mirror)
        problem = say("A mirror is another folder than that of the data")  # its files would be read as data
        _check_apart(source, copy, problem, f"{source} --mirror {copy}")
    clock = clock or CommandClock.start_with_process()
    track, out, resume, tell = call.track, call.out, call.resume, call.tell
    target = parse_target(track) if track is not None else None  # before what takes seconds to load
    from pupila.artifacts.run.folder import Run
    from pupila.artifacts.run.mirror import Mirror
    from pupila.learning.models.settings import DEFAULT_MODELS
    from pupila.stages.track.live import LiveTracking
    from pupila.stages.train.config import TrainConfig
    from pupila.stages.train.run import TrainingRun, find_free_folder

    folds, read, config = divide_settings(call.settings)
    parsed = TrainConfig.parse(config, "train")
    opened, splits = open_training(call.data, read, folds, tell or _print_note)
    assert opened.task is not None  # it has labels
    model = DEFAULT_MODELS[opened.task.name] if parsed.model == "auto" else PurePath(parsed.model).name
    folder = path_text(out) if out is not None else find_free_folder(f"runs/{opened.name}-{model}")
    on_log = tell or _print_note
    with _marking_run(opened, splits, folder), contextlib.ExitStack() as stack:
        mirror = None
        if call.mirror is not None:
            mirror = Mirror(folder, path_text(call.mirror), on_log)
            mirror.restore(partial(_check_mirrored, parsed, opened, splits))
            resume = Run(folder).has_plan
            on_log = stack.enter_context(mirror).on_log
        if target is not None:
            on_log = stack.enter_context(LiveTracking(folder, target, on_log)).on_log
        run = TrainingRun(opened, splits, folder, on_log, clock=clock).run(parsed, resume)
    return run if mirror is None or mirror.is_complete else replace(run, is_mirrored=False)


@public
def make_plan(
    data: Data, *, tell: "LogCallback | None" = None, **settings: Unpack[TrainOptions]
) -> "TrainPlan":
    """The plan of a training, every "auto" decided, some by a short trial; nothing is written beside the data.

    Args:
        data: whatever `pupila.open` takes.
        tell: called with what was understood of the data, and the split; None: neither is reported.
        settings: as for `train`.
    """
    from pupila.stages.train.config import TrainConfig
    from pupila.stages.train.preparation import prepare_training

    folds, read, config = divide_settings(settings)
    parsed = TrainConfig.parse(config, "train")
    opened = open_labelled(data, read)
    if tell is not None:
        _introduce(opened, tell)
    splits = find_agreed_split(opened, folds) or plan_split(opened, folds=folds)
    if tell is not None:
        _tell_split(splits, tell)
    return prepare_training(parsed, opened, splits)[0]


@public
def preview(data: Data, out: Path, **settings: Unpack[TrainOptions]) -> None:
    """Write a PNG of training images: each original with its first augmented views."""
    from pupila.artifacts.dataset.splits import find_matching_split
    from pupila.stages.train.config import TrainConfig
    from pupila.stages.train.preview import draw_preview

    _, read, config = divide_settings(settings)
    opened = open_with(data, read)
    splits = find_matching_split(opened, opened.home)
    rows = (
        [row for row, a in enumerate(splits.images) if a.split == TRAIN]
        if splits
        else list(range(len(opened)))
    )
    files.write_bytes(path_text(out), draw_preview(opened, rows, TrainConfig.parse(config, "train")))


def open_training(
    data: Data, read: Mapping[str, Any], folds: int | None, tell: "LogCallback"
) -> "tuple[Dataset, SplitFile]":
    """The opened data set and its split, which is made where there is none; both are reported, the version recorded.

    Args:
        data: whatever `pupila.open` takes.
        read: fields of `ReadSettings`.
        folds: of the split.
        tell: called with each sentence.
    """
    opened = open_labelled(data, read)
    _introduce(opened, tell)
    splits = find_agreed_split(opened, folds) or split(opened, folds=folds)
    _tell_split(splits, tell)
    if "task" in read:  # later commands read the labels for it, too
        opened.save(opened.home)
    _record_version(opened, splits, tell)
    return opened, splits


def _check_folder(out: Path | None, resume: bool, mirror: Path | None) -> None:
    """Refuse, before anything is read or written, a folder that can't be trained in, or that has no run to resume."""
    from pupila.artifacts.run.plan import PLAN_FILE

    if resume and out is None:
        raise PupilaError(
            say("--resume needs the folder of the run"), actual=say("--resume without --out"),
            expected="--out RUN", remedy="--resume --out runs/NAME",
        )  # fmt: skip
    if out is None and mirror is not None:
        raise PupilaError(
            say("--mirror needs the folder of the run"), actual=say("--mirror without --out"),
            expected="--out RUN", remedy=f"--out runs/NAME --mirror {path_text(mirror)}",
        )  # fmt: skip
    if out is None:
        return
    folder = path_text(out)
    if files.is_remote(folder):
        raise PupilaError(
            say("A run can only be written to a local disk"), actual=folder, expected=say("a local folder"),
            remedy=f"--out runs/NAME --mirror {folder}",
        )  # fmt: skip
    if mirror is not None:
        copy = path_text(mirror)
        problem = say("A mirror is another folder than that of the run")
        _check_apart(folder, copy, problem, f"--out {folder} --mirror {copy}")
    elif resume and not files.exists(files.join(folder, PLAN_FILE)):
        missing = say("no {file}", file=PLAN_FILE) if files.exists(folder) else say("no such folder")
        raise PupilaError(
            say("There is no run to resume in {folder}", folder=folder), actual=missing,
            expected=say("the folder of a run"), remedy=say("start one there without resume"),
        )  # fmt: skip


def _check_apart(folder: str, mirror: str, problem: str, actual: str) -> None:
    """Refuse a mirror that lies in a folder, or that holds it."""
    other, copy = f"{files.absolute(folder)}/", f"{files.absolute(mirror)}/"
    if other.startswith(copy) or copy.startswith(other):
        raise PupilaError(
            problem, actual=actual, expected=say("a folder outside of it, or another prefix of a store"),
            remedy="--mirror s3://BUCKET/PREFIX",
        )  # fmt: skip


def _check_mirrored(
    config: "TrainConfig", data: "Dataset", splits: "SplitFile", stored: "PlanFile[RunPlan]"
) -> None:
    """Refuse to restore a run that was trained on other data or with other settings."""
    from pupila.stages.train.config import parse_plan
    from pupila.stages.train.resume import check_same_data, check_same_settings

    try:
        check_same_data(parse_plan(stored.plan), data, splits)
        check_same_settings(config, stored.settings)
    except PupilaError as fault:
        raise PupilaError(
            say("The mirror has another run. {problem}", problem=fault.problem), actual=fault.actual,
            expected=fault.expected, remedy=say("the data and settings of that run, or --mirror with another address"),
        ) from fault  # fmt: skip


def _introduce(data: "Dataset", tell: "LogCallback") -> None:
    """Say what was understood of the data, before the search for duplicates and all else that takes long."""
    from pupila.artifacts.dataset.understood import describe
    from pupila.artifacts.run.log import Note

    for sentence in describe(data):
        tell(Note(sentence))


def _tell_split(splits: "SplitFile", tell: "LogCallback") -> None:
    """Say which split is trained on, before the plan is made."""
    from pupila.artifacts.run.log import Note
    from pupila.stages.train.introduction import describe_split

    for sentence in describe_split(splits):
        tell(Note(sentence))


def _record_version(data: "Dataset", splits: "SplitFile", tell: "LogCallback") -> None:
    """Record the version of the data that is trained on, by hashes; a failure is reported, and training continues."""
    from pupila.artifacts.dataset.versions.snapshot import record_version
    from pupila.artifacts.run.log import Note

    for sentence in record_version(data, splits, "train"):
        tell(Note(sentence))


@contextlib.contextmanager
def _marking_run(data: "Dataset", splits: "SplitFile", folder: str) -> Iterator[None]:
    """Afterwards the log of versions names the run, where it was trained on this one and not refused."""
    from pupila.artifacts.dataset.versions.identity import hash_version
    from pupila.artifacts.dataset.versions.snapshot import mark_run
    from pupila.artifacts.run.folder import Run

    version = hash_version(data.hash, splits.hash)
    try:
        yield
    finally:
        with contextlib.suppress(PupilaError, OSError):
            if Run(folder).plan.data_version == version:
                mark_run(data, version, files.absolute(folder))


def _print_note(line: "LogLine") -> None:
    """Print what is no epoch, where the command prints it."""
    from pupila.artifacts.run.log import Note

    if isinstance(line, Note):
        print(escape_controls(str(line)), flush=True)


def divide_settings(settings: Mapping[str, Any]) -> tuple[int | None, dict[str, Any], dict[str, Any]]:
    """The folds, the settings of reading the images, and those of the training; what nobody knows is the training's."""
    from pupila.artifacts.dataset.reading import ReadSettings
    from pupila.stages.train.config import TrainConfig

    reading = ReadSettings.model_fields.keys() - TrainConfig.model_fields.keys()
    read = {name: value for name, value in settings.items() if name in reading}
    config = {name: value for name, value in settings.items() if name not in {*reading, "folds"}}
    return settings.get("folds"), read, config

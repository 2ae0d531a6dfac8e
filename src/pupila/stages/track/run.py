"""Reads a run's folder for the trackers."""

import math
from collections.abc import Iterator
from datetime import datetime

from pupila.artifacts.bundle.folder import Bundle, has_bundle
from pupila.artifacts.bundle.info_file import INFO_FILE
from pupila.artifacts.run.folder import BUNDLE, EXAMPLES, REPORT_FILE, Run
from pupila.artifacts.run.lock import is_training
from pupila.artifacts.run.log import LOG_FILE, EpochLog
from pupila.artifacts.run.plan import COLLAPSED, COMPLETED, INTERRUPTED, PLAN_FILE
from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.stages.track.content import (
    FAILED,
    FINISHED,
    KILLED,
    RUNNING,
    Epoch,
    Status,
    TrackedFile,
    TrackedRun,
    flatten,
)
from pupila.statistics.estimate import Estimate

# Of the plan: what are tags, or no settings.
_NO_SETTINGS = {"data_hash", "splits_hash", "data_parts", "data_version", "leaking", "reasons"}
_ENDED: dict[str, Status] = {COMPLETED: FINISHED, COLLAPSED: FINISHED, INTERRUPTED: KILLED}
OWN = "pupila."  # what our tags begin with
DEFAULT_EXPERIMENT = "pupila"  # of an older run, which does not name its data


def read_tracked_run(run: Run, experiment: str | None = None, training: bool | None = None) -> TrackedRun:
    """What a tracker gets of a run, finished or not.

    Args:
        run: with a plan.
        experiment: its name; None: that of the run's data set.
        training: whether a process trains it; None: the lock in its folder tells.

    Raises:
        PupilaError: no plan, or a damaged file.
    """
    content, plan = run.plan_file, run.plan
    epochs = tuple(_read_epochs(run.log))
    live = is_training(run.folder) if training is None else training
    status = RUNNING if live else _ENDED.get(content.state, FAILED)
    ended = status != RUNNING and has_bundle(files.join(run.folder, BUNDLE))
    bundle = run.bundle if ended else None  # while it trains, that is the bundle of an earlier interruption
    decided = {
        name: value for name, value in plan.model_dump(mode="json").items() if name not in _NO_SETTINGS
    }
    return TrackedRun(
        identity=_identify(run),
        name=run.name,
        experiment=experiment or content.data or DEFAULT_EXPERIMENT,
        status=status,
        started=read_start(run),
        settings=flatten(decided),
        given=flatten(content.settings),
        epochs=epochs,
        results=_read_results(bundle),
        tags=_describe(run, bundle),
        files=tuple(_list_files(run, bundle))
        if status != RUNNING and not files.is_remote(run.folder)
        else (),
        examples=tuple(_list_examples(run)),
    )


def read_start(run: Run) -> float | None:
    """When a run began, seconds since 1970; None: an older run, which does not know."""
    created = run.plan_file.created
    return datetime.fromisoformat(created).timestamp() if created else None


def _identify(run: Run) -> str:
    """The same after a run was resumed or moved; another one for a training that starts over with the same plan.

    An older run does not know when it began: the duration of its first epoch takes the place of that.
    """
    content = run.plan_file
    origin = content.created or (run.log[0].model_dump_json() if run.log else "")
    plan = run.plan
    return files.sha256(
        dump_json([origin, plan.task, plan.model, plan.data_hash, plan.splits_hash]).encode()
    )[:32]


def _read_epochs(log: list[EpochLog]) -> Iterator[Epoch]:
    elapsed = 0.0
    for line in log:
        elapsed += line.seconds
        figures = {"train_loss": line.train_loss, "validation_loss": line.validation_loss, **line.metrics,
                   "score": line.score, "lr": line.lr, "seconds": line.seconds}  # fmt: skip
        present = {name: value for name, value in figures.items() if value is not None}
        yield Epoch(line.part, line.epoch, present, elapsed)


def _read_results(bundle: Bundle | None) -> dict[str, float]:
    """The metrics on validation with their intervals, and those of the baseline."""
    if bundle is None or (validation := bundle.info.validation) is None:
        return {}
    results = {"validation/images": float(validation.n), "validation/groups": float(validation.groups)}
    for name, estimate in validation.metrics.items():
        results |= spread(f"validation/{name}", estimate)
    results |= {f"baseline/{name}": value for name, value in validation.baseline.metrics.items()}
    return {name: value for name, value in results.items() if math.isfinite(value)}


def spread(name: str, estimate: Estimate) -> dict[str, float]:
    """A figure and the ends of its interval, each a metric of its own; what is undefined is left out."""
    ends = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {key: value for key, value in ends.items() if value is not None}


def _describe(run: Run, bundle: Bundle | None) -> dict[str, str]:
    """The tags: what the run was made from and by, and how it stands."""
    content, plan = run.plan_file, run.plan
    tags = {
        "task": plan.task,
        "state": content.state,
        "version": content.made_by.removeprefix("pupila "),
        "data": content.data,
        "data_hash": plan.data_hash,
        "data_version": plan.data_version,
        "splits_hash": plan.splits_hash,
        "leaking": "true" if plan.leaking else "",
        "bundle_hash": bundle.hash if bundle else "",
    }
    return {f"{OWN}{name}": value for name, value in tags.items() if value}


def _list_files(run: Run, bundle: Bundle | None) -> Iterator[TrackedFile]:
    for name in (PLAN_FILE, LOG_FILE, REPORT_FILE):
        path = files.join(run.folder, name)
        if files.exists(path):
            yield TrackedFile(name, path, files.sha256(files.read_bytes(path)))
    if bundle is not None:
        for name, digest in {INFO_FILE: bundle.hash, **bundle.info.files}.items():
            yield TrackedFile(f"{BUNDLE}/{name}", files.join(bundle.folder, name), digest)


def _list_examples(run: Run) -> Iterator[tuple[str, int, str]]:
    """Part, epoch and path of each PNG of `examples/`."""
    folder = files.join(run.folder, EXAMPLES)
    if not files.is_folder(folder):
        return
    for name in files.list_files(folder):
        part, _, epoch = name.removesuffix(".png").rpartition("-")
        if part and epoch.isdecimal() and name.endswith(".png"):
            yield part, int(epoch), files.join(folder, name)

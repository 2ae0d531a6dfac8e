"""Monitor a log, and write the report."""

from pathlib import Path

import numpy as np

from pupila.artifacts.bundle.reference import read_reference
from pupila.artifacts.report.drift import Alarm, DriftReport
from pupila.artifacts.report.page import render
from pupila.artifacts.run.source import PredictingSource
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.vocabulary import DRIFT_FILE, DRIFT_PAGE_FILE
from pupila.stages.monitor.compare import compare_with_reference
from pupila.stages.monitor.page import drift_page
from pupila.stages.monitor.read import MonitoredLog, read_log
from pupila.stages.monitor.settings import MonitorSettings
from pupila.stages.monitor.streams import describe_streams
from pupila.stages.monitor.tasks import MONITORED
from pupila.stages.monitor.watch import Watch, watch
from pupila.statistics.drift.cbpe import estimate_accuracy
from pupila.statistics.drift.change_point import smallest_shift
from pupila.statistics.drift.streams import choose_streams


def monitor_log(path: str | Path, source: PredictingSource, settings: MonitorSettings) -> DriftReport:
    """Whether the images of a log still look like the reference of the bundle that predicted them.

    Args:
        path: of `predictions.jsonl`, or of its folder.
        source: of the bundle.
        settings: when an alarm is raised.

    Raises:
        PupilaError: no log, no prediction of the bundle in it, or a bundle without a reference.
    """
    bundle = source.bundle
    if source.task.takes_prompts:
        raise PupilaError(
            say("A promptable model can't be monitored"), actual=bundle.folder,
            expected=say("a bundle that predicts without prompts: others have no reference"),
        )  # fmt: skip
    reference = read_reference(bundle)
    log = read_log(path, bundle, reference)
    own, classes, task = reference.observations, bundle.info.classes, MONITORED[bundle.info.task]
    monitored = reference.monitored
    watched = watch(monitored, log.observations, settings.false_alarm_every)
    since = log.observations.select(np.arange(watched.since, len(log.images)))
    streams = describe_streams(monitored, log.observations, watched, classes)
    correctness = [task.correctness(each, bundle.info) for each in (own, since)]
    with progress(say("estimating"), 3) as advance:
        comparison, unlike = compare_with_reference(monitored, log, watched)
        advance(1)
        accuracy = estimate_accuracy(*correctness)
        advance(1)
        shares = task.shares(classes, own, since)
        advance(1)
    return DriftReport(
        bundle=source.name, version=bundle.hash, task=bundle.info.task, counts=log.counts,
        false_alarm_every=settings.false_alarm_every, reference_groups=len(own),
        is_out_of_fold=reference.is_out_of_fold, evidence=watched.evidence, largest_evidence=watched.largest,
        alarm=_describe_alarm(log, watched), history=watched.history, streams=streams,
        smallest_shift=smallest_shift(
            len(own), len(log.images), settings.false_alarm_every, float(choose_streams(own).weights.min())
        ),
        classes=shares, accuracy=accuracy, comparison=comparison, unlike=unlike,
    )  # fmt: skip


def _describe_alarm(log: MonitoredLog, watched: Watch) -> Alarm | None:
    if watched.alarm is None:
        return None
    return Alarm(
        group=watched.alarm, time=log.images[watched.alarm - 1].time, since_group=watched.since + 1,
        since=log.images[watched.since].time,
    )  # fmt: skip


def write_drift(report: DriftReport, path: str | Path, folder: str) -> str:
    """Write `drift.html` and `drift.json` into the folder.

    Args:
        report: of `monitor_log`.
        path: of the log, beside which stored images lie.
        folder: path or URI.

    Returns:
        Path of the page.
    """
    home = Path(path) if Path(path).is_dir() else Path(path).parent
    page = files.join(folder, DRIFT_PAGE_FILE)
    files.write_json(files.join(folder, DRIFT_FILE), report.model_dump(mode="json", by_alias=True))
    files.write_bytes(page, render(drift_page(report, home)).encode())
    return page

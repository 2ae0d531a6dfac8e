"""The live monitor of a service: whether the images still look like the reference of the model."""

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.reference import find_reference
from pupila.artifacts.predictions.groups import GroupPicker
from pupila.artifacts.predictions.log import PredictionRecord, observe_records, read_predictions
from pupila.artifacts.web.app import App
from pupila.artifacts.web.scopes import Access, needs
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.serve.recording import PredictionLog
from pupila.stages.serve.settings import ServeSettings
from pupila.statistics.drift.detector import DriftDetector

_log = logging.getLogger("uvicorn.error")
DriftStatus = Literal["quiet", "alarm", "no-reference", "reading", "failed"]


class Drift(BaseModel):
    """Whether the images still look like the reference of the model."""

    status: DriftStatus = Field(
        description="alarm: they do not; no-reference: the bundle has none to compare with; reading: the log "
        "of before the start is read; failed: the monitor has "
        "stopped, see the service's messages"
    )
    groups: int = Field(description="groups of related images since the model was first served here")
    open_groups: int = Field(
        description="groups that may have further images: they count after 200 other images, or one an hour later"
    )
    unmonitored: int = Field(description="images that were recorded, and came too fast to be monitored")
    evidence: float = Field(description="alarm from false_alarm_every on")
    false_alarm_every: int = Field(description="mean number of groups between two false alarms, at least")
    alarm_at: int | None = Field(description="number of the group with the alarm, from 1; null: none")
    streams: dict[str, float] = Field(description="evidence of each monitored value by itself")
    model_version: str = Field(description="hash of the bundle")


@dataclass(slots=True)
class _Watched:
    """One version of the model, since it was first served with this log."""

    bundle: Bundle
    detector: DriftDetector | None  # None: the bundle has no reference
    projections: int  # of the embedding
    picker: GroupPicker

    def add(self, record: PredictionRecord) -> None:
        """Take in a record."""
        if self.detector is None or not self._fits(record):
            return
        for group in self.picker.add(record):
            self.detector.update(observe_records([group], self.bundle.info.classes))

    def _fits(self, record: PredictionRecord) -> bool:
        """Whether the record is one of this bundle; a log may have been edited."""
        lengths = (0, self.projections)
        return len(record.embedding) in lengths and record.outputs.keys() == set(self.bundle.info.classes)


class LiveMonitor:
    """Takes in the records of the current model; what the log had of it at the start counts, as after a restart.

    Args:
        folder: of the log.
        false_alarm_every: groups.
        current: the bundle that is served.
    """

    def __init__(self, folder: str, false_alarm_every: int, current: Callable[[], Bundle]) -> None:
        self._folder, self._every, self._current = folder, false_alarm_every, current
        self._watched: dict[str, _Watched] = {}  # by the hash of the bundle
        self._logged: frozenset[str] = frozenset()  # the versions in the log at the start
        self._ending = threading.Event()
        self._unmonitored, self._failed, self._reading = 0, False, True

    def start(self, ending: threading.Event) -> None:
        """Take in what the log has of the current model; in the thread of the log."""
        self._ending = ending
        watched = _watch(self._current(), self._every)
        self._logged = frozenset(self._replay(watched))
        self._watched[watched.bundle.hash] = watched
        self._reading = False

    def add(self, record: PredictionRecord, bundle: Bundle) -> None:
        """Take in a record; in the thread of the log. Those of an earlier model that still drains are left out."""
        if bundle.hash != self._current().hash:
            return
        watched = self._watched.get(bundle.hash)
        if watched is None:
            watched = _watch(bundle, self._every)
            if bundle.hash in self._logged:
                self._replay(watched)
            self._watched[bundle.hash] = watched
        before = watched.detector and watched.detector.alarm_at
        watched.add(record)
        if watched.detector is not None and watched.detector.alarm_at and not before:
            _log.warning(say(
                "Drift: the images no longer look like the reference of model {version} (group {n}). "
                "pupila monitor {folder} BUNDLE says what changed.",
                version=bundle.hash[:12], n=watched.detector.alarm_at, folder=self._folder,
            ))  # fmt: skip

    def miss(self) -> None:
        """Count a record that came while too many were waiting."""
        self._unmonitored += 1

    def fail(self) -> None:
        """Say from now on that nothing is monitored any more."""
        self._failed = True

    def describe(self) -> Drift:
        """How that stands."""
        bundle = self._current()
        watched = self._watched.get(bundle.hash)
        detector = None if watched is None else watched.detector
        status: DriftStatus = "quiet" if bundle.info.drift else "no-reference"
        if self._failed:
            status = "failed"
        elif detector is not None and detector.alarm_at:
            status = "alarm"
        elif self._reading and status == "quiet":
            status = "reading"
        return Drift(
            status=status, groups=0 if detector is None else detector.groups,
            open_groups=0 if watched is None else watched.picker.open, unmonitored=self._unmonitored,
            evidence=0 if detector is None else detector.evidence, false_alarm_every=self._every,
            alarm_at=None if detector is None else detector.alarm_at,
            streams={} if detector is None else detector.streams, model_version=bundle.hash,
        )  # fmt: skip

    def _replay(self, watched: _Watched) -> set[str]:
        """Take in what the log has of a version, and return all versions in it."""
        versions = set()
        with contextlib.suppress(PupilaError):  # no log yet
            for record in read_predictions(self._folder):
                versions.add(record.model_version)
                if record.model_version == watched.bundle.hash:
                    watched.add(record)
                if self._ending.is_set():
                    break
        return versions


def _watch(bundle: Bundle, false_alarm_every: int) -> _Watched:
    reference = find_reference(bundle)
    if reference is None:
        return _Watched(bundle, None, 0, GroupPicker())
    detector = DriftDetector(reference.monitored, false_alarm_every)
    return _Watched(bundle, detector, reference.projection.shape[1], GroupPicker())


def start_monitor(log: PredictionLog, settings: ServeSettings, current: Callable[[], Bundle]) -> LiveMonitor:
    """Begin to write the log, and monitor it.

    Args:
        log: of the service.
        settings: of the service.
        current: the bundle that is served.
    """
    monitor = LiveMonitor(str(log.folder), settings.false_alarm_every, current)
    if current().info.drift is None:
        _log.warning(say(
            "The bundle has no reference: its predictions are recorded, and drift is not monitored. Train with "
            "--reference-share 0.2 or --folds 5; compressed and promptable models have none."
        ))  # fmt: skip
    log.start(monitor)
    return monitor


def add_drift(app: App, monitor: LiveMonitor) -> None:
    """Add the route."""

    @app.get("/model/drift", response_model=Drift)
    @needs(Access("metrics", loopback=True))
    async def drift() -> Drift:
        """Whether the images still look like the reference of the model."""
        return monitor.describe()

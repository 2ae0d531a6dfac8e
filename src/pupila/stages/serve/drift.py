"""The live monitor of a service: whether the images still look like the reference of the model."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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
DriftStatus = Literal["quiet", "alarm", "no-reference"]


class Drift(BaseModel):
    """Whether the images still look like the reference of the model."""

    status: DriftStatus = Field(
        description="alarm: they do not; no-reference: the bundle has none to compare with"
    )
    groups: int = Field(description="groups of related images since the model was first served here")
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
    picker: GroupPicker

    def add(self, record: PredictionRecord) -> None:
        """Take in a record."""
        if self.detector is None:
            return
        for group in self.picker.add(record):
            self.detector.update(observe_records([group], self.bundle.info.classes))


class LiveMonitor:
    """Takes in the records of the current model; what the log has of it already counts, as after a restart.

    Args:
        folder: of the log.
        false_alarm_every: groups.
        current: the bundle that is served.
    """

    def __init__(self, folder: str, false_alarm_every: int, current: Callable[[], Bundle]) -> None:
        self._folder, self._every, self._current = folder, false_alarm_every, current
        self._watched: _Watched | None = None

    def start(self) -> None:
        """Take in what the log has of the current model; in the thread of the log."""
        self._watch(self._current())

    def add(self, record: PredictionRecord, bundle: Bundle) -> None:
        """Take in a record; in the thread of the log. Those of an earlier model that still drains are left out."""
        if bundle.hash != self._current().hash:
            return
        watched = self._watched
        if watched is None or watched.bundle.hash != bundle.hash:
            watched = self._watch(bundle, record)
        before = watched.detector and watched.detector.alarm_at
        watched.add(record)
        if watched.detector is not None and watched.detector.alarm_at and not before:
            _log.warning(say(
                "Drift: the images no longer look like the reference of model {version} (group {n}). "
                "pupila monitor {folder} BUNDLE says what changed.",
                version=bundle.hash[:12], n=watched.detector.alarm_at, folder=self._folder,
            ))  # fmt: skip

    def describe(self) -> Drift:
        """How that stands."""
        bundle, watched = self._current(), self._watched
        if watched is None or watched.bundle.hash != bundle.hash:
            watched = _Watched(bundle, None, GroupPicker())
            status: DriftStatus = "quiet" if bundle.info.drift else "no-reference"
        else:
            status = "no-reference" if watched.detector is None else "quiet"
        detector = watched.detector
        if detector is None:
            return Drift(status=status, groups=0, evidence=0, false_alarm_every=self._every, alarm_at=None, streams={},
                         model_version=bundle.hash)  # fmt: skip
        return Drift(
            status="alarm" if detector.alarm_at else status, groups=detector.groups, evidence=detector.evidence,
            false_alarm_every=self._every, alarm_at=detector.alarm_at, streams=detector.streams,
            model_version=bundle.hash,
        )  # fmt: skip

    def _watch(self, bundle: Bundle, latest: PredictionRecord | None = None) -> _Watched:
        """Begin with a version, from what the log has of it; the latest record may be in the log already."""
        reference = find_reference(bundle)
        detector = None if reference is None else DriftDetector(reference.monitored, self._every)
        watched = _Watched(bundle, detector, GroupPicker())
        if detector is not None:
            own = latest and (latest.request_id, latest.item)
            try:
                for record in read_predictions(Path(self._folder)):
                    if record.model_version == bundle.hash and (record.request_id, record.item) != own:
                        watched.add(record)
            except PupilaError:  # no log yet
                pass
        self._watched = watched
        return watched


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
            "--folds 5 or --reference-share 0.2."
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

"""Run the detector over the groups of a log."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from pupila.artifacts.report.drift import EvidencePoint
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.statistics.drift.change_point import find_change
from pupila.statistics.drift.detector import DriftDetector
from pupila.statistics.drift.observations import Observations
from pupila.statistics.drift.streams import choose_streams

_POINTS = 400  # of the history


@dataclass(frozen=True, slots=True)
class Watch:
    """What the detector reported."""

    history: list[EvidencePoint]
    evidence: float  # at the end
    largest: float  # after any group
    alarm: int | None  # number of the group that raised it, from 1
    streams: dict[str, float]  # the largest evidence of each by itself
    changed: list[str]  # streams whose own evidence raised an alarm
    since: int  # row of the first group after the change; 0 without an alarm


def watch(reference: Observations, observations: Observations, false_alarm_every: int) -> Watch:
    """Feed the groups of a log to a detector, one after the other.

    Args:
        reference: of the bundle.
        observations: of the log.
        false_alarm_every: groups in which a false alarm is expected once.
    """
    detector = DriftDetector(reference, false_alarm_every)
    history: list[EvidencePoint] = []
    largest, at_alarm = detector.streams, detector.streams
    most, every = 0.0, ceil(len(observations) / _POINTS)
    with progress(say("comparing groups"), len(observations)) as advance:
        for row in range(len(observations)):
            detector.update(observations.select(np.array([row])))
            streams, is_alarm = detector.streams, detector.alarm_at == detector.groups
            most = max(most, detector.evidence)
            largest = {name: max(own, largest[name]) for name, own in streams.items()}
            if is_alarm:
                at_alarm = streams
            if is_alarm or detector.groups % every == 0 or detector.groups == len(observations):
                history.append(EvidencePoint(group=detector.groups, evidence=detector.evidence))
            advance(1)
    if detector.alarm_at is None:
        return Watch(history, detector.evidence, most, None, largest, [], 0)
    since = _find_start(
        reference, observations, _list_changed(at_alarm, false_alarm_every), detector.alarm_at
    )
    changed = _list_changed(largest, false_alarm_every)
    return Watch(history, detector.evidence, most, detector.alarm_at, largest, changed, since)


def _list_changed(streams: dict[str, float], false_alarm_every: int) -> list[str]:
    """Those whose own evidence raises an alarm in spite of their number, and that with the most in any case."""
    most, limit = max(streams, key=streams.__getitem__), false_alarm_every * len(streams)
    return [name for name, own in streams.items() if own >= limit or name == most]


def _find_start(reference: Observations, observations: Observations, changed: list[str], alarm: int) -> int:
    """The row from which on the changed streams are unlike the reference, at the latest that of the alarm."""
    chosen = choose_streams(reference)
    columns = [chosen.names.index(name) for name in changed]
    before = observations.select(np.arange(alarm))
    return find_change(chosen.extract(reference)[:, columns], chosen.extract(before)[:, columns])

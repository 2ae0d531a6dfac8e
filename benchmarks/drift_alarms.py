"""At which groups of a stream the methods raise an alarm."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift_streams import Stream
from benchmarks.drift_weekly import WEEK, weekly_alarms
from pupila.statistics.drift.detector import DriftDetector

EVERY = 1_000  # N, groups between false alarms
PUPILA = "pupila"
Alarms = dict[str, list[list[int]]]  # by method: of each stream the groups at which it raises an alarm


def evidence(stream: Stream, seed: int) -> NDArray[np.float64]:
    """After each group."""
    detector, path = DriftDetector(stream.reference, EVERY, seed), []
    for row in range(len(stream.observations)):
        detector.update(stream.observations.select(np.array([row])))
        path.append(detector.evidence)
    return np.array(path)


def our_alarms(streams: Sequence[Stream]) -> Alarms:
    """By the detector."""
    return {PUPILA: [(np.flatnonzero(evidence(s, n) >= EVERY) + 1).tolist() for n, s in enumerate(streams)]}


def all_alarms(streams: Sequence[Stream], python: Path, weekly: int, evidently: int) -> Alarms:
    """Of all streams by the detector, of the first ones by the weekly methods and by Evidently's."""
    return our_alarms(streams) | in_groups(weekly_alarms(streams[:weekly], python, evidently))


def in_groups(weeks: dict[str, list[list[int]]]) -> Alarms:
    """At the end of each week with an alarm."""
    return {
        method: [[(week + 1) * WEEK for week in each] for each in streams]
        for method, streams in weeks.items()
    }

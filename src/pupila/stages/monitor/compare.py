"""The classifier that tells groups of a log from those of the reference, and the images that it does so most easily."""

import numpy as np

from pupila.artifacts.report.drift import SampleComparison, UnlikeImage
from pupila.stages.monitor.read import MonitoredLog
from pupila.stages.monitor.watch import Watch
from pupila.statistics.drift.classifier_test import MOST_GROUPS, ClassifierTest, compare_samples
from pupila.statistics.drift.observations import Observations
from pupila.statistics.drift.streams import choose_streams
from pupila.statistics.intervals import MIN_GROUPS

_IMAGES = 12  # of all groups, and as many of those whose image was stored


def compare_with_reference(
    reference: Observations, log: MonitoredLog, watched: Watch
) -> tuple[SampleComparison | None, list[UnlikeImage]]:
    """The test and the most unlike images since the change; nothing without an alarm or with too few groups.

    The p-value is that of the groups after the alarm, which did not raise it; where these are too few, that of all
    groups since the change.

    Args:
        reference: what the detector compared with.
        log: read.
        watched: what the detector reported.
    """
    if watched.alarm is None:
        return None, []
    count = len(log.images)
    since = np.arange(watched.since, count)
    if min(len(reference), len(since)) < MIN_GROUPS:
        return None, []
    rows, result = _compare(reference, log.observations, since)
    order = np.argsort(-result.scores, kind="stable")
    stored = [place for place in order if log.images[rows[place]].file][:_IMAGES]
    chosen = [place for place in order if place in {*order[:_IMAGES], *stored}]
    unlike = [_describe(log, int(rows[place]), float(result.scores[place])) for place in chosen]
    after_alarm = count - watched.alarm >= MIN_GROUPS
    if after_alarm:
        rows, result = _compare(reference, log.observations, np.arange(watched.alarm, count))
    comparison = SampleComparison(
        auc=result.auc, p_value=result.p_value, after_alarm=after_alarm,
        reference_groups=min(len(reference), MOST_GROUPS), stream_groups=len(rows),
    )  # fmt: skip
    return comparison, unlike


def _compare(
    reference: Observations, observations: Observations, rows: np.ndarray
) -> tuple[np.ndarray, ClassifierTest]:
    """The rows that were used, and the test of their streams against the reference's, of those that it knows."""
    streams = choose_streams(reference)
    first = streams.extract(reference.select(_thin(np.arange(len(reference)))))
    is_known, chosen = ~np.isnan(first).all(axis=0), _thin(rows)
    second = streams.extract(observations.select(chosen))
    return chosen, compare_samples(first[:, is_known], second[:, is_known])


def _thin(rows: np.ndarray) -> np.ndarray:
    """At most `MOST_GROUPS` of the rows, evenly."""
    if len(rows) <= MOST_GROUPS:
        return rows
    return rows[np.arange(MOST_GROUPS) * len(rows) // MOST_GROUPS]


def _describe(log: MonitoredLog, row: int, score: float) -> UnlikeImage:
    image = log.images[row]
    return UnlikeImage(
        image=image.image, file=image.file, time=image.time, request_id=image.request_id, item=image.item,
        predicted=image.predicted, confidence=float(log.observations.confidence[row]), score=score,
    )  # fmt: skip

"""Read what is monitored out of a log: one image for each group, of the bundle's own predictions."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.reference import Reference
from pupila.artifacts.predictions.groups import GroupPicker
from pupila.artifacts.predictions.log import LogReading, PredictionRecord, observe_records, read_predictions
from pupila.artifacts.report.drift import LogCounts
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count, say_images
from pupila.core.progress import progress
from pupila.statistics.drift.observations import Observations, stack_observations

_AT_ONCE = 1000  # records in memory


@dataclass(frozen=True, slots=True)
class MonitoredImage:
    """The image that stands for a group."""

    time: str
    image: str  # SHA-256
    file: str  # path beside the log; empty: it was not stored
    request_id: str
    item: int
    predicted: list[str]


@dataclass(frozen=True, slots=True)
class MonitoredLog:
    """The groups of a log, the first one that was closed first."""

    observations: Observations
    images: list[MonitoredImage]
    counts: LogCounts


def read_log(path: str | Path, bundle: Bundle, reference: Reference) -> MonitoredLog:
    """The groups of a log that a bundle predicted.

    Args:
        path: of `predictions.jsonl`, or of its folder.
        bundle: whose predictions count.
        reference: of the bundle.

    Raises:
        PupilaError: no log, none of its predictions is of the bundle, or they have another form.
    """
    expected = reference.observations.embedding.shape[1]
    reading, picker, others = LogReading(), GroupPicker(), Counter[str]()
    images: list[MonitoredImage] = []
    without_group, first, last = 0, "", ""
    parts: list[Observations] = []

    def pick_groups() -> Iterator[PredictionRecord]:
        nonlocal without_group, first, last
        with progress(say("reading the log"), None) as advance:
            for record in read_predictions(path, reading):
                advance(1)
                if record.model_version != bundle.hash:
                    others[record.model_version] += 1
                    continue
                _check_form(record, bundle, expected)
                without_group += not record.group
                first, last = min(first or record.time, record.time), max(last, record.time)
                yield from picker.add(record)
        yield from picker.finish()

    groups = pick_groups()
    while batch := list(islice(groups, _AT_ONCE)):
        own = observe_records(batch, bundle.info.classes)
        if not own.embedding.shape[1]:
            own = replace(own, embedding=np.full((len(own), expected), np.nan))
        parts.append(own)
        images.extend(map(_describe, batch))
    if not images:
        raise _name_versions(path, bundle, others, reading)
    observations = stack_observations(parts)
    counts = LogCounts(
        lines=reading.lines, images=picker.images, groups=len(images),
        without_group=without_group, damaged_lines=reading.damaged,
        dropped=reading.dropped, other_versions=dict(others.most_common()), late_images=picker.late,
        repeated_images=picker.repeated,
        without_embedding=int(np.isnan(observations.embedding).all(axis=1).sum()) if expected else 0,
        first=first, last=last,
    )  # fmt: skip
    return MonitoredLog(observations, images, counts)


def _describe(record: PredictionRecord) -> MonitoredImage:
    return MonitoredImage(
        record.time, record.image, record.file, record.request_id, record.item, record.predicted
    )


def _check_form(record: PredictionRecord, bundle: Bundle, expected: int) -> None:
    """Refuse a prediction that the bundle can't have made, by its classes and the number of its projections."""
    if len(record.embedding) in (0, expected) and record.outputs.keys() <= set(bundle.info.classes):
        return
    classes = listing(list(record.outputs))
    raise PupilaError(
        say("The prediction {request} of the log does not fit the bundle {folder}", request=record.request_id,
            folder=bundle.folder),
        actual=say("{n} projections of the embedding, classes {classes}", n=len(record.embedding), classes=classes),
        expected=say("{n} projections, classes {classes}", n=expected, classes=listing(bundle.info.classes)),
        remedy=say("monitor with the bundle that made the predictions"),
    )  # fmt: skip


def _name_versions(
    path: str | Path, bundle: Bundle, others: Counter[str], reading: LogReading
) -> PupilaError:
    """The error of a log without a prediction of the bundle."""
    named = [
        say("{images} of {version}", images=say_images(n), version=name[:12]) for name, n in others.items()
    ]
    damaged = say_count("{n} damaged line", "{n} damaged lines", reading.damaged) if reading.damaged else ""
    return PupilaError(
        say("The log {path} has no prediction of this bundle", path=str(path)),
        actual=", ".join(filter(None, [listing(named), damaged])) or say("an empty log"),
        expected=say("predictions of {version}", version=bundle.hash[:12]),
        remedy=say("name the bundle that was served") if others
        else say("wait for the first images, or name the log of another service"),
    )  # fmt: skip

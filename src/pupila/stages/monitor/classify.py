"""Monitor classification."""

from pupila.artifacts.report.drift import ClassShare
from pupila.core.messages import mark
from pupila.stages.monitor.task import (
    MonitoredTask,
    estimate_shares,
    expect_confidence,
    known_rows,
    mean_shares,
)
from pupila.statistics.drift.observations import Observations


def _shares(classes: list[str], reference: Observations, stream: Observations) -> list[ClassShare]:
    before, outputs = known_rows(reference), known_rows(stream)
    columns = mean_shares(before), mean_shares(outputs), estimate_shares(outputs, before)
    return [
        ClassShare(name=name, reference=usual, predicted=mean, estimated=estimate)
        for name, usual, mean, estimate in zip(classes, *columns, strict=True)
    ]


CLASSIFY = MonitoredTask(
    expect_confidence,
    mark("Estimated accuracy"),
    _shares,
    mark("Class shares"),
    mark(
        "The estimated share corrects the mean probability by expectation maximisation. It assumes that images of a "
        "class look as they did and that only the shares have changed."
    ),
)

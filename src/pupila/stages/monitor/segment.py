"""Monitor segmentation."""

from pupila.artifacts.report.drift import ClassShare
from pupila.core.messages import mark
from pupila.stages.monitor.task import MonitoredTask, expect_confidence, known_rows, mean_shares
from pupila.statistics.drift.observations import Observations
from pupila.statistics.estimate import Estimate


def _shares(classes: list[str], reference: Observations, stream: Observations) -> list[ClassShare]:
    before, after = (mean_shares(known_rows(own)) for own in (reference, stream))
    return [
        ClassShare(name=name, reference=usual, predicted=mean, estimated=Estimate(value=None))
        for name, usual, mean in zip(classes, before, after, strict=True)
    ]


SEGMENT = MonitoredTask(
    expect_confidence,
    mark("Estimated accuracy of pixels"),
    _shares,
    mark("Shares of the pixels"),
    mark("The shares are those of the predicted masks; they are not corrected for errors of the model."),
)

"""Monitor multi-label classification."""

import numpy as np

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.report.drift import ClassShare
from pupila.core.messages import mark
from pupila.stages.monitor.task import Array, MonitoredTask, estimate_shares, known_rows, mean_shares
from pupila.statistics.drift.observations import Observations
from pupila.tasks.multilabel import decide_labels


def _correctness(observations: Observations, info: BundleInfo) -> Array:
    """The expected share of classes that are decided correctly."""
    outputs = observations.outputs
    decided = decide_labels(outputs, info.post_processing)
    return np.asarray(np.where(decided, outputs, 1 - outputs).mean(axis=1))


def _shares(classes: list[str], reference: Observations, stream: Observations) -> list[ClassShare]:
    before, outputs = known_rows(reference), known_rows(stream)
    rows = []
    for place, (name, usual, mean) in enumerate(
        zip(classes, mean_shares(before), mean_shares(outputs), strict=True)
    ):
        columns = (own[:, place] for own in (outputs, before))
        estimate, _ = estimate_shares(*(np.stack([own, 1 - own], axis=1) for own in columns))
        rows.append(ClassShare(name=name, reference=usual, predicted=mean, estimated=estimate))
    return rows


MULTILABEL = MonitoredTask(
    _correctness,
    mark("Estimated accuracy per label"),
    _shares,
    mark("Class shares"),
    mark(
        "The estimated share corrects the mean probability by expectation maximisation, for each class by itself. It "
        "assumes that images of a class look as they did and that only the shares have changed."
    ),
)

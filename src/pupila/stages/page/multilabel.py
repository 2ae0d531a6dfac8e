"""How the labels of an image are shown."""

from pupila.core.messages import mark, percent, say
from pupila.stages.page.view import Figure, TaskView, sort_shares
from pupila.tasks.multilabel import LabelsPrediction


def _figures(value: LabelsPrediction) -> list[Figure]:
    def describe(name: str) -> str:
        threshold = percent(value.thresholds[name])
        if name in value.labels:
            return say("present, threshold {threshold}", threshold=threshold)
        return say("absent, threshold {threshold}", threshold=threshold)

    return [Figure(name, share, describe(name)) for name, share in sort_shares(value.probabilities)]


MULTILABEL_VIEW = TaskView(
    mark("Calibrated probability of each class by itself"), _figures, lambda value: value.class_names(),
    lambda value: ", ".join(value.labels), feedback="several",
)  # fmt: skip

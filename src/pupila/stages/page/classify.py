"""How the class of an image is shown."""

from pupila.core.messages import mark
from pupila.stages.page.view import Figure, TaskView, sort_shares
from pupila.tasks.classify import ClassPrediction


def _figures(value: ClassPrediction) -> list[Figure]:
    return [Figure(name, share) for name, share in sort_shares(value.probabilities)]


CLASSIFY_VIEW = TaskView(
    mark("Calibrated probability of each class"), _figures, lambda value: value.class_names(),
    lambda value: str(value.prediction), feedback="one",
)  # fmt: skip

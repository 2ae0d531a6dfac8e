"""Labels with one class per image: as the answer of a vision-language model, a cell of a table, or a prediction."""

from collections.abc import Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.label.labellers.labeller import Outcome, ProposedLabel
from pupila.stages.label.labellers.text_labels import Json, TextLabels
from pupila.stages.label.targets import check_target
from pupila.tasks.classify import CLASSIFY, ClassPrediction


def _answer_schema(names: Sequence[str], unsure: str) -> Json:
    return {"type": "string", "enum": [*names, unsure]}


def _parse_answer(value: object, names: Sequence[str], unsure: str) -> str | None:
    return value if isinstance(value, str) and value in (*names, unsure) else None


CLASS_TEXT = TextLabels(
    _answer_schema, _parse_answer, parse_cell=lambda cell: cell, classes=lambda target: (target,)
)


class ClassWriter:
    """Takes the class that a bundle predicts.

    Args:
        data: the data set.
        names: classes of the bundle.

    Raises:
        PupilaError: the data have another target.
    """

    def __init__(self, data: Dataset, names: Sequence[str]) -> None:
        check_target(data, CLASSIFY.target)

    def write_prediction(self, row: int, prediction: ClassPrediction, seconds: float) -> Outcome:
        """The predicted class as a label."""
        name = prediction.prediction
        return ProposedLabel(name, (name,), prediction.confidence, seconds=seconds)

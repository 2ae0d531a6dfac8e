"""Labels with one class per image: as the answer of a vision-language model, a cell of a table, or a prediction."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.label.labellers.labeller import (
    NoLabel,
    Outcome,
    ProposedLabel,
    is_uncertain,
    unknown_class,
)
from pupila.stages.label.labellers.text_labels import Confidences, Json, TextLabels
from pupila.stages.label.targets import check_target
from pupila.tasks.classify import CLASSIFY, ClassPrediction

_ANSWER_TOKENS = 15  # tokens of a usual answer


def _answer_schema(names: Sequence[str], unsure: str) -> Json:
    return {"type": "string", "enum": [*names, unsure]}


def _parse_answer(value: object, names: Sequence[str], unsure: str) -> str | None:
    return value if isinstance(value, str) and value in (*names, unsure) else None


def _take_majority(votes: Mapping[str, int], unsure: str) -> tuple[str | None, float]:
    """The most frequent answer; a tie is unsure."""
    (first, most), *others = Counter(votes).most_common()
    tie = bool(others) and others[0][1] == most
    return None if tie or first == unsure else first, most / sum(votes.values())


def _label_confidences(given: Confidences) -> Outcome:
    """The class with the highest confidence."""
    label, confidence = max(given.of.items(), key=lambda pair: pair[1])
    if given.allowed is not None and label not in given.allowed:
        return unknown_class(label, given.allowed)
    return NoLabel("abstained") if confidence < given.minimum else ProposedLabel(label, (label,), confidence)


CLASS_TEXT = TextLabels(
    min_classes=2,
    describe_answers=lambda unsure, when: f"- {unsure}: {when}",
    unsure="the picture does not show it, or not clearly enough",
    answer_schema=_answer_schema,
    answer_tokens=lambda names: _ANSWER_TOKENS,
    parse_answer=_parse_answer,
    take_majority=_take_majority,
    label_confidences=_label_confidences,
    classes=lambda target: (target,),
    unknown=lambda target, names: (),
    adds_up=False,
    named=lambda target: (target,),
)


class ClassWriter:
    """Takes the class that a bundle predicts.

    Args:
        data: the data set.
        names: classes of the bundle.

    Raises:
        PupilaError: the data have another target.
    """

    partial = False

    def __init__(self, data: Dataset, names: Sequence[str]) -> None:
        check_target(data, CLASSIFY.target)

    def write_prediction(self, row: int, prediction: ClassPrediction, min_confidence: float) -> Outcome:
        """The predicted class as a label."""
        if is_uncertain(prediction, min_confidence):
            return NoLabel("abstained")
        name = prediction.prediction
        return ProposedLabel(name, (name,), prediction.confidence)

"""Labels with several classes per image: as the answer of a vision-language model, or as a prediction.

A class that the labeller is not certain of stays unknown; the others of the image keep their labels.
"""

from collections.abc import Mapping, Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.label.labellers.labeller import NoLabel, Outcome, ProposedLabel, unknown_class
from pupila.stages.label.labellers.text_labels import Confidences, Json, TextLabels
from pupila.stages.label.targets import check_target
from pupila.tasks.label_text import present_classes, read_labels, write_labels
from pupila.tasks.multilabel import DEFAULT_THRESHOLD, MULTILABEL, LabelsPrediction

_PRESENT, _ABSENT = "present", "absent"  # answers for one class, besides unsure
_LETTERS_PER_TOKEN, _TOKENS_PER_CLASS = 3, 5  # of a usual answer; the name comes on top


def _answer_schema(names: Sequence[str], unsure: str) -> Json:
    """An answer for every class: a list of the present ones would not tell the absent from the forgotten ones."""
    return {
        "type": "object",
        "properties": {name: {"type": "string", "enum": [_PRESENT, _ABSENT, unsure]} for name in names},
        "required": list(names),
        "additionalProperties": False,
    }


def _count_tokens(names: Sequence[str]) -> int:
    return sum(len(name) // _LETTERS_PER_TOKEN + _TOKENS_PER_CLASS for name in ["label", *names])


def _parse_answer(value: object, names: Sequence[str], unsure: str) -> str | None:
    """The classes that the answer decides; unsure where it decides none of them."""
    if not isinstance(value, dict) or set(value) != set(names):
        return None
    if not all(isinstance(word, str) and word in (_PRESENT, _ABSENT, unsure) for word in value.values()):
        return None
    known = {name: word == _PRESENT for name, word in value.items() if word != unsure}
    return write_labels(known) if known else unsure


def _take_majority(votes: Mapping[str, int], unsure: str) -> tuple[str | None, float]:
    """The most frequent answer of each class; a tie is unknown. The share is the least of the known classes."""
    total = sum(votes.values())
    answers = [({} if text == unsure else read_labels(text), n) for text, n in votes.items()]
    known: dict[str, bool] = {}
    shares: dict[str, float] = {}
    for name in sorted({name for labels, _ in answers for name in labels}):
        present, absent = (
            sum(n for labels, n in answers if labels.get(name) is state) for state in (True, False)
        )
        first, second = sorted((present, absent, total - present - absent), reverse=True)[:2]
        shares[name] = first / total
        if first > second and first in (present, absent):
            known[name] = first == present
    agreed = [shares[name] for name in known] or list(shares.values())
    return write_labels(known) if known else None, min(agreed, default=1.0)


def _unknown(target: str, names: Sequence[str]) -> tuple[str, ...]:
    known = read_labels(target)
    return tuple(name for name in names if name not in known)


def _label_certain(
    present: Mapping[str, bool], probabilities: Mapping[str, float], min_confidence: float
) -> Outcome:
    """The classes whose decision, present or absent, has at least the confidence; the others stay unknown."""
    certainty = {
        name: probabilities[name] if there else 1 - probabilities[name] for name, there in present.items()
    }
    known = {name: there for name, there in present.items() if certainty[name] >= min_confidence}
    if not known:
        return NoLabel("abstained")
    target, least = write_labels(known), min(certainty[name] for name in known)
    return ProposedLabel(
        target, tuple(present_classes(target)), least, unknown=_unknown(target, list(present))
    )


def _label_confidences(given: Confidences) -> Outcome:
    """The classes that the classifier decided for, else those that are more probable than not."""
    present = {
        name: confidence >= DEFAULT_THRESHOLD if given.predicted is None else name in given.predicted
        for name, confidence in given.of.items()
    }
    if given.allowed is not None:
        for name, there in present.items():
            if there and name not in given.allowed:
                return unknown_class(name, given.allowed)
        present = {name: there for name, there in present.items() if name in given.allowed}
    return _label_certain(present, given.of, given.minimum)


LABELS_TEXT = TextLabels(
    min_classes=1,
    describe_answers=lambda unsure, when: (
        f"Answer for each of them: {_PRESENT}, {_ABSENT}, or {unsure} ({when})."
    ),
    unsure="the picture does not allow to decide it",
    answer_schema=_answer_schema,
    answer_tokens=_count_tokens,
    parse_answer=_parse_answer,
    take_majority=_take_majority,
    label_confidences=_label_confidences,
    classes=lambda target: tuple(present_classes(target)),
    unknown=_unknown,
    adds_up=True,
    named=lambda target: tuple(read_labels(target)),
)


class LabelsWriter:
    """Takes the labels that a bundle predicts.

    Args:
        data: the data set.
        names: classes of the bundle.

    Raises:
        PupilaError: the data have another target.
    """

    partial = True

    def __init__(self, data: Dataset, names: Sequence[str]) -> None:
        check_target(data, MULTILABEL.target)

    def write_prediction(self, row: int, prediction: LabelsPrediction, min_confidence: float) -> Outcome:
        """The predicted labels; classes whose probability is close to the threshold stay unknown."""
        if prediction.abstained:
            return NoLabel("abstained")
        present = {name: name in prediction.labels for name in prediction.probabilities}
        return _label_certain(present, prediction.probabilities, min_confidence)

"""How class names become a label, for the tasks whose labels can be put into words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pupila.stages.label.labellers.labeller import Outcome

Json = dict[str, Any]  # in the formats of foreign servers


@dataclass(frozen=True, slots=True)
class Confidences:
    """What a foreign classifier says of one image."""

    of: Mapping[str, float]  # class to confidence, 0..1
    predicted: frozenset[str] | None = None  # classes that the classifier itself decided for; None: not told
    minimum: float = 0.5  # confidence that a label needs
    allowed: Sequence[str] | None = None  # classes that a label may have; None: all


@dataclass(frozen=True, slots=True)
class TextLabels:
    """How class names become the target of a label, and back."""

    min_classes: int  # fewest classes that can be asked for
    # (word for unsure, when it is meant) to the last line of a question: which answers there are.
    describe_answers: Callable[[str, str], str]
    unsure: str  # when to answer unsure, unless the question says it
    # (classes, word for unsure) to the JSON schema of one answer of a vision-language model.
    answer_schema: Callable[[Sequence[str], str], Json]
    answer_tokens: Callable[[Sequence[str]], int]  # classes to the tokens of a usual answer
    # (value of the answer, classes, word for unsure) to a target or that word; None: it is neither.
    parse_answer: Callable[[object, Sequence[str], str], str | None]
    # (answer to number of votes, word for unsure) to the target of the majority, or None, and the share that agrees.
    take_majority: Callable[[Mapping[str, int], str], tuple[str | None, float]]
    label_confidences: Callable[[Confidences], Outcome]
    classes: Callable[[str], tuple[str, ...]]  # target to the classes that the image shows
    unknown: Callable[
        [str, Sequence[str]], tuple[str, ...]
    ]  # target and all classes to those that it leaves open
    # Whether several lines of a table about one image add up, instead of contradicting each other.
    adds_up: bool
    named: Callable[[str], tuple[str, ...]]  # target to all classes that it says something about

"""How class names become a label, for the tasks whose labels can be put into words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]  # in the formats of foreign servers


@dataclass(frozen=True, slots=True)
class TextLabels:
    """How class names become the target of a label, and back."""

    # (classes, word for unsure) to the JSON schema of one answer of a vision-language model.
    answer_schema: Callable[[Sequence[str], str], Json]
    # (value of the answer, classes, word for unsure) to a target or that word; None: it is neither.
    parse_answer: Callable[[object, Sequence[str], str], str | None]
    parse_cell: Callable[[str], str]  # cell of a table, not empty, to a target
    classes: Callable[[str], tuple[str, ...]]  # target to its classes

"""The columns of tables of predictions, as every task has them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

IMAGE = "image"  # path of the image
KEYS = (
    IMAGE,
    "file_name",
    "sha256",
)  # what the rows of a foreign table are matched by; the first that occurs counts
CONFIDENCE, ABSTAINED, ERROR = "confidence", "abstained", "error"


@dataclass(frozen=True, slots=True)
class PredictionColumns:
    """The columns of one task's tables, for the names of the classes in order."""

    written: Callable[[Sequence[str]], list[str]]  # what `pupila predict` writes
    # Of the columns of a foreign table, those with predictions; empty where they are too few.
    readable: Callable[[Sequence[str], Sequence[str]], list[str]]
    expected: Callable[[], str]  # what a foreign table needs, in words
    # What a run stores besides the columns of the image: the prediction, and its logits where there are any.
    out_of_fold: Callable[[Sequence[str]], list[str]]

"""How the predictions for the versions of one image are scored; each task has a file of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.tasks.task import PreprocessedImage

# What an image adds to the score, and to its whole: the score of N images is the one sum over the other.
Counts = tuple[float, float]
ScoreVersions = Callable[[list[PreprocessedImage]], list[Counts]]  # of one image
OpenTarget = Callable[[int], ScoreVersions | None]  # of a row; None: the image does not count


@dataclass(frozen=True, slots=True)
class StressScorer:
    """What differs between tasks; the score of all images is the metric."""

    metric: Callable[[list[str]], str]  # id, for these classes
    open: Callable[[Bundle, Dataset], OpenTarget]
    most_images: int = 500  # where the user names no number


def score_predictions(
    bundle: Bundle, open_target: Callable[[int], Callable[[Any], Counts] | None]
) -> OpenTarget:
    """Score what a bundle predicts that takes no prompts.

    Args:
        bundle: the model.
        open_target: of a row, what scores a prediction for it; None: the image does not count.
    """
    predictor = Predictor(bundle)

    def open_row(row: int) -> ScoreVersions | None:
        score = open_target(row)
        if score is None:
            return None
        return lambda versions: [score(prediction) for prediction in predictor.predict_batch(versions)]

    return open_row

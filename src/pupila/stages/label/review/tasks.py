"""How labels are reviewed, by what is true of one image."""

from collections.abc import Iterable, Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.label.review.classify import ClassifyReview
from pupila.stages.label.review.multilabel import LabelsReview
from pupila.stages.label.review.review_task import ReviewTask
from pupila.stages.label.review.segment import SegmentReview
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import Target

REVIEW_TASKS: dict[Target, type[ReviewTask]] = {
    CLASSIFY.target: ClassifyReview,
    MULTILABEL.target: LabelsReview,
    SEGMENT.target: SegmentReview,
}


def review_task(data: Dataset, labels: Iterable[str | None] = (), further: Sequence[str] = ()) -> ReviewTask:
    """How the labels of these data are reviewed; see `ReviewTask.of`.

    Raises:
        PupilaError: no image has a label.
    """
    if data.target is None:
        raise PupilaError(
            say("There are no labels to review"), actual=data.root, expected=say("images with labels"),
            remedy="pupila label DATA --with vlm",
        )  # fmt: skip
    return REVIEW_TASKS[data.target].of(data, labels, further)

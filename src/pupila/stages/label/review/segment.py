"""The review of masks: shown over their image, and accepted or rejected."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.audit import Disagreement
from pupila.artifacts.report.gallery import SIDE, embed_image, make_thumbnail
from pupila.artifacts.report.page import PageImage
from pupila.artifacts.run.out_of_fold import OutOfFold, compute_mask_ious
from pupila.core.messages import percent, say
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.drawing import overlay
from pupila.stages.label.mask_files import read_mask
from pupila.stages.label.review.review_task import Answers, Candidate, Choice, ReviewTask
from pupila.stages.label.review.sample import ReviewItem
from pupila.tasks.segment import SEGMENT

ACCEPT, REJECT = 0, 1  # positions among the choices
LOW_IOU_SHARE = 0.5  # of the median IoU of the run; masks below it are suspected


class SegmentReview(ReviewTask):
    """A mask per image, which is accepted or rejected."""

    target = SEGMENT.target
    shows_label = True

    def __init__(self) -> None:
        super().__init__([say("accept"), say("reject")])

    @classmethod
    def of(cls, data: Dataset, labels: Iterable[str | None], further: Sequence[str]) -> Self:
        """Masks are accepted or rejected, whatever their classes."""
        return cls()

    @property
    def instruction(self) -> str:
        """What the reviewer is asked."""
        return say("Is the mask correct?")

    def read_choice(self, item: ReviewItem, choice: Choice) -> tuple[str | None, bool]:
        """The mask under review, or its rejection."""
        return (None, True) if choice == REJECT else (item.label, False)

    def describe(self, target: str) -> str:
        """That the mask was accepted."""
        return say("accepted")

    def draw(self, data: Dataset, item: ReviewItem) -> Array:
        """The image with the mask over it."""
        rgb = data.pixels(item.row)
        return rgb if item.label is None else _overlay_mask(data, item.row, item.label, rgb)

    def measure_classes(
        self, items: Sequence[ReviewItem], answers: Answers, counts: Mapping[str, int]
    ) -> None:
        """Nothing: who rejects a mask names no class."""

    def show_error(self, data: Dataset, row: int, error: Disagreement) -> PageImage:
        """The image with the rejected mask."""
        if error.confidence is None:
            caption = say("rejected")
        else:
            caption = say("rejected (confidence {share})", share=percent(error.confidence, 0))
        drawn = _overlay_mask(data, row, error.label, data.pixels(row))
        return embed_image(make_thumbnail(drawn, SIDE), caption, error.image)

    def rank(self, data: Dataset, predictions: OutOfFold) -> tuple[None, list[Candidate]]:
        """By the IoU with the predicted mask: those far below the median."""
        ious = compute_mask_ious(data, predictions)
        order = np.argsort(ious, kind="stable")
        low = order[ious[order] < LOW_IOU_SHARE * np.median(ious)]
        return None, [Candidate(int(place), None, float(ious[place])) for place in low]


def _overlay_mask(data: Dataset, row: int, target: str, rgb: Array) -> Array:
    return overlay(rgb, read_mask(data, row, target), len(data.classes))

"""Masks against the answers that a run gave to images it had not learned from; nothing is trained here."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.out_of_fold import Kept, mask_fits, read_kept
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.duplicates.signature import SIDE
from pupila.imaging.masks.codec import from_png, resized
from pupila.stages.doctor.faults import RANKED, Fault, fault
from pupila.stages.doctor.mask_fit import LEAST, misfits, shared_information
from pupila.stages.doctor.pairing import small_masks

Array = NDArray[Any]

FAR_BELOW = 0.5  # of the run's median IoU, under which a mask and its answer disagree


def read_answers(run: str, data: Dataset) -> Kept:
    """The masks that a run answered to images which it had not learned from.

    Raises:
        PupilaError: no answers there, answers without masks, of other classes, or none to these images.
    """
    kept = read_kept(run, data) if data.legend is not None else None
    if kept is None or "mask" not in kept.frame.columns:
        raise PupilaError(
            say("Only masks are examined with a run so far"),
            found=say("a data set without masks") if kept is None else listing(kept.frame.columns, 8),
            wanted=say("a data set with masks, and a run that learned it: a column mask in {name}", name="oof.parquet"),
        )  # fmt: skip
    return kept


def disagreeing(data: Dataset, run: str) -> list[Fault]:
    """Masks that agree far less with the run's answers than is usual, and answers that fit another image's mask."""
    answers = read_answers(run, data)
    images = data.images["image"]
    fits = mask_fits(data, answers)
    order = np.argsort(fits, kind="stable")
    low = [place for place in order.tolist() if fits[place] < FAR_BELOW * np.median(fits)]
    ranked = [
        say("{image} (IoU {iou:.3f})", image=images[answers.rows[place]], iou=fits[place]) for place in low
    ]
    exchanged = [
        say("{image} (its answer fits the mask of {other})", image=images[row], other=images[other])
        for row, other in _exchanged(data, answers)
    ]
    return fault("answer-fits-another-mask", exchanged, shown=RANKED) + fault(
        "mask-against-answers", ranked, shown=RANKED
    )


def _exchanged(data: Dataset, answers: Kept) -> list[tuple[int, int]]:
    """Rows whose answer fits the mask of another row far better than its own."""
    rows, masks = small_masks(data)
    answered = dict(zip(answers.rows, answers.frame["mask"], strict=True))
    kept = [place for place, row in enumerate(rows.tolist()) if row in answered]
    if len(kept) < LEAST:
        return []
    classes = len(data.classes)
    small = np.stack([resized(from_png(answered[int(rows[place])]), SIDE, SIDE) for place in kept])
    truth = masks[kept]
    found = misfits(
        np.arange(len(kept)),
        lambda some: shared_information(small[some], truth[some], (classes, classes)),
        classes**2,
    )
    return [
        (int(rows[kept[one.row]]), int(rows[kept[one.other]])) for one in found or [] if one.other is not None
    ]

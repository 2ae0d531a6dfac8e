"""Masks against the answers that a run gave to images it had not learned from; nothing is trained here."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila import files
from pupila.dataset.manifest import Dataset
from pupila.doctor.belonging import LEAST, misfits, shared_information
from pupila.doctor.faults import RANKED, Fault, fault
from pupila.doctor.pairing import small_masks
from pupila.duplicates.signature import SIDE
from pupila.errors import PupilaError
from pupila.masks import from_png, resized
from pupila.messages import listing, say
from pupila.metrics.segment import counts, image_scores, iou
from pupila.threads import ahead

Array = NDArray[Any]

ANSWERS_FILE, PLAN_FILE = "oof.parquet", "plan.json"
FAR_BELOW = 0.5  # of the run's median IoU, under which a mask and its answer disagree


@dataclass(frozen=True)
class Answers:
    """What a run answered to images of a data set with masks."""

    rows: list[int]  # of the data set: those with a mask and an answer
    masks: list[bytes]  # PNG with the answered class indices, at the size of the upright image


def read_answers(run: str, data: Dataset) -> Answers:
    """The masks that a run answered to images which it had not learned from.

    Raises:
        PupilaError: no answers there, answers without masks, of other classes, or none to these images.
    """
    uri = files.join(run, ANSWERS_FILE)
    if not files.exists(uri):
        raise PupilaError(
            say("No run with answers"), found=run, wanted=say("the folder of a run, with {name}", name=ANSWERS_FILE),
            remedy="pupila split DATA --folds 5; pupila train DATA",
        )  # fmt: skip
    frame = pl.read_parquet(files.read_bytes(uri))
    if data.legend is None or "mask" not in frame.columns:
        raise PupilaError(
            say("Only masks are examined with a run so far"),
            found=say("a data set without masks") if data.legend is None else listing(frame.columns, 8),
            wanted=say("a data set with masks, and a run that learned it: a column mask in {name}", name=ANSWERS_FILE),
        )  # fmt: skip
    plan = files.join(run, PLAN_FILE)
    learned = files.read_json(plan)["plan"]["classes"] if files.exists(plan) else data.classes
    if learned != data.classes:
        raise PupilaError(
            say("The run learned other classes"), found=listing(learned, 8), wanted=listing(data.classes, 8),
            remedy=say("train anew, or bring the class file back to what it was"),
        )  # fmt: skip
    answered = dict(frame.select("sha256", "mask").iter_rows())
    images = data.images.select("sha256", "target").iter_rows()
    known = [(row, answered[digest]) for row, (digest, target) in enumerate(images)
             if target is not None and digest in answered]  # fmt: skip
    if not known:
        raise PupilaError(
            say("The run answered none of these images"), found=run, wanted=say("a run on this data set")
        )
    return Answers([row for row, _ in known], [mask for _, mask in known])


def disagreeing(data: Dataset, run: str) -> list[Fault]:
    """Masks that agree far less with the run's answers than is usual, and answers that fit another image's mask."""
    answers = read_answers(run, data)
    images = data.images["image"]
    classes = len(data.classes)

    def fit(place: int) -> float:
        truth, answer = data.mask(answers.rows[place]), from_png(answers.masks[place])
        return float(image_scores(counts(truth, resized(answer, *truth.shape), classes), iou))

    fits = np.array(list(ahead(range(len(answers.rows)), fit)))
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


def _exchanged(data: Dataset, answers: Answers) -> list[tuple[int, int]]:
    """Rows whose answer fits the mask of another row far better than its own."""
    rows, masks = small_masks(data)
    answered = dict(zip(answers.rows, answers.masks, strict=True))
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

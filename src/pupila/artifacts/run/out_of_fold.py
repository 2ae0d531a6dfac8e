"""What a run answered to images that it had not learned from, beside the data set: `oof.parquet` read back."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.threads import ahead
from pupila.imaging.masks.codec import from_png, resized
from pupila.statistics.metrics.segment import counts, image_scores, iou

ANSWERS_FILE, PLAN_FILE = "oof.parquet", "plan.json"


@dataclass(frozen=True)
class Kept:
    """A run's answers to images of a data set."""

    rows: list[int]  # of the data set: those with a target and an answer
    frame: pl.DataFrame  # a row for each of them, with the columns of the file
    hash: str  # of the file


def read_kept(run: str, data: Dataset) -> Kept:
    """The run's answers to images of the data set that have a target.

    Raises:
        PupilaError: no answers there, of other classes, or none to these images.
    """
    uri = files.join(run, ANSWERS_FILE)
    if not files.exists(uri):
        raise PupilaError(
            say("No run with answers"), found=run, wanted=say("the folder of a run, with {name}", name=ANSWERS_FILE),
            remedy="pupila split DATA --folds 5; pupila train DATA",
        )  # fmt: skip
    content = files.read_bytes(uri)
    frame = pl.read_parquet(content)
    plan = files.join(run, PLAN_FILE)
    learned = files.read_json(plan)["plan"]["classes"] if files.exists(plan) else data.classes
    if learned != data.classes:
        raise PupilaError(
            say("The run learned other classes"), found=listing(learned, 8), wanted=listing(data.classes, 8),
            remedy=say("train anew, or bring the class file back to what it was"),
        )  # fmt: skip
    place = {digest: number for number, digest in enumerate(frame["sha256"])}
    images = data.images.select("sha256", "target").iter_rows()
    rows = [row for row, (digest, target) in enumerate(images) if target is not None and digest in place]
    if not rows:
        raise PupilaError(
            say("The run answered none of these images"), found=run, wanted=say("a run on this data set")
        )
    digests = data.images["sha256"]
    return Kept(rows, frame[[place[digests[row]] for row in rows]], files.sha256(content))


def mask_fits(data: Dataset, kept: Kept) -> NDArray[np.float64]:
    """(N,) IoU of each mask with what the run answered (a column `mask` of PNGs)."""
    classes = len(data.classes)

    def fit(place: int) -> float:
        truth, answer = data.mask(kept.rows[place]), from_png(kept.frame["mask"][place])
        return float(image_scores(counts(truth, resized(answer, *truth.shape), classes), iou))

    return np.array(list(ahead(range(len(kept.rows)), fit)))

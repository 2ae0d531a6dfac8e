"""`suspects.json`: the labels that contradict the out-of-fold predictions of a run, ranked."""

from datetime import UTC, datetime
from typing import Literal

import polars as pl
from pydantic import Field

from pupila.artifacts.dataset.labels import current_labels, read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.catalogue import PREDICTION_COLUMNS
from pupila.artifacts.run.out_of_fold import OutOfFold
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.records import Record, read_record
from pupila.stages.label.review.tasks import review_task

SUSPECTS_SCHEMA: Literal[2] = 2  # of suspects.json; 1 had `answers` for `predictions_hash`, and no `checked`


class Suspect(Record):
    """A suspected label error."""

    image: str
    sha256: str
    label: str  # the target in force
    prediction: str | None  # target that the run predicts; None for masks
    label_quality: float  # predicted probability of the label; for masks the IoU with the predicted mask
    classes: list[str] = Field(
        default_factory=list,
        description="of several labels, those that the run contradicts, the least probable first",
    )


class Ranking(Record):
    """The labels of a data set, checked against the predictions of a run."""

    checked: int  # labels with a prediction, not confirmed by an annotator
    estimated_errors: (
        int | None
    )  # estimated number of wrong labels (of several, wrong classes); None for masks
    suspects: list[Suspect]  # the lowest label quality first


class SuspectsFile(Ranking):
    """`suspects.json`."""

    schema_version: Literal[2] = Field(default=SUSPECTS_SCHEMA, alias="schema")
    run: str
    predictions_hash: str
    history_rows: int  # rows of the label history at that time
    time: str  # ISO 8601, UTC

    def as_dict(self) -> dict[str, object]:
        """The content of the file, the long list last."""
        content = self.model_dump(mode="json", exclude={"schema_version", "suspects"})
        return {"schema": self.schema_version, **content, "suspects": [s.model_dump() for s in self.suspects]}


def rank_suspects(data: Dataset, predictions: OutOfFold, confirmed: frozenset[str]) -> Ranking:
    """Rank the labels that contradict the predictions.

    Args:
        data: the data set.
        predictions: out-of-fold predictions of a run.
        confirmed: hashes of images with a label of an annotator, which are left out.

    Raises:
        PupilaError: the run predicts something else, such as masks instead of classes.
    """
    digests = data.images["sha256"]
    places = [place for place, row in enumerate(predictions.rows) if digests[row] not in confirmed]
    predictions = OutOfFold(
        [predictions.rows[place] for place in places], predictions.frame[places], predictions.hash
    )
    if not places:
        return Ranking(checked=0, estimated_errors=0, suspects=[])
    assert data.task is not None  # rows with predictions have a target
    required = PREDICTION_COLUMNS[data.task.name].out_of_fold(data.classes)
    if missing := [name for name in required if name not in predictions.frame.columns]:
        raise PupilaError(
            say("The run predicts other targets than the data have"),
            actual=listing(predictions.frame.columns, 8), expected=listing(missing),
            remedy=say("use a run that was trained on these classes or masks"),
        )  # fmt: skip
    error_count, candidates = review_task(data).rank(data, predictions)
    images, targets = data.images["image"], data.images["target"]
    by_digest: dict[str, Suspect] = {}  # duplicate files are one item
    for candidate in candidates:
        row = predictions.rows[candidate.place]
        suspect = Suspect(
            image=images[row], sha256=digests[row], label=targets[row], prediction=candidate.prediction,
            label_quality=candidate.label_quality, classes=list(candidate.classes),
        )  # fmt: skip
        by_digest.setdefault(suspect.sha256, suspect)
    return Ranking(checked=len(places), estimated_errors=error_count, suspects=list(by_digest.values()))


def rank_run(data: Dataset, run: str, predictions: OutOfFold) -> SuspectsFile:
    """The ranking by the predictions of a run, without the labels that an annotator confirmed."""
    history = read_history(data.home)
    confirmed = current_labels(history).filter(pl.col("annotator"))["sha256"].to_list()
    ranking = rank_suspects(data, predictions, frozenset(confirmed))
    return SuspectsFile(
        run=run, predictions_hash=predictions.hash, history_rows=history.height,
        time=datetime.now(UTC).isoformat(timespec="seconds"), checked=ranking.checked,
        estimated_errors=ranking.estimated_errors, suspects=ranking.suspects,
    )  # fmt: skip


def read_suspects(uri: str, run: str) -> SuspectsFile:
    """The content of a `suspects.json`.

    Args:
        uri: of the file.
        run: whose predictions are used, for the remedy.

    Raises:
        PupilaError: it has another schema, or is no ranking.
    """
    command = f"pupila label suspects DATA --with {run}"
    remedy = say("delete the file and run: {command}", command=command)
    return read_record(SuspectsFile, uri, say("Can't read the suspects {path}", path=uri), remedy)

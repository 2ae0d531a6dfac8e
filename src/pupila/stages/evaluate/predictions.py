"""The predictions that are evaluated: of a bundle, out-of-fold predictions of a run, or a foreign table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self

import numpy as np
import polars as pl

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.targets import TARGETS
from pupila.artifacts.predictions.columns import PredictionColumns
from pupila.artifacts.predictions.table import read_prediction_table
from pupila.artifacts.run.out_of_fold import read_out_of_fold
from pupila.artifacts.run.source import ModelSource, PredictingSource, RunSource, TableSource
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count, translate
from pupila.core.progress import progress
from pupila.imaging.images.decode import Array, ImageFault
from pupila.tasks.task import Task

_ROUNDING = 1e-3  # of a written probability


@dataclass(frozen=True)
class Predictions:
    """One model's predictions for N rows of a data set; each task adds arrays of length N."""

    name: str
    version: str  # hash of the bundle or of the table
    rows: list[int]  # row numbers of the data set
    seen_in_training: (
        Array  # (N,) whether the bundle was trained or selected on the image; unknown of a table
    )

    def select(self, rows: list[int]) -> Self:
        """The predictions for some of the rows, in this order."""
        if rows == self.rows:
            return self
        place = {row: number for number, row in enumerate(self.rows)}
        chosen = [place[row] for row in rows]
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {name: value[chosen] for name, value in values.items() if isinstance(value, np.ndarray)}
        return replace(self, **{**values, "rows": rows})


Predict = Callable[[list[int]], Iterator[Any]]  # the bundle's predictions for rows


class PredictionReader(Protocol):
    """How a task reads predictions from the three sources; `header` has the model and the rows."""

    @property
    def columns(self) -> PredictionColumns:
        """Of its tables."""

    def from_bundle(self, header: Predictions, bundle: Bundle, data: Dataset) -> Predictions:
        """Predict the rows with a bundle."""

    def from_out_of_fold(
        self, header: Predictions, table: pl.DataFrame, bundle: Bundle, data: Dataset
    ) -> Predictions:
        """Read a run's out-of-fold predictions, one line for each of the rows."""

    def from_table(self, header: Predictions, table: pl.DataFrame, path: str, data: Dataset) -> Predictions:
        """Read a table, one line for each of the rows."""


def has_out_of_fold(source: ModelSource) -> bool:
    """Whether the source is a run with out-of-fold predictions."""
    return isinstance(source, RunSource) and source.run.has_out_of_fold


def read_predictions(
    source: ModelSource, data: Dataset, rows: list[int], reader: PredictionReader, out_of_fold: bool = False
) -> Predictions:
    """The predictions of a bundle, a run or a table for the rows.

    Args:
        source: the model.
        data: the data set.
        rows: row numbers of the data set.
        reader: of the task.
        out_of_fold: of a run, its out-of-fold predictions, for the rows that have one; otherwise its bundle predicts.

    Raises:
        PupilaError: another task, other classes, or rows without a prediction.
    """
    if isinstance(source, TableSource):
        return _read_table(source, data, rows, reader)
    if not source.task.takes_prompts:
        check_fits(source, data)
    if out_of_fold and isinstance(source, RunSource):
        return _read_out_of_fold(source, data, rows, reader)
    return reader.from_bundle(_make_header(source, data, rows), source.bundle, data)


def predict_rows(bundle: Bundle, data: Dataset) -> Predict:
    """A function that predicts rows with a bundle, in order."""
    predictor = Predictor(bundle)

    def predict(rows: list[int]) -> Iterator[Any]:
        with progress(say("predicting"), len(rows)) as advance:
            for uri, prediction in predictor.stream(data.path(row) for row in rows):
                if isinstance(prediction, ImageFault):
                    raise unreadable_image(uri, prediction)
                yield prediction
                advance(1)

    return predict


def _make_header(source: PredictingSource, data: Dataset, rows: list[int]) -> Predictions:
    """The model and the rows of its predictions, and which of them it was trained on."""
    learned, digests = source.bundle.training_images(), data.images["sha256"].to_list()
    seen_in_training = np.array([digests[row] in learned for row in rows])
    return Predictions(source.name, source.bundle.hash, rows, seen_in_training)


def unreadable_image(uri: str, fault: ImageFault | OSError) -> PupilaError:
    """An image that was there when the data set was opened."""
    reason = fault.reason if isinstance(fault, ImageFault) else fault.strerror or str(fault)
    return PupilaError(say("{path} can no longer be read", path=uri), actual=reason)


def _read_out_of_fold(
    source: RunSource, data: Dataset, rows: list[int], reader: PredictionReader
) -> Predictions:
    stored = read_out_of_fold(source.run, data)
    place = {row: number for number, row in enumerate(stored.rows)}
    known = [row for row in rows if row in place]
    header = Predictions(source.name, source.bundle.hash, known, np.zeros(len(known), dtype=bool))
    return reader.from_out_of_fold(header, stored.frame[[place[row] for row in known]], source.bundle, data)


def read_probabilities(given: pl.DataFrame, path: str) -> Array:
    """(N, C) float64 from a table's columns `p:CLASS`.

    Raises:
        PupilaError: what is no number from 0 to 1.
    """
    numbers = given.with_columns(pl.all().cast(pl.Float64, strict=False)).to_numpy()
    fitting = (numbers >= -_ROUNDING) & (numbers <= 1 + _ROUNDING)  # false for what is not a number, too
    odd = int((~fitting).any(axis=1).sum())
    if odd:
        raise PupilaError(
            say("{path} has rows without valid probabilities", path=path),
            actual=say_count("{n} row", "{n} rows", odd), expected=say("0 to 1 in every p:CLASS column"),
        )  # fmt: skip
    return np.asarray(numbers.clip(0, 1))


def check_fits(source: PredictingSource, data: Dataset) -> None:
    """Refuse a bundle for another task, or with other classes, than those of the data.

    Raises:
        PupilaError: which.
    """
    info, task = source.bundle.info, data.task
    assert task is not None  # the rows are labelled
    if source.task.target != task.target:
        raise PupilaError(say(
            "{path} was trained for {their_task} (classes {theirs}), but {data} is a data set for {our_task} "
            "(classes {ours})", path=source.path, their_task=translate(source.task.title),
            theirs=listing(info.classes), data=data.name,
            our_task=translate(task.title), ours=listing(data.classes),
        ), remedy=_suggest_task(source.task, task, data))  # fmt: skip
    if info.classes != data.classes:
        raise PupilaError(
            say("{path} was trained for other classes", path=source.path),
            actual=_name_differences(info.classes, data.classes),
            expected=say("the classes of the bundle: {names}", names=listing(info.classes)),
            remedy=say("evaluate it on the data it was trained for"),
        )  # fmt: skip


def _name_differences(theirs: list[str], ours: list[str]) -> str:
    """The classes that only the bundle, and that only the data have; else that the order differs."""
    parts = []
    if missing := [name for name in theirs if name not in ours]:
        parts.append(say("the data lack {names}", names=listing(missing)))
    if extra := [name for name in ours if name not in theirs]:
        parts.append(say("the bundle lacks {names}", names=listing(extra)))
    return "; ".join(parts) or say("another order: {names}", names=listing(ours))


def _suggest_task(task: Task, ours: Task, data: Dataset) -> str:
    """How labels that can be read for the bundle's task are read so."""
    if None in (TARGETS[task.target].from_labels, TARGETS[ours.target].from_labels):
        return say("evaluate it on the data it was trained for")
    return say(
        "{command} if each label of the data is one of those classes",
        command=f"pupila split {data.source or data.root} --task {task.name} --replace",
    )


def _read_table(source: TableSource, data: Dataset, rows: list[int], reader: PredictionReader) -> Predictions:
    table = read_prediction_table(source.path, data, rows, reader.columns)
    version = files.sha256(files.read_bytes(source.path))
    header = Predictions(source.name, version, rows, np.zeros(len(rows), dtype=bool))
    return reader.from_table(header, table, source.path, data)

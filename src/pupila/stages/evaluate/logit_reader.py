"""Read predictions that are logits of classes, as the tasks do whose model gives one row of logits for an image."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np
import polars as pl

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import logit_column, probability_column
from pupila.core.errors import PupilaError
from pupila.core.messages import number, say, say_count
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.predictions import Predictions, predict_rows, read_probabilities

# By how much the sum of a row may miss 1: by the rounding of each class, and never by more than the largest miss.
_LEAST_MISS, _ROUNDED, _LARGEST_MISS = 0.01, 0.005, 0.5
TaskPredictions = TypeVar("TaskPredictions", bound=Predictions)


class LogitReader(ABC, Generic[TaskPredictions]):
    """The part of a `PredictionReader` that bundles and runs have in common: both give logits."""

    @abstractmethod
    def from_logits(self, header: Predictions, logits: Array, info: BundleInfo) -> TaskPredictions:
        """The predictions from (N, C) logits of a bundle."""

    def from_bundle(self, header: Predictions, bundle: Bundle, data: Dataset) -> TaskPredictions:
        """Predict the rows with a bundle."""
        predicted = predict_rows(bundle, data)(header.rows)
        return self.from_logits(
            header, np.stack([prediction.logits for prediction in predicted]), bundle.info
        )

    def from_out_of_fold(
        self, header: Predictions, table: pl.DataFrame, bundle: Bundle, data: Dataset
    ) -> TaskPredictions:
        """Read a run's columns `logit:CLASS`."""
        logits = table.select([logit_column(name) for name in data.classes]).to_numpy()
        return self.from_logits(header, logits, bundle.info)


def check_sums(probabilities: Array, path: str) -> None:
    """Refuse probabilities of one class each that do not add up to 1; rounded ones may miss it.

    Raises:
        PupilaError: they do not.
    """
    sums = probabilities.sum(axis=1)
    odd = np.abs(sums - 1) > min(_LEAST_MISS + _ROUNDED * probabilities.shape[1], _LARGEST_MISS)
    if odd.any():
        raise PupilaError(
            say("{path} has probabilities that do not add up to 1", path=path),
            actual=say_count("{n} row, the first with {sum}", "{n} rows, the first with {sum}", int(odd.sum()),
                             sum=number(float(sums[odd][0]))),
            expected=say("the p:CLASS columns of a row add up to 1"),
            remedy=say("leave these columns out, and keep the column prediction"),
        )  # fmt: skip


def read_class_probabilities(table: pl.DataFrame, classes: list[str], path: str) -> Array | None:
    """(N, C) probabilities in the columns `p:CLASS`; None where a class lacks its column.

    Raises:
        PupilaError: rows without valid probabilities.
    """
    columns = [probability_column(name) for name in classes]
    return (
        read_probabilities(table.select(columns), path)
        if all(name in table.columns for name in columns)
        else None
    )

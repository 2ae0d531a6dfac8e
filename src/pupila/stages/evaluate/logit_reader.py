"""Read predictions that are logits of classes, as the tasks do whose model gives one row of logits for an image."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np
import polars as pl

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import logit_column, probability_column
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.predictions import Predictions, predict_rows, read_probabilities

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

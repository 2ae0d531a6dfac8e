"""The classes that models predict, with their probabilities."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import CLASSIFY, PREDICTION
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.logit_reader import LogitReader, check_sums, read_class_probabilities
from pupila.stages.evaluate.predictions import Predictions
from pupila.tasks.classify import predict_classes, softmax


@dataclass(frozen=True)
class ClassPredictions(Predictions):
    """A class for each of N images."""

    class_indices: Array  # (N,) class numbers
    probabilities: Array | None = None  # (N, C) calibrated, or None where a table gives none
    uncalibrated: Array | None = None  # (N, C) before calibration; None for a table


class ClassReader(LogitReader[ClassPredictions]):
    """See `PredictionReader`."""

    columns = CLASSIFY

    def from_logits(self, header: Predictions, logits: Array, info: BundleInfo) -> ClassPredictions:
        """The class of each image, and its probabilities before and after calibration."""
        return ClassPredictions(
            **vars(header),
            class_indices=np.array([info.classes.index(a.prediction) for a in predict_classes(logits, info)]),
            probabilities=softmax(logits / info.temperature), uncalibrated=softmax(logits),
        )  # fmt: skip

    def from_table(
        self, header: Predictions, table: pl.DataFrame, path: str, data: Dataset
    ) -> ClassPredictions:
        """Read a table: a column `prediction`, or `p:CLASS` for each class, or both."""
        probabilities = read_class_probabilities(table, data.classes, path)
        if probabilities is not None:
            check_sums(probabilities, path)
        if PREDICTION in table.columns:
            numbers = _read_class_indices(table[PREDICTION].to_list(), data.classes, path)
        else:
            numbers = np.asarray(probabilities).argmax(axis=1)
        return ClassPredictions(**vars(header), class_indices=numbers, probabilities=probabilities)


def _read_class_indices(names: list[str | None], classes: list[str], path: str) -> Array:
    odd = sorted({str(name) for name in names if name not in classes})
    if odd:
        raise PupilaError(
            say("{path} predicts classes that the data set does not have", path=path), actual=listing(odd),
            expected=listing(classes),
        )  # fmt: skip
    return np.array([classes.index(str(name)) for name in names])

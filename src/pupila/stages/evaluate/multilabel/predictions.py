"""The labels that models predict, several for each image, with their probabilities."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.dataset.labelling.listed import find_listed_labels
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.multilabel import LABELS, MULTILABEL
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import ABSENT_WORDS, PRESENT_WORDS
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.logit_reader import LogitReader, read_class_probabilities
from pupila.stages.evaluate.predictions import Predictions
from pupila.tasks.multilabel import DEFAULT_THRESHOLD, calibrated_probabilities, decide_labels, sigmoid


@dataclass(frozen=True)
class LabelPredictions(Predictions):
    """A decision on each of C classes for each of N images."""

    decisions: Array  # (N, C) bool: whether the class is predicted
    probabilities: Array | None = None  # (N, C) calibrated, or None where a table gives none
    uncalibrated: Array | None = None  # (N, C) before calibration; None for a table
    thresholds: tuple[float, ...] = ()  # C; empty: a table gives the labels
    shared_threshold: tuple[str, ...] = ()  # classes without a threshold of their own


class LabelReader(LogitReader[LabelPredictions]):
    """See `PredictionReader`."""

    columns = MULTILABEL

    def from_logits(self, header: Predictions, logits: Array, info: BundleInfo) -> LabelPredictions:
        """The decision on each class, with its probabilities before and after calibration, and its threshold."""
        settings = info.post_processing
        probabilities = calibrated_probabilities(logits, info.temperature, settings)
        return LabelPredictions(
            **vars(header), decisions=decide_labels(probabilities, settings), probabilities=probabilities,
            uncalibrated=sigmoid(logits),
            thresholds=settings.thresholds or (DEFAULT_THRESHOLD,) * len(info.classes),
            shared_threshold=settings.shared_threshold if settings.thresholds else tuple(info.classes),
        )  # fmt: skip

    def from_table(
        self, header: Predictions, table: pl.DataFrame, path: str, data: Dataset
    ) -> LabelPredictions:
        """Read a table: a column `labels`, or `p:CLASS` for each class, or both, or a yes or no for each class."""
        probabilities = read_class_probabilities(table, data.classes, path)
        if LABELS in table.columns:
            decisions = _read_decisions(table[LABELS].to_list(), data.classes, path)
            return LabelPredictions(**vars(header), decisions=decisions, probabilities=probabilities)
        if probabilities is None:
            return LabelPredictions(**vars(header), decisions=_read_columns(table.select(data.classes), path))
        return LabelPredictions(
            **vars(header), decisions=probabilities >= DEFAULT_THRESHOLD, probabilities=probabilities,
            thresholds=(DEFAULT_THRESHOLD,) * len(data.classes), shared_threshold=tuple(data.classes),
        )  # fmt: skip


def _read_decisions(cells: list[str | None], classes: list[str], path: str) -> Array:
    """(N, C) bool from cells that name what is predicted, as a data set's table may; each must decide every class."""
    read = find_listed_labels(cells, True, classes)
    rows = read.rows if read else [None] * len(cells)
    decided = [labels is not None and set(classes) <= labels.keys() for labels in rows]
    odd = len(rows) - sum(decided)
    if odd:
        raise PupilaError(
            say("{path} has rows without valid labels", path=path), actual=say_count("{n} row", "{n} rows", odd),
            expected=say('a JSON list of names in the column labels, such as ["sodium", "sugar"]'),
        )  # fmt: skip
    unknown = {name for labels in rows for name in labels or ()} - set(classes)
    if unknown:
        raise PupilaError(
            say("{path} predicts classes that the data set does not have", path=path),
            actual=listing(sorted(unknown)), expected=listing(classes),
        )  # fmt: skip
    return np.array(
        [[labels is not None and labels[name] for name in classes] for labels in rows], dtype=bool
    )


def _read_columns(given: pl.DataFrame, path: str) -> Array:
    """(N, C) bool from a column of yes and no for each class."""
    words = pl.all().cast(pl.String).str.strip_chars().str.to_lowercase().fill_null("")
    cells = given.with_columns(words).to_numpy().astype(str)
    present = np.isin(cells, sorted(PRESENT_WORDS))
    odd = sorted(set(cells[~present & ~np.isin(cells, sorted(ABSENT_WORDS))].tolist()))
    if odd:
        raise PupilaError(
            say("{path} has cells that do not say whether a class is predicted", path=path),
            actual=listing([f'"{cell}"' for cell in odd], 3), expected=say("1 or 0 in the column of every class"),
            remedy=say("name columns of probabilities p:CLASS"),
        )  # fmt: skip
    return np.asarray(present)

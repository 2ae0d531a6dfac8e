"""The classes that models answer, and how sure they are of them."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.settings import unknown
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.predictions import Answers, Ask
from pupila.tasks.classify import answers, softmax

_ROUNDING = 1e-3  # of a written probability


@dataclass(frozen=True)
class ClassAnswers(Answers):
    """A class for each of N images."""

    answers: Array  # (N,) class numbers
    probabilities: Array | None = None  # (N, C) calibrated, or None where a table gives none
    raw: Array | None = None  # (N, C) before calibration; None for a table


class ClassReader:
    """See `answers.Reader`."""

    def asked(self, whose: Answers, ask: Ask, bundle: Bundle, data: Dataset) -> ClassAnswers:
        """Of a bundle."""
        return _answered(whose, np.stack([answer.logits for answer in ask(whose.rows)]), bundle.info)

    def kept(self, whose: Answers, kept: pl.DataFrame, bundle: Bundle, data: Dataset) -> ClassAnswers:
        """Of a run: columns `logit:CLASS`."""
        logits = kept.select([f"logit:{name}" for name in data.classes]).to_numpy()
        return _answered(whose, logits, bundle.info)

    def told(self, whose: Answers, table: pl.DataFrame, path: str, data: Dataset) -> ClassAnswers:
        """Of a table: a column `prediction`, or `p:CLASS` of each class, or both."""
        shares = _shares(data.classes)
        whole = all(name in table.columns for name in shares)
        probabilities = _probabilities(table.select(shares), path) if whole else None
        if "prediction" in table.columns:
            numbers = _numbers(table["prediction"].to_list(), data.classes, path)
        else:
            numbers = np.asarray(probabilities).argmax(axis=1)
        return ClassAnswers(**vars(whose), answers=numbers, probabilities=probabilities)

    def columns(self, there: list[str], classes: list[str]) -> list[str]:
        """The columns of a table that answer; empty where they don't."""
        shares = _shares(classes)
        if "prediction" not in there and not all(name in there for name in shares):
            return []
        return [name for name in ("prediction", *shares) if name in there]

    def wanted(self) -> str:
        """The columns that would."""
        return say("columns image and prediction, or image and p:CLASS for each class")


def _shares(classes: list[str]) -> list[str]:
    return [f"p:{name}" for name in classes]


def _answered(whose: Answers, logits: Array, info: BundleInfo) -> ClassAnswers:
    return ClassAnswers(
        **vars(whose), answers=np.array([info.classes.index(a.prediction) for a in answers(logits, info)]),
        probabilities=softmax(logits / info.temperature), raw=softmax(logits),
    )  # fmt: skip


def _probabilities(given: pl.DataFrame, path: str) -> Array:
    numbers = given.with_columns(pl.all().cast(pl.Float64, strict=False)).to_numpy()
    fitting = (numbers >= -_ROUNDING) & (numbers <= 1 + _ROUNDING)  # false for what is not a number, too
    odd = int((~fitting).any(axis=1).sum())
    if odd:
        raise PupilaError(
            say("{path} has rows without probabilities", path=path),
            found=say_count("one row", "{n} rows", odd), wanted=say("0 to 1 in each p:CLASS column"),
        )  # fmt: skip
    return np.asarray(numbers.clip(0, 1))


def _numbers(names: list[str | None], classes: list[str], path: str) -> Array:
    odd = sorted({str(name) for name in names if name not in classes})
    if odd:
        raise PupilaError(
            say("{path} answers with classes that the data set does not have", path=path), found=listing(odd),
            wanted=listing(classes), remedy=unknown(odd[0], classes),
        )  # fmt: skip
    return np.array([classes.index(str(name)) for name in names])

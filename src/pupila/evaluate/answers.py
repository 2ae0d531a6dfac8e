"""Where answers come from: a bundle that is asked, a run's out-of-fold answers, or a table of a foreign model."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from pupila import files
from pupila.bundle.folder import read_bundle
from pupila.bundle.predictor import Predictor
from pupila.bundle.schema import BundleInfo
from pupila.dataset.formats.table import TABLE_SUFFIXES, read_table
from pupila.dataset.manifest import Dataset
from pupila.errors import PupilaError
from pupila.images.decode import Array
from pupila.messages import listing, say, say_count
from pupila.progress import progress
from pupila.settings import unknown
from pupila.tasks.classify import Answer, answers, softmax

ANSWERS_FILE = "oof.parquet"
_ROUNDING = 1e-3  # of a written probability


@dataclass(frozen=True)
class Answers:
    """One model's answers to rows of a data set."""

    name: str
    version: str  # hash of the bundle or of the table
    rows: list[int]  # row numbers of the data set
    answers: Array  # (N,) class numbers
    probabilities: Array | None  # (N, C) calibrated, or None where a table gives none
    raw: Array | None  # (N, C) before calibration; None for a table
    info: BundleInfo | None  # None for a table
    seen: Array  # (N,) whether the bundle learned from the image, or was chosen by it; a table can't tell

    def on(self, rows: list[int]) -> "Answers":
        """The same answers to some of the rows, in this order."""
        place = {row: number for number, row in enumerate(self.rows)}
        chosen = [place[row] for row in rows]
        probabilities = None if self.probabilities is None else self.probabilities[chosen]
        raw = None if self.raw is None else self.raw[chosen]
        seen = self.seen[chosen]
        return Answers(
            self.name, self.version, rows, self.answers[chosen], probabilities, raw, self.info, seen
        )


def is_table(path: str) -> bool:
    """Whether the path is a table of answers."""
    return path.lower().endswith(TABLE_SUFFIXES)


def is_run(path: str) -> bool:
    """Whether the path is a run's folder, which holds answers to images that it had not learned from."""
    return files.exists(files.join(path, ANSWERS_FILE)) and not files.exists(files.join(path, "bundle.json"))


def answers_of(path: str, data: Dataset, rows: list[int], while_training: bool = False) -> Answers:
    """The answers of a bundle, a run or a table to the rows.

    Args:
        path: of the model.
        data: the data set.
        rows: row numbers of the data set.
        while_training: of a run, those that it gave while it trained, to the rows that it answered then; else its
            bundle is asked.

    Raises:
        PupilaError: neither of them, other classes, or rows without an answer.
    """
    if is_table(path):
        return _of_table(path, data, rows)
    if while_training and is_run(path):
        return _of_run(path, data, rows)
    return _of_bundle(path, data, rows)


def _of_bundle(path: str, data: Dataset, rows: list[int]) -> Answers:
    predictor = Predictor(read_bundle(path))
    _check_classes(path, predictor.info.classes, data.classes)
    found: list[Answer] = []
    with progress(say("answering"), len(rows)) as advance:
        for uri, answer in predictor.stream(data.path(row) for row in rows):
            if not isinstance(answer, Answer):
                raise PupilaError(say("{path} can't be read any more", path=uri), found=answer.reason)
            found.append(answer)
            advance(1)
    learned, digests = predictor.bundle.learned_from(), data.images["sha256"].to_list()
    seen = np.array([digests[row] in learned for row in rows])
    return _answered(path, rows, np.stack([a.logits for a in found]), predictor, seen)


def _of_run(path: str, data: Dataset, rows: list[int]) -> Answers:
    frame = pl.read_parquet(files.read_bytes(files.join(path, ANSWERS_FILE)))
    predictor = Predictor(read_bundle(path))
    classes = predictor.info.classes
    _check_classes(path, classes, data.classes)
    place = {digest: number for number, digest in enumerate(frame["sha256"])}
    digests = data.images["sha256"].to_list()
    known = [row for row in rows if digests[row] in place]
    if not known:
        raise PupilaError(
            say("The run answered none of these images"), found=path, wanted=say("a run on this data set")
        )
    logits = frame.select([f"logit:{name}" for name in classes]).to_numpy()
    seen = np.zeros(len(known), dtype=bool)
    return _answered(path, known, logits[[place[digests[row]] for row in known]], predictor, seen)


def _answered(path: str, rows: list[int], logits: Array, predictor: Predictor, seen: Array) -> Answers:
    classes = predictor.info.classes
    answered = answers(logits, predictor.info)
    return Answers(
        name=path.rstrip("/").removesuffix("/bundle").rpartition("/")[2], version=predictor.bundle.hash, rows=rows,
        seen=seen, answers=np.array([classes.index(a.prediction) for a in answered]),
        probabilities=softmax(logits / predictor.info.temperature), raw=softmax(logits), info=predictor.info,
    )  # fmt: skip


def _check_classes(path: str, theirs: list[str], ours: list[str]) -> None:
    if theirs != ours:
        raise PupilaError(
            say("{path} knows other classes than the data set", path=path),
            found=listing(theirs),
            wanted=listing(ours),
        )


def _of_table(path: str, data: Dataset, rows: list[int]) -> Answers:
    frame = read_table(path)
    key = next((name for name in ("image", "file_name", "sha256") if name in frame.columns), None)
    shares = [f"p:{name}" for name in data.classes]
    whole = all(name in frame.columns for name in shares)
    if key is None or not (whole or "prediction" in frame.columns):
        raise PupilaError(
            say("The table {path} is no table of answers", path=path), found=listing(frame.columns, 8),
            wanted=say("columns image and prediction, or image and p:CLASS for each class"),
        )  # fmt: skip
    told = [name for name in (key, "prediction", *shares) if name in frame.columns]
    _check_repeats(path, frame.select(told), key)
    names = data.images["sha256" if key == "sha256" else "image"].to_list()
    keys = [str(value).lower() if key == "sha256" else str(value) for value in frame[key]]
    number_of = _finder(keys, names, key == "sha256")
    place = [number_of(names[row]) for row in rows]
    images = data.images["image"].to_list()
    lacking = [images[row] for row, number in zip(rows, place, strict=True) if number is None]
    if lacking:
        raise PupilaError(
            say("{n} of {all} images have no answer in {path}", n=len(lacking), all=len(rows), path=path),
            found=listing(lacking, 3), wanted=say("a row for each image that is judged"),
        )  # fmt: skip
    chosen = frame[[number for number in place if number is not None]]
    probabilities = _probabilities(chosen.select(shares), path) if whole else None
    if "prediction" in frame.columns:
        answers = _numbers(chosen["prediction"].to_list(), data.classes, path)
    else:
        answers = np.asarray(probabilities).argmax(axis=1)
    version = files.sha256(files.read_bytes(path))
    seen = np.zeros(len(rows), dtype=bool)
    return Answers(path.rpartition("/")[2], version, rows, answers, probabilities, None, None, seen)


def _check_repeats(path: str, frame: pl.DataFrame, key: str) -> None:
    """Rows that say the same twice are harmless; two answers to one image are not."""
    given = frame.unique()[key].drop_nulls()
    odd = sorted(str(name) for name in given.filter(given.is_duplicated()).unique())
    if odd:
        raise PupilaError(
            say("{path} answers an image twice, and not alike", path=path), found=listing(odd, 3),
            wanted=say("one row for each image"),
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


def _finder(keys: list[str], names: list[str], digests: bool) -> Callable[[str], int | None]:
    """Finds the table's row of an image: by its path, else by the end of it or its file name, where that is unique."""
    whole = {key: number for number, key in enumerate(keys)}
    if digests:
        return whole.get
    shared = Counter(name.rpartition("/")[2] for name in names)  # a name of two images names neither
    leaves: dict[str, list[int]] = {}
    for number, key in enumerate(keys):
        leaves.setdefault(key.replace("\\", "/").rpartition("/")[2], []).append(number)

    def find(name: str) -> int | None:
        if name in whole:
            return whole[name]
        leaf = name.rpartition("/")[2]
        hits = leaves.get(leaf, [])
        ends = [number for number in hits if keys[number].replace("\\", "/").endswith("/" + name)]
        few = ends or (hits if shared[leaf] == 1 else [])
        return few[0] if len(few) == 1 else None

    return find


def _numbers(names: list[str | None], classes: list[str], path: str) -> Array:
    odd = sorted({str(name) for name in names if name not in classes})
    if odd:
        raise PupilaError(
            say("{path} answers with classes that the data set does not have", path=path), found=listing(odd),
            wanted=listing(classes), remedy=unknown(odd[0], classes),
        )  # fmt: skip
    return np.array([classes.index(str(name)) for name in names])

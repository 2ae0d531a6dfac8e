"""The predictions that are evaluated: of a bundle, out-of-fold predictions of a run, or a foreign table."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self

import numpy as np
import polars as pl

from pupila.artifacts.bundle.folder import Bundle, onnx_file, read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.formats.table import read_table
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.folder import OUT_OF_FOLD_FILE
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.progress import progress
from pupila.core.vocabulary import TABLE_SUFFIXES
from pupila.imaging.images.decode import Array, ImageFault
from pupila.tasks.prompt import DECODER


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
        place = {row: number for number, row in enumerate(self.rows)}
        chosen = [place[row] for row in rows]
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {name: value[chosen] for name, value in values.items() if isinstance(value, np.ndarray)}
        return replace(self, **{**values, "rows": rows})


Predict = Callable[[list[int]], Iterator[Any]]  # the bundle's predictions for rows


class PredictionReader(Protocol):
    """How a task reads predictions from the three sources; `header` has the model and the rows."""

    def from_bundle(
        self, header: Predictions, predict: Predict, bundle: Bundle, data: Dataset
    ) -> Predictions:
        """Predict with a bundle."""

    def from_out_of_fold(
        self, header: Predictions, table: pl.DataFrame, bundle: Bundle, data: Dataset
    ) -> Predictions:
        """Read a run's out-of-fold predictions, one line for each of the rows."""

    def from_table(self, header: Predictions, table: pl.DataFrame, path: str, data: Dataset) -> Predictions:
        """Read a table, one line for each of the rows."""

    def select_columns(self, there: list[str], classes: list[str]) -> list[str]:
        """The columns that hold predictions; empty where there are none."""

    def expected_columns(self) -> str:
        """The columns that a table of predictions needs."""


def is_table(path: str) -> bool:
    """Whether the path is a table of predictions."""
    return path.lower().endswith(TABLE_SUFFIXES)


def is_run(path: str) -> bool:
    """Whether the path is a run's folder with out-of-fold predictions."""
    return files.exists(files.join(path, OUT_OF_FOLD_FILE)) and not files.exists(
        files.join(path, "bundle.json")
    )


def is_promptable(path: str) -> bool:
    """Whether the path is a promptable bundle, or a run that made one."""
    decoder = onnx_file(DECODER)
    return any(files.exists(files.join(path, name)) for name in (decoder, f"bundle/{decoder}"))


def read_predictions(
    path: str, data: Dataset, rows: list[int], reader: PredictionReader, out_of_fold: bool = False
) -> Predictions:
    """The predictions of a bundle, a run or a table for the rows.

    Args:
        path: of the model.
        data: the data set.
        rows: row numbers of the data set.
        reader: of the task.
        out_of_fold: of a run, its out-of-fold predictions, for the rows that have one; otherwise its bundle predicts.

    Raises:
        PupilaError: none of them, another task, other classes, or rows without a prediction.
    """
    if is_table(path):
        return _read_table(path, data, rows, reader)
    if not (files.exists(path) or files.is_folder(path)):
        raise PupilaError(
            say("{path} does not exist; expected a bundle, a run or a table of predictions", path=path)
        )
    bundle = read_bundle(path)
    _check_fits(path, bundle, data)
    if out_of_fold and is_run(path):
        return _read_out_of_fold(path, data, rows, reader, bundle)
    return _predict_with_bundle(path, data, rows, reader, bundle)


def _predict_with_bundle(
    path: str, data: Dataset, rows: list[int], reader: PredictionReader, bundle: Bundle
) -> Predictions:
    predictor = Predictor(bundle)

    def predict(rows: list[int]) -> Iterator[Any]:
        with progress(say("predicting"), len(rows)) as advance:
            for uri, prediction in predictor.stream(data.path(row) for row in rows):
                if isinstance(prediction, ImageFault):
                    raise unreadable_image(uri, prediction)
                yield prediction
                advance(1)

    return reader.from_bundle(make_header(path, bundle, data, rows), predict, bundle, data)


def make_header(path: str, bundle: Bundle, data: Dataset, rows: list[int]) -> Predictions:
    """The model and the rows of its predictions, and which of them it was trained on."""
    learned, digests = bundle.training_images(), data.images["sha256"].to_list()
    seen_in_training = np.array([digests[row] in learned for row in rows])
    return Predictions(_name(path), bundle.hash, rows, seen_in_training)


def unreadable_image(uri: str, fault: ImageFault | OSError) -> PupilaError:
    """An image that was there when the data set was opened."""
    reason = fault.reason if isinstance(fault, ImageFault) else fault.strerror or str(fault)
    return PupilaError(say("{path} can no longer be read", path=uri), actual=reason)


def _read_out_of_fold(
    path: str, data: Dataset, rows: list[int], reader: PredictionReader, bundle: Bundle
) -> Predictions:
    frame = pl.read_parquet(files.read_bytes(files.join(path, OUT_OF_FOLD_FILE)))
    place = {digest: number for number, digest in enumerate(frame["sha256"])}
    digests = data.images["sha256"].to_list()
    known = [row for row in rows if digests[row] in place]
    if not known:
        raise PupilaError(
            say("The run has no prediction for these images"),
            actual=path,
            expected=say("a run on this data set"),
        )
    header = Predictions(_name(path), bundle.hash, known, np.zeros(len(known), dtype=bool))
    return reader.from_out_of_fold(header, frame[[place[digests[row]] for row in known]], bundle, data)


def _name(path: str) -> str:
    return path.rstrip("/").removesuffix("/bundle").rpartition("/")[2]


def _check_fits(path: str, bundle: Bundle, data: Dataset) -> None:
    tasks = (bundle.info.task, data.task.name if data.task else "")
    theirs, ours = list(bundle.info.classes), data.classes
    if [tasks[0], *theirs] == [tasks[1], *ours]:
        return
    words = {"path": path, "theirs": listing(theirs), "ours": listing(ours), "data": _name(data.root)}
    sentences = {
        ("classify", "segment"): say(
            "{path} is a classifier ({theirs}), but {data} is a segmentation data set", **words
        ),
        ("segment", "classify"): say(
            "{path} is a segmentation model ({theirs}), but {data} is a classification data set", **words
        ),
    }
    others = say("{path} predicts the classes {theirs}, but {data} has the classes {ours}", **words)
    raise PupilaError(sentences.get(tasks, others), remedy=say("evaluate it on the data it was trained for"))


def _read_table(path: str, data: Dataset, rows: list[int], reader: PredictionReader) -> Predictions:
    frame = read_table(path)
    key = next((name for name in ("image", "file_name", "sha256") if name in frame.columns), None)
    columns = reader.select_columns(frame.columns, data.classes)
    if key is None or not columns:
        raise PupilaError(
            say("{path} is not a table of predictions", path=path), actual=listing(frame.columns, 8),
            expected=reader.expected_columns(),
        )  # fmt: skip
    _check_repeats(path, frame.select(key, *columns), key)
    names = data.images["sha256" if key == "sha256" else "image"].to_list()
    keys = [str(value).lower() if key == "sha256" else str(value) for value in frame[key]]
    number_of = _row_finder(keys, names, key == "sha256")
    place = [number_of(names[row]) for row in rows]
    images = data.images["image"].to_list()
    lacking = [images[row] for row, number in zip(rows, place, strict=True) if number is None]
    if lacking:
        raise PupilaError(
            say("{n} of {all} images have no prediction in {path}", n=len(lacking), all=len(rows), path=path),
            actual=listing(lacking, 3), expected=say("a row for each image that is evaluated"),
        )  # fmt: skip
    version, name = files.sha256(files.read_bytes(path)), path.rpartition("/")[2]
    header = Predictions(name, version, rows, np.zeros(len(rows), dtype=bool))
    return reader.from_table(header, frame[[number for number in place if number is not None]], path, data)


def _check_repeats(path: str, frame: pl.DataFrame, key: str) -> None:
    """Identical rows are harmless; two different predictions for one image are not."""
    given = frame.unique()[key].drop_nulls()
    odd = sorted(str(name) for name in given.filter(given.is_duplicated()).unique())
    if odd:
        raise PupilaError(
            say("{path} has different predictions for the same image", path=path), actual=listing(odd, 3),
            expected=say("one row for each image"),
        )  # fmt: skip


def _row_finder(keys: list[str], names: list[str], digests: bool) -> Callable[[str], int | None]:
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

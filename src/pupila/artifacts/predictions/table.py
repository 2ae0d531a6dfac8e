"""Foreign tables of predictions: which row is whose, checked before anything is evaluated."""

from collections import Counter
from collections.abc import Callable

import polars as pl

from pupila.artifacts.dataset.formats.tables.table_file import read_table
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.columns import IMAGE, KEYS, PredictionColumns
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count, say_images

_DIGEST = "sha256"  # the key that needs no path


def read_prediction_table(
    path: str, data: Dataset, rows: list[int], columns: PredictionColumns
) -> pl.DataFrame:
    """The predictions for the rows, one line for each of them, in their order.

    Args:
        path: of the table.
        data: the data set.
        rows: row numbers of the data set.
        columns: of the task.

    Raises:
        PupilaError: no table of predictions of this task, an image without a prediction, or with several.
    """
    frame = read_table(path)
    key = next((name for name in KEYS if name in frame.columns), None)
    readable = columns.readable(frame.columns, data.classes)
    if key is None or not readable:
        raise PupilaError(
            say("{path} is not a table of predictions", path=path), actual=listing(frame.columns, 8),
            expected=columns.expected(),
        )  # fmt: skip
    _check_repeats(path, frame.select(key, *readable), key)
    names = data.images[_DIGEST if key == _DIGEST else IMAGE].to_list()
    keys = [str(value).lower() if key == _DIGEST else str(value) for value in frame[key]]
    number_of = _row_finder(keys, names, key == _DIGEST)
    place = [number_of(names[row]) for row in rows]
    images = data.images[IMAGE].to_list()
    lacking = [images[row] for row, number in zip(rows, place, strict=True) if number is None]
    if lacking:
        raise PupilaError(
            say_count("{n} of {images} has no prediction in {path}", "{n} of {images} have no prediction in {path}",
                      len(lacking), images=say_images(len(rows)), path=path),
            actual=listing(lacking, 3), expected=say("a row for each image that is evaluated"),
        )  # fmt: skip
    return frame[[number for number in place if number is not None]]


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

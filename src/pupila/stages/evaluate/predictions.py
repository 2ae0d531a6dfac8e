"""Whose answers are judged, and where they come from: a bundle, a run's out-of-fold answers, or a foreign table."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self

import numpy as np
import polars as pl

from pupila.artifacts.bundle.folder import Bundle, file_of, read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.formats.table import TABLE_SUFFIXES, read_table
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.progress import progress
from pupila.imaging.images.decode import Array, ImageFault
from pupila.tasks.prompt import DECODER

ANSWERS_FILE = "oof.parquet"


@dataclass(frozen=True)
class Answers:
    """One model's answers to N rows of a data set; a task adds what it keeps of them, its arrays N long."""

    name: str
    version: str  # hash of the bundle or of the table
    rows: list[int]  # row numbers of the data set
    seen: Array  # (N,) whether the bundle learned from the image, or was chosen by it; a table can't tell

    def on(self, rows: list[int]) -> Self:
        """The same answers to some of the rows, in this order."""
        place = {row: number for number, row in enumerate(self.rows)}
        chosen = [place[row] for row in rows]
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        told |= {name: value[chosen] for name, value in told.items() if isinstance(value, np.ndarray)}
        return replace(self, **{**told, "rows": rows})


Ask = Callable[[list[int]], Iterator[Any]]  # the bundle's answers to rows


class Reader(Protocol):
    """How a task makes answers of what the three sources hold; each gets whose they are, and to which rows."""

    def asked(self, whose: Answers, ask: Ask, bundle: Bundle, data: Dataset) -> Answers:
        """Of a bundle."""

    def kept(self, whose: Answers, kept: pl.DataFrame, bundle: Bundle, data: Dataset) -> Answers:
        """Of a run, whose file has a row for each of the rows."""

    def told(self, whose: Answers, table: pl.DataFrame, path: str, data: Dataset) -> Answers:
        """Of a table, a row for each of the rows."""

    def columns(self, there: list[str], classes: list[str]) -> list[str]:
        """The columns of a table that answer; empty where they don't."""

    def wanted(self) -> str:
        """The columns that would."""


def is_table(path: str) -> bool:
    """Whether the path is a table of answers."""
    return path.lower().endswith(TABLE_SUFFIXES)


def is_run(path: str) -> bool:
    """Whether the path is a run's folder, which holds answers to images that it had not learned from."""
    return files.exists(files.join(path, ANSWERS_FILE)) and not files.exists(files.join(path, "bundle.json"))


def answers_prompts(path: str) -> bool:
    """Whether the path is a promptable bundle, or a run that made one."""
    decoder = file_of(DECODER)
    return any(files.exists(files.join(path, name)) for name in (decoder, f"bundle/{decoder}"))


def answers_of(
    path: str, data: Dataset, rows: list[int], reader: Reader, while_training: bool = False
) -> Answers:
    """The answers of a bundle, a run or a table to the rows.

    Args:
        path: of the model.
        data: the data set.
        rows: row numbers of the data set.
        reader: of the task.
        while_training: of a run, those that it gave while it trained, to the rows that it answered then; else its
            bundle is asked.

    Raises:
        PupilaError: neither of them, another task, other classes, or rows without an answer.
    """
    if is_table(path):
        return _of_table(path, data, rows, reader)
    bundle = read_bundle(path)
    _check_fits(path, bundle, data)
    if while_training and is_run(path):
        return _of_run(path, data, rows, reader, bundle)
    return _of_bundle(path, data, rows, reader, bundle)


def _of_bundle(path: str, data: Dataset, rows: list[int], reader: Reader, bundle: Bundle) -> Answers:
    predictor = Predictor(bundle)

    def ask(rows: list[int]) -> Iterator[Any]:
        with progress(say("answering"), len(rows)) as advance:
            for uri, answer in predictor.stream(data.path(row) for row in rows):
                if isinstance(answer, ImageFault):
                    raise unreadable(uri, answer)
                yield answer
                advance(1)

    return reader.asked(answers_by(path, bundle, data, rows), ask, bundle, data)


def answers_by(path: str, bundle: Bundle, data: Dataset, rows: list[int]) -> Answers:
    """Whose answers they are, and which rows the bundle has learned from."""
    learned, digests = bundle.learned_from(), data.images["sha256"].to_list()
    seen = np.array([digests[row] in learned for row in rows])
    return Answers(_name(path), bundle.hash, rows, seen)


def unreadable(uri: str, fault: ImageFault | OSError) -> PupilaError:
    """An image that was there when the data set was opened."""
    reason = fault.reason if isinstance(fault, ImageFault) else fault.strerror or str(fault)
    return PupilaError(say("{path} can't be read any more", path=uri), found=reason)


def _of_run(path: str, data: Dataset, rows: list[int], reader: Reader, bundle: Bundle) -> Answers:
    frame = pl.read_parquet(files.read_bytes(files.join(path, ANSWERS_FILE)))
    place = {digest: number for number, digest in enumerate(frame["sha256"])}
    digests = data.images["sha256"].to_list()
    known = [row for row in rows if digests[row] in place]
    if not known:
        raise PupilaError(
            say("The run answered none of these images"), found=path, wanted=say("a run on this data set")
        )
    whose = Answers(_name(path), bundle.hash, known, np.zeros(len(known), dtype=bool))
    return reader.kept(whose, frame[[place[digests[row]] for row in known]], bundle, data)


def _name(path: str) -> str:
    return path.rstrip("/").removesuffix("/bundle").rpartition("/")[2]


def _check_fits(path: str, bundle: Bundle, data: Dataset) -> None:
    theirs = [bundle.info.task, *bundle.info.classes]
    ours = [data.task.name if data.task else "", *data.classes]
    if theirs != ours:
        raise PupilaError(
            say("{path} was made for another task or other classes than those of the data set", path=path),
            found=f"{theirs[0]}: {listing(theirs[1:])}", wanted=f"{ours[0]}: {listing(ours[1:])}",
        )  # fmt: skip


def _of_table(path: str, data: Dataset, rows: list[int], reader: Reader) -> Answers:
    frame = read_table(path)
    key = next((name for name in ("image", "file_name", "sha256") if name in frame.columns), None)
    told = reader.columns(frame.columns, data.classes)
    if key is None or not told:
        raise PupilaError(
            say("The table {path} is no table of answers", path=path), found=listing(frame.columns, 8),
            wanted=reader.wanted(),
        )  # fmt: skip
    _check_repeats(path, frame.select(key, *told), key)
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
    version, name = files.sha256(files.read_bytes(path)), path.rpartition("/")[2]
    whose = Answers(name, version, rows, np.zeros(len(rows), dtype=bool))
    return reader.told(whose, frame[[number for number in place if number is not None]], path, data)


def _check_repeats(path: str, frame: pl.DataFrame, key: str) -> None:
    """Rows that say the same twice are harmless; two answers to one image are not."""
    given = frame.unique()[key].drop_nulls()
    odd = sorted(str(name) for name in given.filter(given.is_duplicated()).unique())
    if odd:
        raise PupilaError(
            say("{path} answers an image twice, and not alike", path=path), found=listing(odd, 3),
            wanted=say("one row for each image"),
        )  # fmt: skip


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

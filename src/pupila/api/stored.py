"""Data that are no folder: written once into a folder with a table, which opens like any other data set.

Images on disk stay where they are, and the table names them. Images in memory are written as files, without loss. The
folder is named by its content, so that the same data find their split and their labels again.
"""

import contextlib
import math
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pupila.api.inputs import MOST_IN_MEMORY, is_path, refuse_data
from pupila.api.label_cells import labels_text
from pupila.artifacts.dataset.formats.tables.table_file import COLUMN_WORDS, MASK
from pupila.core import files
from pupila.core.errors import PupilaError, describe_type
from pupila.core.json_text import dump_json
from pupila.core.messages import integer, listing, say, say_count
from pupila.core.vocabulary import IMAGE_SUFFIXES
from pupila.imaging.images.decode import FORMATS, ImageFault, probe
from pupila.imaging.images.memory import encode_lossless, is_picture

TABLE, DIGEST = "images.jsonl", "images.sha256"
Row = dict[str, Any]
_DEEPEST = 8  # mappings in mappings
_ABANDONED = 86_400  # seconds, after which nobody writes into a temporary folder any more


def store(data: object, out: str | None = None) -> str:
    """Write the data into a folder of their own, unless they are there already; return the path of its table.

    Args:
        data: a list, a table, an ImageFolder, a Hugging Face dataset, or a mapping of split names to these.
        out: the folder; None: one in Pupila's cache, named by the content.

    Raises:
        PupilaError: a type that is not taken, an image that can't be stored, or a folder with other content.
    """
    rows = read_rows(data)
    base = Path(out).parent if out else files.cache_folder() / "datasets"
    if not out:
        _remove_abandoned(base)
    temporary = base / f".{uuid.uuid4().hex}"
    try:
        writer = _Writer(temporary)
        most = math.inf if _has_end(data) else _free_bytes(base) // 2
        for row in rows:
            writer.add(row)
            if writer.bytes > most:
                raise _endless(len(writer.lines))
        if not writer.lines:
            raise PupilaError(
                say("The data set is empty"), actual=_describe_empty(data), expected=say("images")
            )
        digest = writer.finish()
        target = Path(out) if out else base / digest[:24]
        if not _holds(target, digest):
            temporary.replace(target)
    except OSError as fault:
        raise files.write_error(base, fault) from fault
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return (target / TABLE).as_posix()


def _remove_abandoned(base: Path) -> None:
    """Delete the folders of the cache that killed processes left half written."""
    for folder in base.glob(".*"):
        with contextlib.suppress(OSError):
            if (
                re.fullmatch(r"\.[0-9a-f]{32}", folder.name)
                and time.time() - folder.stat().st_mtime > _ABANDONED
            ):
                shutil.rmtree(folder, ignore_errors=True)


def _describe_empty(data: object) -> str:
    """What data without images are: "an empty list", "no images in train, test"."""
    if isinstance(data, Mapping) and data:
        return say("no images in {names}", names=listing(list(map(str, data))))
    return say("an empty {type}", type=describe_type(data))


def _holds(folder: Path, digest: str) -> bool:
    """Whether the folder has this content already.

    Raises:
        PupilaError: it has another content.
    """
    if not folder.exists() or not any(folder.iterdir()):
        return False
    written = folder / DIGEST
    if written.is_file() and written.read_text() == digest:
        return True
    raise PupilaError(
        say("{path} holds other files", path=folder), expected=say("a new or an empty folder"),
        remedy=say("use another folder"),
    )  # fmt: skip


@dataclass
class _Writer:
    """Writes rows into a folder; images in memory become files below it."""

    folder: Path
    lines: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    bytes: int = 0  # of the images that were written

    def add(self, row: Row) -> None:
        """Add one row; cells of the user's own columns that are no text, number or boolean are left out.

        Raises:
            PupilaError: a group or the like that is several values, or a label that is no names of classes.
        """
        by_role = _columns_by_role(row)
        if MASK in by_role:  # a class beside a mask is a column of the user
            by_role.pop("target", None)
        read = set(by_role.values())
        cells: Row = {}
        for name, value in row.items():
            if by_role.get("image") == name:
                cells[name] = self._locate(value, "images")
            elif by_role.get(MASK) == name and value is not None:
                cells[name] = self._locate(value, "masks")
            else:
                labels = labels_text(value) if by_role.get("target") == name and _is_compound(value) else None
                if name in read and labels is None:
                    self._check_cell(name, value)
                cells[name] = _cell(value) if labels is None else labels
        self.lines.append(dump_json(cells))

    def _check_cell(self, name: str, value: object) -> None:
        """Refuse what would be lost, in a column that Pupila reads."""
        if not _is_compound(value):
            return
        raise PupilaError(
            say("The column {name} has no single value", name=name),
            actual=say("{type} in row {number}", type=describe_type(value), number=len(self.lines)),
            expected=say("one text or number for each image; for labels also a list of class names, or class names "
                         "with True, False or None (unknown)"),
            remedy=say("several labels of one image need the names of their classes: {example}",
                       example='["salt", "sugar"]'),
        )  # fmt: skip

    def finish(self) -> str:
        """Write the table; return the hash of all content."""
        text = ("\n".join(self.lines) + "\n").encode()
        digest = files.sha256("\n".join([files.sha256(text), *self.digests]).encode())
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / TABLE).write_bytes(text)
        (self.folder / DIGEST).write_text(digest)
        return digest

    def _locate(self, value: object, below: str) -> str | None:
        """The path of an image: where it lies, or where it is written."""
        if _is_blank(value):
            return None
        if is_path(value):
            return _absolute(os.fspath(value))  # type: ignore[call-overload]
        name = ""
        if isinstance(value, Mapping):  # Hugging Face's undecoded image
            path, content = str(value.get("path") or ""), value.get("bytes")
            if content is None:
                return _absolute(path) if path else None
            name, value = Path(path).stem, content
        if is_picture(value):
            value = encode_lossless(value)  # type: ignore[arg-type]
        if not isinstance(value, bytes | bytearray):
            raise PupilaError(
                say("Not an image"), actual=say("{type} in row {number}", type=describe_type(value),
                                                number=len(self.lines)),
                expected=say("a path, a Pillow image, a numpy array (height, width, 3) of uint8, or the bytes of a "
                             "file"),
            )  # fmt: skip
        content = bytes(value)
        number = f"{len(self.lines):06d}"
        path = f"{below}/{number}{'-' + name if name else ''}{_suffix(content)}"
        (self.folder / below).mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)
        self.bytes += len(content)
        self.digests.append(files.sha256(content))
        return path


def _role(name: str) -> str:
    """What a column is for, by its name; empty for a column of the user."""
    return next((role for role, words in COLUMN_WORDS.items() if name.lower() in words), "")


def _columns_by_role(row: Row) -> dict[str, str]:
    """The column of each role that the reader of tables will take."""
    lower = {name.lower(): name for name in row}
    columns = {role: next((lower[word] for word in words if word in lower), None)
             for role, words in COLUMN_WORDS.items()}  # fmt: skip
    return {role: name for role, name in columns.items() if name is not None}


def _absolute(path: str) -> str:
    return path if files.is_remote(path) else Path(path).absolute().as_posix()


def _suffix(content: bytes) -> str:
    try:
        return FORMATS[probe(content).format].split()[0]
    except ImageFault:
        return ".jpg"  # the doctor reports it


def _cell(value: object) -> str | None:
    """The cell as text: a class 1 that pandas holds as 1.0 is "1"."""
    if _is_blank(value) or _is_compound(value):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_compound(value: object) -> bool:
    """Whether a cell is more than one text, number or boolean, such as a list, an array or a series."""
    compound = isinstance(value, list | tuple | dict | set | frozenset | bytes | bytearray)
    return compound or is_picture(value) or (hasattr(value, "__len__") and not isinstance(value, str))


def _is_blank(value: object) -> bool:
    """Whether a cell is empty, also by pandas' NaN and NA."""
    nan = isinstance(value, float) and value != value
    return value is None or nan or type(value).__name__ in ("NAType", "NaTType")


def read_rows(data: object) -> Iterator[Row]:
    """The rows of data in memory, by column; whatever the user's own object raises is named with its row.

    Raises:
        PupilaError: a type that is not taken, an object that is not what it looks like, or rows without an end.
    """
    number = 0
    try:
        for number, row in enumerate(find_rows(data), start=1):
            if number > MOST_IN_MEMORY and not _has_end(data):
                raise _endless(MOST_IN_MEMORY)
            yield row
    except PupilaError:
        raise
    except Exception as fault:
        raise PupilaError(
            say("The data can't be read: {type} failed", type=describe_type(data)),
            actual=say_count(
                "{fault} after {n} row",
                "{fault} after {n} rows",
                number, fault=f"{type(fault).__name__}: {fault}"[:200],
            ),
            expected=refuse_data(data).expected,
        ) from fault  # fmt: skip


def _has_end(data: object, depth: int = 0) -> bool:
    """Whether it is known how many rows there are: an iterator may have no end, and neither has a mapping of itself."""
    if isinstance(data, Mapping):
        return depth < _DEEPEST and all(_has_end(part, depth + 1) for part in data.values())
    return hasattr(data, "__len__") or hasattr(data, "samples") or hasattr(data, "indices")


def _endless(rows: int) -> PupilaError:
    return PupilaError(
        say("The data may have no end"), actual=say("an iterator of more than {n} images", n=integer(rows)),
        expected=say("an iterator of at most {most} images, which take at most half of the free disk",
                     most=integer(MOST_IN_MEMORY)),
        remedy=say("a list, or a folder of images"),
    )  # fmt: skip


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(files.existing_folder(folder)).free


def find_rows(data: object) -> Iterator[Row]:
    """The rows of data in memory, by column.

    Raises:
        PupilaError: a type that is not taken.
    """
    if isinstance(data, Mapping):
        for split, part in data.items():
            yield from ({**row, "split": str(split)} for row in find_rows(part))
    elif hasattr(data, "features") and hasattr(data, "column_names"):
        yield from _hugging_face_rows(data)
    elif hasattr(data, "dataset") and hasattr(data, "indices"):  # torch's Subset
        rows = list(find_rows(data.dataset))
        yield from (rows[index] for index in data.indices)
    elif hasattr(data, "samples") and hasattr(data, "classes"):
        yield from ({"image": path, "label": _class_at(data.classes, index)} for path, index in data.samples)
    elif hasattr(data, "columns") and hasattr(data, "shape"):
        yield from _frame_rows(data)
    elif isinstance(data, Iterable) and not isinstance(data, str | bytes | set) and not hasattr(data, "ndim"):
        yield from map(_item_row, data)
    else:
        raise refuse_data(data)


def _class_at(classes: Any, index: Any) -> Any:
    """The class of a number; a negative one would count from the end."""
    if index < 0:
        raise IndexError(say("class number {n}", n=index))
    return classes[index]


def _frame_rows(frame: Any) -> Iterator[Row]:
    names = [str(name) for name in frame.columns]
    if not any(_role(name) == "image" for name in names):
        raise PupilaError(
            say("The table has no image column"),
            actual=", ".join(names) or say("no columns"),
            expected=", ".join(COLUMN_WORDS["image"]),
        )
    rows = frame.iter_rows() if hasattr(frame, "iter_rows") else frame.itertuples(index=False, name=None)
    yield from (dict(zip(names, row, strict=True)) for row in rows)


def _hugging_face_rows(data: Any) -> Iterator[Row]:
    """Rows of a Hugging Face dataset; its images are taken as the bytes of their files, never decoded."""
    features = dict(data.features)
    images = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    if not images:
        raise PupilaError(
            say("The dataset has no Image feature"), actual=", ".join(features),
            expected=say("a column of the feature Image"), remedy="dataset.cast_column(NAME, datasets.Image())",
        )  # fmt: skip
    for name in images:
        data = data.cast_column(name, type(features[name])(decode=False))
    mask = next((name for name in images[1:] if _role(name) == MASK or name == "annotation"), None)
    image = next(name for name in images if name != mask)
    labels: dict[str, Any] = {
        name: getattr(feature, "feature", feature) for name, feature in features.items()
    }
    classes = {name: list(feature.names) for name, feature in labels.items()
               if type(feature).__name__ == "ClassLabel"}  # fmt: skip
    label = next((name for name in classes if _role(name) == "target"), next(iter(classes), None))
    for row in data:
        cells = {
            name: _class_name(classes.get(name), value) for name, value in row.items() if name not in images
        }
        if label is not None:
            cells["label"] = cells.pop(label)
        yield {"image": row[image], **({"mask": row[mask]} if mask else {}), **cells}


def _class_name(names: list[str] | None, value: Any) -> Any:
    """The name of a class, or those of a list; None for an image without a label, which is -1 there."""
    if names is None or value is None:
        return value
    if isinstance(value, list | tuple):
        return [names[index] for index in value if index >= 0]
    return names[value] if value >= 0 else None


def _item_row(item: object) -> Row:
    """One entry of a list: an image, or an image with its label or its mask."""
    if isinstance(item, Mapping):
        return {str(name): value for name, value in item.items()}
    if not isinstance(item, tuple | list):
        if is_path(item) or is_picture(item) or isinstance(item, bytes | bytearray):
            return {"image": item}
        raise PupilaError(
            say("Not an image"), actual=describe_type(item),
            expected=say("a path, a Pillow image, a numpy array, the bytes of a file, or (image, label)"),
        )  # fmt: skip
    if len(item) != 2:
        raise PupilaError(
            say("Not an image with its label"),
            actual=say_count(
                "{n} value",
                "{n} values",
                len(item),
            ),
            expected="(image, label)",
        )
    image, label = item
    return {"image": image, ("mask" if _is_mask(label) else "label"): label}


def _is_mask(label: object) -> bool:
    """Whether the second of a pair is a mask, in memory or as a file; an array of one dimension has names."""
    return (is_picture(label) and getattr(label, "ndim", 2) > 1) or _is_image_file(label)


def _is_image_file(label: object) -> bool:
    """Whether the second of a pair is the path of a mask: a class may not be named like an image that exists."""
    if not is_path(label) or files.suffix(path := os.fspath(label)) not in IMAGE_SUFFIXES:  # type: ignore[call-overload]
        return False
    return files.exists(path)

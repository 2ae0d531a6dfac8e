"""Tables of run lengths, as Kaggle's competitions have them: a row for each object, `ImageId,EncodedPixels`."""

import re
import reprlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.tools.annotation_file import AnnotatedImage, Annotation, AnnotationFile
from pupila.core import files
from pupila.core.messages import say
from pupila.core.vocabulary import IMAGE_SUFFIXES

RUNS = "runs"  # key of a segmentation: the text of the run lengths
_HEAD = 65536  # bytes in which a table shows what it holds
_CELL = re.compile(r"\d+ \d+(?: \d+ \d+)*")
_IN_TABLE = re.compile(rb"(?:^|[,;\t\"])\d+ \d+(?: \d+ \d+)*\s*(?=[,;\t\"\r\n]|$)", re.MULTILINE)
_HINT = re.compile(r"rle|encod|pixel|mask|segm|run.?length|annotation", re.IGNORECASE)
_IMAGE = re.compile(
    r"(image|img|file|photo|picture|tile)?[_ ]?(id|name|file|path|image|index)?", re.IGNORECASE
)
_CLASS = re.compile(r"(class|label|category|type)[_ ]?(id|name|ids)?|cell_type", re.IGNORECASE)
_NAME_AND_CLASS = re.compile(
    rf"(.+(?:{'|'.join(map(re.escape, sorted(IMAGE_SUFFIXES)))}))_(.+)", re.IGNORECASE
)
_NOTHING = {"", "-1", "nan", "none", "null"}
_MANY_NUMBERS = 6  # of a cell that is no size and no box
_FITTING, _NEARLY_ALL = (
    0.5,
    0.9,
)  # share of the cells that are run lengths, where the column's name says so and where not
_DIGITS = 18  # of a number of which two can be added
_FOREGROUND = "foreground"
Row = dict[str, Any]


def may_hold_runs(uris: Iterable[str]) -> bool:
    """Whether one of the tables has cells of run lengths among its first ones."""
    return any(_IN_TABLE.search(files.read_start(uri, _HEAD)) for uri in uris if uri.lower().endswith(".csv"))


def parse(content: Any, uri: str) -> AnnotationFile | None:
    """The content of a table of run lengths; None where it is something else.

    Args:
        content: rows of a CSV file.
        uri: of the file, for messages.
    """
    rows = content if isinstance(content, list) and all(isinstance(row, dict) for row in content) else []
    columns = list(rows[0]) if rows else []
    runs = next((name for name in columns if _holds_runs(name, [_text(row, name) for row in rows])), None)
    others = [name for name in columns if name != runs]
    if runs is None or not others:
        return None
    image = next((name for name in others if name and _IMAGE.fullmatch(name)), others[0])
    kind = next((name for name in others if name != image and _CLASS.fullmatch(name)), None)
    size = [next((name for name in others if name.lower() == side), None) for side in ("height", "width")]
    filled = [_text(row, runs) for row in rows if _text(row, runs).lower() not in _NOTHING]
    sample = len(filled) > 1 and len({*filled}) == 1
    records: dict[str, AnnotatedImage] = {}
    annotations: dict[str, list[Annotation]] = {}
    names: dict[str, None] = {}
    for row in rows:
        path, label = _text(row, image), _text(row, kind) if kind else _FOREGROUND
        if kind is None and (match := _NAME_AND_CLASS.fullmatch(path)):
            path, label = match[1], match[2]
        height, width = (
            int(cell) if name and (cell := _text(row, name)).isdigit() else None for name in size
        )
        records.setdefault(path, AnnotatedImage(path, height, width, annotated=not sample))
        cell = _text(row, runs)
        if label.lower() not in _NOTHING:
            names[label] = None
        if cell.lower() not in _NOTHING and not sample:
            annotations.setdefault(path, []).append(Annotation(label, {RUNS: cell}))
    notes = []
    if sample:
        notes.append(say("{path}: all rows have the same run lengths, as in a sample of a submission: its images are "
                         "unlabelled.", path=uri))  # fmt: skip
    return AnnotationFile(records, annotations, _sort_names(names), notes=notes)


def decode_runs(text: str, height: int, width: int) -> NDArray[np.bool_]:
    """(height, width) bool: pairs of start and length, counted from 1 down the columns, then to the right.

    Raises:
        ValueError: they are no pairs of whole numbers, or runs overlap, are empty, or reach beyond the image.
    """
    words = text.split()
    if not all(re.fullmatch(r"-?\d+", word) for word in words):
        raise ValueError(say("its run lengths are not whole numbers: {text}", text=reprlib.repr(text)))
    if len(words) % 2:
        raise ValueError(
            say("its run lengths are {n} numbers, and no pairs of start and length", n=len(words))
        )
    if any(len(word) > _DIGITS for word in words):
        raise ValueError(say("its run lengths reach far beyond the image"))
    numbers = np.array(words, dtype=np.int64)
    starts, ends = numbers[::2] - 1, numbers[::2] - 1 + numbers[1::2]
    if (numbers < 1).any():
        raise ValueError(say("its run lengths begin at 1, and none is empty"))
    if ends.max(initial=0) > height * width:
        raise ValueError(
            say("its run lengths reach pixel {n} of {most}", n=int(ends.max()), most=height * width)
        )
    changes = np.zeros(height * width + 1, dtype=np.int32)
    np.add.at(changes, starts, 1)
    np.add.at(changes, ends, -1)
    covered = changes[:-1].cumsum()
    if (covered > 1).any():
        raise ValueError(say("its run lengths overlap"))
    return covered.reshape(width, height).T > 0


def _text(row: Row, name: str) -> str:
    return str(row.get(name) or "").strip()


def _holds_runs(name: str, cells: list[str]) -> bool:
    """Whether a column holds run lengths: its name says so, or its cells are too long for sizes and boxes.

    A few cells may be damaged: their images are listed when the masks are drawn.
    """
    filled = [cell for cell in cells if cell.lower() not in _NOTHING]
    fitting = [cell for cell in filled if _CELL.fullmatch(cell)]
    hinted = bool(_HINT.search(name))
    if not fitting or len(fitting) < (_FITTING if hinted else _NEARLY_ALL) * len(filled):
        return False
    if hinted:
        return True
    longest = max(fitting, key=len).split()
    starts = [int(start) for start in longest[::2]]
    return len(longest) >= _MANY_NUMBERS and starts == sorted(starts)


def _sort_names(names: Iterable[str]) -> list[str]:
    """Numbers by their value, other names as they come."""
    names = list(names)
    return sorted(names, key=int) if all(name.isdigit() for name in names) else names

"""Names for classes that are numbers or synsets, from a file beside the images: `classes.txt`, `id2label`, others."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.tables.text_tables import detect_separator, list_lines
from pupila.core import files
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IMAGE_SUFFIXES, is_own_file
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.label_text import read_labels, write_labels
from pupila.tasks.multilabel import MULTILABEL

_SUFFIXES = (".json", ".txt", ".csv", ".tsv", ".names", ".lst")
_MOST_BYTES = 1_000_000
_MOST_FILES = 20  # of one ending: more belong to an image each
_LONGEST = 200  # characters of a name
_CODE = re.compile(r"n\d{8}|\d{1,6}(?:\.0)?")  # of WordNet's synsets, and numbers
_LETTER = re.compile(r"[^\W\d_]")
_CODE_FIRST = re.compile(r"(?P<code>n\d{8}|\d{1,6})\s*[\s:,;=]\s*(?P<name>\S.*)")
_CODE_LAST = re.compile(r"(?P<name>\S.*?)\s*[\s:,;=]\s*(?P<code>n\d{8}|\d{1,6})")
# In the name of a file that names classes; in other files a mapping counts only where it has these classes alone.
_ABOUT = re.compile(r"class|label|name|categor|cat[_-]|synset|mapping|index|words", re.IGNORECASE)
_ORDERED = re.compile(
    r"(class|label|categor)(es|s|ies|y)?([_-]?(names?|list))?|names|(class|label)[_-]?names?", re.I
)
_LISTS = ("classes", "names", "labels", "class_names", "categories")  # keys of lists in JSON
_MAPPINGS = ("id2label", "label2id", "class_to_idx", "idx_to_class", "labels", "classes", "names")


@dataclass(frozen=True, slots=True)
class _NameFile:
    """A file that names classes."""

    path: str  # below the folder of the data
    names: dict[str, str]  # code to name; by position where the file has no codes
    ordered: bool  # whether its names have no codes


def name_coded_classes(source: Listing) -> Listing:
    """The listing with names for its classes, where these are all codes and a file beside the images names them.

    A list without codes counts from 0 or from 1, whichever the labels prove; where they leave it open, a note says so.

    Args:
        source: with one label, or a text of several labels, for each image.
    """
    codes = _list_codes(source)
    if not codes or "saved_sha256" in source.rows.columns:  # a saved manifest keeps its classes
        return source
    matches = [each for each in _find_name_files(source) if each.ordered or _is_about(each, codes)]
    fitting, notes = [], []
    for each in matches:
        fitted = _fit(each, codes)
        if isinstance(fitted, dict):
            fitting.append((each, fitted))
        else:
            notes.append(fitted)
    if not fitting:
        return replace(source, notes=[*source.notes, *notes])
    fitting.sort(key=lambda pair: pair[0].ordered)
    (chosen, names), *others = fitting
    names = _tell_apart(names)
    if all(code == name for code, name in names.items()):
        return source
    shown = [f"{code} = {names[code]}" for code in sorted(codes, key=_order)]
    notes = [say("The classes are named by {file}: {names}.", file=chosen.path, names=listing(shown, 3))]
    if chosen.ordered:
        first = min(int(float(code)) for code in codes) > 0
        notes.append(say("Its first name is that of class {number}, as the labels prove.", number=int(first)))
    differing = [each.path for each, other in others if _tell_apart(other) != names]
    if differing:
        notes.append(
            say("{files}: other names of the classes, which are not used.", files=listing(differing, 3))
        )
    return replace(source, rows=_rename(source, names), notes=[*source.notes, *notes])


def _list_codes(source: Listing) -> set[str]:
    """The classes, where all are codes."""
    targets = source.rows["target"].drop_nulls().unique().to_list()
    if source.target == MULTILABEL.target:
        classes = {name for text in targets for name in read_labels(text)}
    elif source.target == CLASSIFY.target:
        classes = {text.strip() for text in targets}
    else:
        return set()
    return classes if all(map(_CODE.fullmatch, classes)) else set()


def _order(code: str) -> tuple[int, str]:
    return (int(float(code)), "") if code[0].isdigit() else (0, code)


def _find_name_files(source: Listing) -> Iterator[_NameFile]:
    """The files that may name classes, in the folders of the images, of the data and of the tables."""
    around = map(files.parent, source.tables)
    for folder in dict.fromkeys((source.root.rstrip("/"), source.home.rstrip("/"), *around)):
        if not folder or not files.is_folder(folder):
            continue
        listed = [name for name in files.list_files(folder) if name.lower().endswith(_SUFFIXES)]
        count = Counter(map(files.suffix, listed))
        for name in listed:
            uri = files.join(folder, name)
            if (
                is_own_file(name)
                or uri in source.tables
                or (count[files.suffix(name)] > _MOST_FILES and not _ABOUT.search(name))
            ):
                continue
            data = files.read_start(uri, _MOST_BYTES + 1)
            if len(data) <= _MOST_BYTES and (names := _parse(name, data)) is not None:
                yield _NameFile(name, *names)


def _parse(name: str, data: bytes) -> tuple[dict[str, str], bool] | None:
    """The names by their codes or their positions, and whether it is the latter; None for another file."""
    ordered = bool(_ORDERED.fullmatch(PurePosixPath(name).stem)) or name.lower().endswith(".names")
    if name.lower().endswith(".json"):
        try:
            content = json.loads(data.decode("utf-8-sig"))
        except ValueError:
            return None
        if (mapping := _parse_mapping(content) or _parse_records(content)) is not None:
            return mapping, False
        names = content if ordered else None
        if isinstance(content, dict):
            names = next((content[key] for key in _LISTS if isinstance(content.get(key), list)), None)
        return _parse_order(names) if isinstance(names, list) else None
    lines = list_lines(data)
    if (coded := _parse_lines(name, lines)) is not None:
        return coded, False
    return _parse_order(lines) if ordered else None


def _parse_order(names: list[Any]) -> tuple[dict[str, str], bool] | None:
    if len(names) < 2 or not all(isinstance(name, str) and _is_name(name) for name in names):
        return None
    return (
        ({str(n): name.strip() for n, name in enumerate(names)}, True)
        if len({*names}) == len(names)
        else None
    )


def _parse_mapping(content: Any) -> dict[str, str] | None:
    """`{"0": "cat"}`, `{"cat": 0}`, `{"0": ["n02123045", "cat"]}`, also within `id2label` and the like."""
    if not isinstance(content, dict) or not content:
        return None
    if all(_CODE.fullmatch(str(key)) for key in content):
        pairs = [(str(key), value) for key, value in content.items()]
        if all(isinstance(value, list) and len(value) == 2 for _, value in pairs):
            pairs += [(str(value[0]), value[1]) for _, value in pairs]
            pairs = [(code, value[-1] if isinstance(value, list) else value) for code, value in pairs]
    elif all(isinstance(value, int) and not isinstance(value, bool) for value in content.values()):
        pairs = [(str(value), key) for key, value in content.items()]
    else:
        inner = [names for key in _MAPPINGS if (names := _parse_mapping(content.get(key))) is not None]
        return inner[0] if inner else None
    return _check_pairs(pairs)


def _parse_records(content: Any) -> dict[str, str] | None:
    """`[{"id": 0, "name": "cat"}]`, also below `categories` and the like."""
    if isinstance(content, dict):
        return next(
            (names for key in _LISTS if (names := _parse_records(content.get(key))) is not None), None
        )
    if not isinstance(content, list) or not all(isinstance(record, dict) for record in content):
        return None
    pairs = [
        pair
        for record in content
        if (pair := _find_pair([str(cell) for cell in record.values()])) is not None
    ]
    return _check_pairs(pairs) if len(pairs) == len(content) else None


def _parse_lines(name: str, lines: list[str]) -> dict[str, str] | None:
    """A code and a name in each line, in either order; the first line may be a header."""
    if name.lower().endswith((".csv", ".tsv")):
        text = "\n".join(lines)
        rows = csv.reader(io.StringIO(text), delimiter=detect_separator(text))
        pairs = [pair for row in rows if (pair := _find_pair([cell.strip() for cell in row])) is not None]
        return _check_pairs(pairs) if len(pairs) >= len(lines) - 1 else None
    for pattern in (_CODE_FIRST, _CODE_LAST):
        matches = [match for line in lines if (match := pattern.fullmatch(line))]
        if len(matches) >= max(2, len(lines) - 1):
            return _check_pairs([(match["code"], match["name"]) for match in matches])
    return None


def _find_pair(cells: list[str]) -> tuple[str, str] | None:
    """The first code and the first name among the cells of a line."""
    code = next((cell for cell in cells if _CODE.fullmatch(cell)), None)
    name = next((cell for cell in cells if not _CODE.fullmatch(cell) and _is_name(cell)), None)
    return None if code is None or name is None else (code, name)


def _check_pairs(pairs: list[tuple[str, Any]]) -> dict[str, str] | None:
    """The names by code; None where a code comes twice, or a name is none."""
    if len(pairs) < 2 or len({code for code, _ in pairs}) < len(pairs):
        return None
    if not all(isinstance(name, str) and _is_name(name) for _, name in pairs):
        return None
    return {code: name.strip() for code, name in pairs}


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST and bool(_LETTER.search(text)) and files.suffix(text) not in IMAGE_SUFFIXES


def _is_about(file: _NameFile, codes: set[str]) -> bool:
    """Whether the file is about classes: its name or its synsets say so, or it names just these."""
    plain = {str(int(float(code))) if code[0].isdigit() else code for code in codes}
    return bool(_ABOUT.search(file.path)) or plain == file.names.keys() or (
        any(code.startswith("n") for code in file.names) and plain <= file.names.keys())  # fmt: skip


def _fit(file: _NameFile, codes: set[str]) -> dict[str, str] | str:
    """The name of each code; a sentence where the file does not fit."""
    numbers = {code: str(int(float(code))) if code[0].isdigit() else code for code in codes}
    if not file.ordered:
        padded = {str(int(code)) if code.isdigit() else code: name for code, name in file.names.items()}
        missing = sorted({number for number in numbers.values() if number not in padded}, key=_order)
        if missing:
            return say("{file} is not used: it names no class {numbers}.", file=file.path,
                       numbers=listing(missing, 3))  # fmt: skip
        return {code: padded[number] for code, number in numbers.items()}
    count = len(file.names)
    if not all(number.isdigit() for number in numbers.values()):
        return say(
            "{file} is not used: its names have no codes such as {code}.", file=file.path, code=min(codes)
        )
    values = [int(number) for number in numbers.values()]
    low, high = min(values), max(values)
    if low > 0 and high < count:
        return say("{file} is not used: it has {count} names and the labels go from {low} to {high}, so counting from "
                   "0 or from 1 is open. Write the numbers before the names.", file=file.path, count=count, low=low,
                   high=high)  # fmt: skip
    first = 0 if low == 0 else 1
    if 2 * len(codes) < count:
        return say("{file} is not used: it has {count} names, and the labels only {classes} classes. Write the numbers "
                   "before the names.", file=file.path, count=count, classes=len(codes))  # fmt: skip
    if high - first >= count:
        return say("{file} is not used: it has {count} names, and the labels go from {low} to {high}.",
                   file=file.path, count=count, low=low, high=high)  # fmt: skip
    return {code: file.names[str(int(number) - first)] for code, number in numbers.items()}


def _tell_apart(names: dict[str, str]) -> dict[str, str]:
    """The names, those that several codes have with their code."""
    count = Counter(names.values())
    return {code: f"{name} ({code})" if count[name] > 1 else name for code, name in names.items()}


def _rename(source: Listing, names: dict[str, str]) -> pl.DataFrame:
    targets = source.rows["target"].to_list()
    if source.target == MULTILABEL.target:
        texts = [None if text is None else write_labels({names[n]: v for n, v in read_labels(text).items()})
                 for text in targets]  # fmt: skip
    else:
        texts = [None if text is None else names[text.strip()] for text in targets]
    return source.rows.with_columns(target=pl.Series(texts, dtype=pl.String))

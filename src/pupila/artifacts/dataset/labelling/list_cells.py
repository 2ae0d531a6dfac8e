"""One cell with several labels: a list of names, or a record that says of each class whether it is present."""

import ast
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pupila.artifacts.dataset.labelling.cells import MINUS
from pupila.core.messages import say
from pupila.core.vocabulary import ABSENT_WORDS, NONE_WORDS, PRESENT_WORDS, UNKNOWN_WORDS

_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_NAN = re.compile(r"('[^']*'|\"[^\"]*\")|\bnan\b")  # not within quotes
_EMPTY_SET: Final = "set()"
_COMPOUND = (list, tuple, set, dict)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell whose image counts as unlabelled."""

    reason: str  # in words


Content = list[str] | dict[str, bool | None] | Unreadable  # present names; or each class, None: unknown


def parse_cell(cell: str) -> list[Any] | dict[Any, Any] | None:
    """The items of a list, tuple or set in JSON or Python, or a record; None: something else, or broken."""
    text = cell.strip()
    if text == _EMPTY_SET:
        return []
    if not (text.startswith(("[", "{", "(")) and text.endswith(("]", "}", ")"))):
        return None
    content = _parse(text)
    if isinstance(content, set):
        return sorted(content, key=str)
    return (
        list(content) if isinstance(content, tuple) else content if isinstance(content, list | dict) else None
    )


def _parse(text: str) -> object:
    if text.startswith("[") and re.search(r"['\"]\s+['\"]", text) and "," not in text:
        return [first or second for first, second in _QUOTED.findall(text)]  # as numpy prints an array
    parsers: tuple[Callable[[str], object], ...] = (json.loads, ast.literal_eval)
    for parse in parsers:
        try:
            return parse(text if parse is json.loads else _NAN.sub(lambda match: match[1] or "'nan'", text))
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
    return None


def read_content(content: list[Any] | dict[Any, Any], classes: Sequence[str] = ()) -> Content:
    """What a parsed cell says: in a record 1 is present, 0 absent, and -1 or a word such as NaN unknown.

    Args:
        content: of the cell.
        classes: of the data, whose names are no words for something else.
    """
    if isinstance(content, dict):
        words = {str(name).strip(): str(value).strip().lower() for name, value in content.items()}
        odd = {name: word for name, word in words.items() if not is_state(word)}
        if odd:
            name, word = next(iter(odd.items()))
            return Unreadable(
                say("{name}: {value} is neither present nor absent nor unknown", name=name, value=word)
            )
        return {name: read_state(word) for name, word in words.items()}
    if any(isinstance(item, _COMPOUND) for item in content):
        return Unreadable(say("a list in a list"))
    return check_names(sorted({str(item).strip() for item in content}), classes)


def check_names(names: Sequence[str], classes: Sequence[str] = ()) -> list[str] | Unreadable:
    """The names, unless one of them is a word for an unknown class; a lone word for none is one of the names."""
    lone = len(names) == 1
    odd = [name for name in names
           if name not in classes and is_unknown_word(name) and not (lone and is_none_word(name))]  # fmt: skip
    return Unreadable(say('"{name}" is not a class', name=odd[0])) if odd else list(names)


def is_state(word: str) -> bool:
    """Whether a word in lower case says present, absent or unknown."""
    return word in PRESENT_WORDS | ABSENT_WORDS | UNKNOWN_WORDS or word in MINUS


def read_state(word: str) -> bool | None:
    """Whether the word says present; None: unknown."""
    return True if word in PRESENT_WORDS else False if word in ABSENT_WORDS else None


def is_unknown_word(text: str) -> bool:
    """Whether the text says that nobody knows the label."""
    return text.strip().lower() in UNKNOWN_WORDS


def says_nothing(cell: str) -> bool:
    """Whether a whole cell, or the name of a folder, leaves the label open; "none" says that no class is present."""
    return is_unknown_word(cell) and not is_none_word(cell)


def is_none_word(text: str) -> bool:
    """Whether the text says that no class is present."""
    return text.strip().lower() in NONE_WORDS


def are_places(contents: Sequence[list[Any] | dict[Any, Any]]) -> bool:
    """Whether all lists hold nothing but 0 and 1, which leaves open which class is which."""
    items = [item for content in contents if isinstance(content, list) for item in content]
    return bool(items) and all(isinstance(item, int | float) and item in (0, 1) for item in items)

"""Class names that can be printed: control characters in them would steer the terminal and break lines of tables."""

import unicodedata
from collections.abc import Sequence

from pupila.artifacts.dataset.formats.file_names import look_alike
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # Unicode's categories: controls, lone surrogates, ends of lines
_SHOWN = 3  # names in the message


def describe_similar_classes(classes: Sequence[str]) -> list[str]:
    """A note for names that differ in capitals, blanks or Unicode form alone: they may be one class, typed in two ways.

    Args:
        classes: of the data.
    """
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(look_alike(name), []).append(name)
    return [say("The classes {names} differ in capitals or blanks alone, and stay classes of their own.",
                names=listing([f'"{name}"' for name in names]))
            for names in alike.values() if len(names) > 1]  # fmt: skip


def refuse_unprintable_classes(data: Dataset) -> None:
    """Stop where the name of a class holds control characters, whatever the layout.

    Raises:
        PupilaError: the names as Python writes them, and where they come from.
    """
    names = [name for name in data.classes if any(unicodedata.category(c) in _UNPRINTABLE for c in name)]
    if names:
        raise PupilaError(
            say("The names of classes hold control characters, in {path}", path=data.root),
            actual=f"{data.layout}: {listing([ascii(name) for name in names], _SHOWN)}",
            expected=say("names of printed characters on one line"),
            remedy=say("correct the names in the file, or rename the folders"),
        )  # fmt: skip

"""Class names that can be printed: control characters in them would steer the terminal and break lines of tables."""

import unicodedata

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # Unicode's categories: controls, lone surrogates, ends of lines
_SHOWN = 3  # names in the message


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

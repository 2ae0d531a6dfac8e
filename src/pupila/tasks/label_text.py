"""The labels of one image as text: which classes it shows, which it does not, and by omission which nobody knows.

`{"sodium": 1, "sugar": 0}` in JSON, sorted by name: present, absent, and every class that is not named is unknown.
It is how the column `target` holds several labels, in a manifest, a label history and a table of predictions.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.tasks.task import Array

PRESENT, ABSENT, UNKNOWN = 1, 0, -1


def write_labels(labels: Mapping[str, bool]) -> str:
    """The known classes of one image as text.

    Args:
        labels: name of each known class -> whether the image shows it.
    """
    return json.dumps({name: int(labels[name]) for name in sorted(labels)}, ensure_ascii=False)


def read_labels(text: str) -> dict[str, bool]:
    """The known classes of one image, by name: whether the image shows it.

    Raises:
        PupilaError: the text was not written by `write_labels`.
    """
    labels = _parse(text)
    if labels is None:
        raise PupilaError(
            say("Not the labels of an image"), actual=text[:80], expected='{"sodium": 1, "sugar": 0}',
        )  # fmt: skip
    return labels


def is_label_text(text: str) -> bool:
    """Whether the text was written by `write_labels`."""
    return _parse(text) is not None


def _parse(text: str) -> dict[str, bool] | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    if not isinstance(content, dict) or not all(value in (0, 1) for value in content.values()):
        return None
    return {name: bool(value) for name, value in content.items()}


def present_classes(text: str) -> list[str]:
    """The names of the classes that the image shows, sorted."""
    return [name for name, present in read_labels(text).items() if present]


def label_matrix(texts: Sequence[str | None], classes: Sequence[str]) -> Array:
    """(N, C) int8: 1 present, 0 absent, -1 unknown; an image without labels is unknown in every class.

    Args:
        texts: of N images, as `write_labels` writes them; None: no label.
        classes: C names; others are left out.
    """
    column = {name: number for number, name in enumerate(classes)}
    matrix = np.full((len(texts), len(classes)), UNKNOWN, dtype=np.int8)
    for row, text in enumerate(texts):
        for name, present in read_labels(text).items() if text is not None else ():
            if name in column:
                matrix[row, column[name]] = present
    return matrix


def describe_labels(text: str, classes: Sequence[str]) -> str:
    """The labels in words: the classes that are present, and those that are unknown.

    Args:
        text: as `write_labels` writes it.
        classes: all names of the data set.
    """
    labels = read_labels(text)
    unknown = [name for name in classes if name not in labels]
    shown = listing([name for name, present in labels.items() if present]) or say("none of the classes")
    return say("{labels}; unknown: {unknown}", labels=shown, unknown=listing(unknown)) if unknown else shown

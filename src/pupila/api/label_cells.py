"""Several labels of one image as Python has them: a list of names, or a mapping of names to present or absent."""

import json
from collections.abc import Mapping
from typing import Any

from pupila.artifacts.dataset.labelling.list_cells import is_state, read_state


def labels_text(value: object) -> str | None:
    """The labels as the text of a table's cell; None where the value is no names of classes.

    Args:
        value: a list, tuple, set, one-dimensional array or series of names; or a mapping of names to what a table's
            cells say: True, 1 or "yes"; False, 0 or "no"; None, NaN or -1 (unknown). Without a name it is no label.
            Numbers that are all 0 or 1 are no names: they leave open which class is which.
    """
    if isinstance(value, Mapping):
        words = {str(name): str(state).strip().lower() for name, state in value.items()}
        if not all(map(is_state, words.values())):
            return None
        states = {name: read_state(word) for name, word in words.items()}
        return _text({name: None if state is None else int(state) for name, state in states.items()})
    names = _items(value)
    if names is None or not all(map(_is_scalar, names)):
        return None
    numbers = [name for name in names if not isinstance(name, str)]
    if names and len(numbers) == len(names) and all(number in (0, 1) for number in numbers):
        return None
    return _text([None if name is None else str(name) for name in names])


def _items(value: object) -> list[Any] | None:
    """The items of a list and the like; None for anything else."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    is_column = hasattr(value, "to_list") or (hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1)
    if not is_column:
        return None
    return list(value.to_list() if hasattr(value, "to_list") else value.tolist())  # type: ignore[attr-defined]


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool) or hasattr(value, "item")


def _text(content: object) -> str:
    return json.dumps(content, ensure_ascii=False)

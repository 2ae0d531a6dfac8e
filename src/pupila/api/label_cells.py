"""Several labels of one image as Python has them: a list of names, or a mapping of names to present or absent."""

import json
from collections.abc import Mapping
from typing import Any


def labels_text(value: object) -> str | None:
    """The labels as the text of a table's cell; None where the value is no names of classes.

    Args:
        value: a list, tuple, set, one-dimensional array or series of names; or a mapping of names to True, False or
            None (unknown). Numbers that are all 0 or 1 are no names: they leave open which class is which.
    """
    if isinstance(value, Mapping):
        known = all(present is None or present in (0, 1) for present in value.values() if _is_scalar(present))
        if not value or not known or not all(map(_is_scalar, value.values())):
            return None
        return _text(
            {str(name): None if present is None else int(present) for name, present in value.items()}
        )
    names = _items(value)
    if names is None or not all(map(_is_scalar, names)):
        return None
    numbers = [name for name in names if not isinstance(name, str)]
    if names and len(numbers) == len(names) and all(number in (0, 1) for number in numbers):
        return None
    return _text([str(name) for name in names if name is not None])


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
